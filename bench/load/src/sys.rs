//! The one call that rustix has no safe form for. The only file here with `unsafe`.

#![expect(unsafe_code, reason = "a socket option that no safe crate has")]

use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;

/// Has `bind` with port 0 take an address and no port: `connect` chooses one that is free towards its peer.
pub(crate) fn bind_address_without_port(socket: impl AsFd) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    let (socket, size) = (socket.as_fd().as_raw_fd(), size_of_val(&on) as libc::socklen_t);
    // SAFETY: the option takes one int, which is read during the call and is that long.
    let outcome = unsafe {
        libc::setsockopt(
            socket,
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size,
        )
    };
    if outcome == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}
