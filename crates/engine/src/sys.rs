//! The few calls that rustix has no safe form for. The only file of the engine with `unsafe`.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU64;

use rustix::io::{Errno, Result};
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

const SIOCATMARK: Opcode = 0x8905;
const SIOCOUTQ: Opcode = 0x5411;
#[cfg(test)]
const SIOCOUTQNSD: Opcode = 0x894B;

/// Whether the next byte to read is the urgent one.
pub(crate) fn at_mark(socket: impl AsFd) -> Result<bool> {
    // SAFETY: SIOCATMARK writes one int to its argument, which Getter provides.
    unsafe { ioctl(socket, Getter::<SIOCATMARK, i32>::new()) }.map(|at| at != 0)
}

/// Bytes written that the peer's kernel has not acknowledged yet.
pub(crate) fn unacknowledged(socket: impl AsFd) -> Result<u32> {
    // SAFETY: SIOCOUTQ writes one int to its argument, which Getter provides.
    unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new()) }.map(|bytes| bytes.unsigned_abs())
}

/// Bytes written that have not been sent yet.
#[cfg(test)]
pub(crate) fn unsent(socket: impl AsFd) -> Result<u32> {
    // SAFETY: SIOCOUTQNSD writes one int to its argument, which Getter provides.
    unsafe { ioctl(socket, Getter::<SIOCOUTQNSD, i32>::new()) }.map(|bytes| bytes.unsigned_abs())
}

/// Has `bind` with port 0 take an address and no port: `connect` chooses one that is free towards its peer.
pub(crate) fn bind_address_without_port(socket: impl AsFd) -> Result<()> {
    switch_on(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)
}

/// Lets the socket be bound to an address that is not this machine's. Needs `CAP_NET_ADMIN` or `CAP_NET_RAW`.
pub(crate) fn transparent(socket: impl AsFd, is_ipv4: bool) -> Result<()> {
    match is_ipv4 {
        true => switch_on(socket, libc::IPPROTO_IP, libc::IP_TRANSPARENT),
        false => switch_on(socket, libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT),
    }
}

fn switch_on(socket: impl AsFd, level: i32, option: i32) -> Result<()> {
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the option takes one int, which is read during the call and is that long.
    let outcome =
        unsafe { libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const on).cast(), size) };
    if outcome == 0 {
        return Ok(());
    }
    Err(std::io::Error::last_os_error().raw_os_error().map_or(Errno::INVAL, Errno::from_raw_os_error))
}

/// Has this thread's writes to sockets whose peers are gone fail, and do nothing else. `send` can be told so
/// each time, `splice` cannot; and what SIGPIPE does is the program's to choose that we are part of.
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: an empty set is made and changed in place, and only this thread's mask is touched. None of these
    // calls fails with these arguments.
    unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
    }
}

/// Gives pages back to the kernel that the allocator keeps for later, of all threads.
pub(crate) fn give_back_free_memory() {
    // SAFETY: it touches only what is free. Elsewhere the allocator has ways of its own.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Takes over a descriptor that the service manager handed to this process.
pub(crate) fn adopt(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the caller passes a descriptor it was given at the process's start and that nobody
    // else in the process uses or closes.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Pages of the kernel's, given back to it when this value goes.
#[derive(Debug)]
struct Pages {
    start: *mut u8,
    bytes: usize,
}

// SAFETY: the mapping is owned by this value and lives as long as it; how it is shared is for the
// types below to say, which hand out references of their own kind only.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

impl Pages {
    /// Pages of no file; they are zero, and cost nothing until they are written.
    fn anonymous(bytes: usize) -> Result<Pages> {
        // SAFETY: a new mapping at an address of the kernel's choice aliases nothing of ours.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, READ_WRITE, MapFlags::PRIVATE) }?;
        Ok(Pages { start: start.cast(), bytes })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this length, and no reference outlives self. A failure
        // would leave the mapping in place, which harms nobody.
        let _ = unsafe { munmap(self.start.cast(), self.bytes) };
    }
}

/// Bytes in pages of their own: they go back to the kernel at once, whatever an allocator would keep.
#[derive(Debug)]
pub(crate) struct MappedBytes(Pages);

impl MappedBytes {
    pub(crate) fn copy_of(bytes: &[u8]) -> Result<MappedBytes> {
        let mut copy = MappedBytes(Pages::anonymous(bytes.len())?);
        copy.slice_mut().copy_from_slice(bytes);
        Ok(copy)
    }

    fn slice_mut(&mut self) -> &mut [u8] {
        // SAFETY: the mapping holds so many bytes, any bits are valid in them, and self is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.0.start, self.0.bytes) }
    }
}

impl std::ops::Deref for MappedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as in `slice_mut`.
        unsafe { std::slice::from_raw_parts(self.0.start, self.0.bytes) }
    }
}

/// Mapped memory as shared words. Of a file: what is written survives the process, however it ends.
#[derive(Debug)]
pub(crate) struct MappedWords(Pages);

impl MappedWords {
    /// Maps the first `words` words of `file`, whose blocks must be allocated: writing to a hole on
    /// a full disk would end the process.
    pub(crate) fn map(file: impl AsFd, words: usize) -> Result<MappedWords> {
        let bytes = words * size_of::<AtomicU64>();
        // SAFETY: as for anonymous pages; that the file's bits may change is what atomics are for.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, READ_WRITE, MapFlags::SHARED, file, 0) }?;
        Ok(MappedWords(Pages { start: start.cast(), bytes }))
    }

    /// Words of no file; they are zero, and cost nothing until they are written.
    pub(crate) fn anonymous(words: usize) -> Result<MappedWords> {
        Pages::anonymous(words * size_of::<AtomicU64>()).map(MappedWords)
    }

    /// Lets go of the pages of a mapped file until they are used again; what they hold stays.
    pub(crate) fn release_pages(&self) {
        // SAFETY: the range is the mapping of a file, shared, so its contents are the kernel's and
        // are read from there again. A failure would cost memory, nothing else.
        let _ = unsafe { madvise(self.0.start.cast(), self.0.bytes, Advice::LinuxDontNeed) };
    }
}

impl std::ops::Deref for MappedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping holds so many words, aligned to pages; any bits are valid in them, they
        // are reached as atomics only, and they live as long as self.
        unsafe { std::slice::from_raw_parts(self.0.start.cast(), self.0.bytes / size_of::<AtomicU64>()) }
    }
}
