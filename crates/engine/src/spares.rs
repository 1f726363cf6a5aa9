//! Descriptors kept aside. Each client is taken in with one for its node, so that whoever is in can be served,
//! even where the last free descriptor went to its own connection; the others wait in the kernel's queue (law 9).

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;

/// So many are kept for the next for a while, so that they cost no calls.
const KEPT: usize = 16;

/// A worker's.
#[derive(Debug, Default)]
pub(crate) struct Spares(Vec<OwnedFd>);

impl Spares {
    /// One for a newcomer; a copy of any other descriptor, if the kernel has one to give.
    pub(crate) fn take(&mut self, any: impl AsFd) -> Option<OwnedFd> {
        self.have_one(any);
        self.0.pop()
    }

    /// Its newcomer is about to have a node, or has gone.
    pub(crate) fn put_back(&mut self, spare: Option<OwnedFd>) {
        if self.0.len() < KEPT {
            self.0.extend(spare);
        }
    }

    /// Whether there is one from here on.
    pub(crate) fn have_one(&mut self, any: impl AsFd) -> bool {
        if self.0.is_empty() {
            self.0.extend(fcntl_dupfd_cloexec(any, 0));
        }
        !self.0.is_empty()
    }

    /// Makes room for one other descriptor; false if there is none.
    pub(crate) fn lend(&mut self) -> bool {
        self.0.pop().is_some()
    }

    /// Lets all go.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Spares};

    #[test]
    fn a_few_are_kept_for_the_next() {
        let mut spares = Spares::default();
        assert!(!spares.lend(), "there are none yet");
        let taken: Vec<_> = (0..2 * KEPT).map(|_| spares.take(std::io::stdin())).collect();
        assert!(taken.iter().all(Option::is_some));
        taken.into_iter().for_each(|spare| spares.put_back(spare));
        assert_eq!(spares.0.len(), KEPT);
        assert!(spares.take(std::io::stdin()).is_some() && spares.lend());
        assert_eq!(spares.0.len(), KEPT - 2);
        spares.clear();
        assert!(!spares.lend());
        assert!(spares.have_one(std::io::stdin()) && spares.lend());
    }
}
