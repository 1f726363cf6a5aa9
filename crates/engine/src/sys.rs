//! The few calls that rustix has no safe form for. The only file of the engine with `unsafe`.

use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU64;

use rustix::io::Result;
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

const SIOCATMARK: Opcode = 0x8905;
const SIOCOUTQ: Opcode = 0x5411;

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

/// Takes over a descriptor that the service manager handed to this process.
pub(crate) fn adopt(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the caller passes a descriptor it was given at the process's start and that nobody
    // else in the process uses or closes.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Mapped memory as shared words. Of a file: what is written survives the process, however it ends.
#[derive(Debug)]
pub(crate) struct MappedWords {
    start: *mut AtomicU64,
    words: usize,
}

// SAFETY: the mapping is owned by this value, lives as long as it, and is only reached as atomics.
unsafe impl Send for MappedWords {}
// SAFETY: as above; atomics may be shared.
unsafe impl Sync for MappedWords {}

impl MappedWords {
    /// Maps the first `words` words of `file`, whose blocks must be allocated: writing to a hole on
    /// a full disk would end the process.
    pub(crate) fn map(file: impl AsFd, words: usize) -> Result<MappedWords> {
        let flags = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice aliases nothing of ours, and
        // page alignment is more than AtomicU64 needs.
        let start = unsafe { mmap(std::ptr::null_mut(), words * 8, flags, MapFlags::SHARED, file, 0) }?;
        Ok(MappedWords { start: start.cast(), words })
    }

    /// Maps words of no file; they are zero, and cost nothing until they are written.
    pub(crate) fn anonymous(words: usize) -> Result<MappedWords> {
        let flags = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: as in `map`.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), words * 8, flags, MapFlags::PRIVATE) }?;
        Ok(MappedWords { start: start.cast(), words })
    }

    /// Lets go of the pages of a mapped file until they are used again; what they hold stays.
    pub(crate) fn release_pages(&self) {
        // SAFETY: the range is the mapping of a file, shared, so its contents are the kernel's and
        // are read from there again. A failure would cost memory, nothing else.
        let _ = unsafe { madvise(self.start.cast(), self.words * 8, Advice::LinuxDontNeed) };
    }
}

impl std::ops::Deref for MappedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the mapping holds `words` words, any bits are valid in them, and it lives as long as self.
        unsafe { std::slice::from_raw_parts(self.start, self.words) }
    }
}

impl Drop for MappedWords {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `map` with this length, and no reference outlives self.
        // A failure would leave the mapping in place, which harms nobody.
        let _ = unsafe { munmap(self.start.cast(), self.words * 8) };
    }
}
