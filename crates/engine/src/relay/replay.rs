//! What was written, for another sink: kept as long as the first has not answered, and all of it or
//! nothing.

use super::Flow;
use crate::held::Held;

/// Bytes kept for another node while this one has not answered.
pub(super) const REPLAY_LIMIT: usize = 64 * 1024;

/// What was written, for another sink. Apart, since hardly any direction keeps it.
#[derive(Debug, Default)]
pub(super) struct Replay {
    written: Vec<u8>,
}

/// Keeps a copy as long as it stays within its limit.
pub(super) fn remember(replay: &mut Option<Box<Replay>>, bytes: &[u8]) {
    let Some(copy) = replay else { return };
    if copy.written.len() + bytes.len() > REPLAY_LIMIT {
        *replay = None;
    } else {
        copy.written.extend_from_slice(bytes);
    }
}

impl Flow {
    /// Keeps a copy of what is written from here on, for another node.
    pub(crate) fn keep_for_replay(&mut self) {
        self.replay = Some(Box::default());
    }

    /// Whether everything written can still be written again.
    pub(crate) fn can_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// The sink's first answer came: no copy is needed any more.
    pub(crate) fn forget_replay(&mut self) {
        self.replay = None;
    }

    /// Puts what was written to the last sink before what is held, for the next sink.
    pub(crate) fn rewind(&mut self) {
        let Some(mut bytes) = self
            .replay
            .as_mut()
            .map(|replay| std::mem::take(&mut replay.written))
            .filter(|written| !written.is_empty())
        else {
            return;
        };
        let held = self.held.take();
        bytes.extend_from_slice(held.as_ref().map_or(&[], |held| held.rest()));
        self.held = Some(Box::new(Held::new(&bytes, held.is_some_and(|held| held.ends_urgent()))));
    }
}
