//! A descriptor that each worker keeps aside: whoever is taken in can be given a node, even where the
//! last free descriptor went to his own connection. Nobody is taken in while it is lent (law 9).

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;

/// The descriptor, unless it is lent.
#[derive(Debug, Default)]
pub(crate) struct Spare(Option<OwnedFd>);

impl Spare {
    /// Has one from here on, a copy of any other, if the kernel has one to give.
    pub(crate) fn keep(&mut self, any: impl AsFd) -> bool {
        if self.0.is_none() {
            self.0 = fcntl_dupfd_cloexec(any, 0).ok();
        }
        self.0.is_some()
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Makes room for one other descriptor; false if it has none.
    pub(crate) fn lend(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Spare;

    #[test]
    fn it_is_lent_once_until_it_is_had_again() {
        let mut spare = Spare::default();
        assert!(!spare.lend(), "there is none yet");
        assert!(spare.keep(std::io::stdin()) && spare.lend());
        assert!(!spare.lend());
        assert!(spare.keep(std::io::stdin()));
    }
}
