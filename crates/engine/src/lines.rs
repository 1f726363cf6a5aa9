//! Newcomers in line, a line for each listener. The first of each line have their turns one after the other, so
//! that a flood at one listener, or clients that are dear to take in, keep only each other waiting.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::newcomer::Newcomer;

/// Memory of a line that is kept when nobody is left in it; what crowds needed is given back.
const KEPT: usize = 512;

/// A worker's newcomers.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Nobody's line is empty. The one whose turn is next comes first.
    lines: VecDeque<VecDeque<Newcomer>>,
    /// For the next line, so that a lone newcomer costs no allocation.
    unused: VecDeque<Newcomer>,
    len: usize,
}

impl Lines {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push(&mut self, newcomer: Newcomer) {
        self.len += 1;
        let same = |line: &&mut VecDeque<Newcomer>| {
            line.back().is_some_and(|last| Arc::ptr_eq(&last.listener, &newcomer.listener))
        };
        // Many come from one listener in a row.
        if let Some(line) = self.lines.iter_mut().rev().find(same) {
            return line.push_back(newcomer);
        }
        let mut line = std::mem::take(&mut self.unused);
        line.push_back(newcomer);
        self.lines.push_back(line);
    }

    /// Who came last, of the line that has waited least for its turn.
    pub(crate) fn last(&self) -> Option<&Newcomer> {
        self.lines.back()?.back()
    }

    /// Takes that one.
    pub(crate) fn pop_last(&mut self) -> Option<Newcomer> {
        let line = self.lines.back_mut()?;
        let newcomer = line.pop_back()?;
        self.len -= 1;
        if line.is_empty() {
            self.lines.pop_back();
        }
        Some(newcomer)
    }

    /// Takes the one whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Newcomer> {
        let mut line = self.lines.pop_front()?;
        let newcomer = line.pop_front()?;
        self.len -= 1;
        if !line.is_empty() {
            self.lines.push_back(line);
        } else if line.capacity() <= KEPT {
            self.unused = line;
        }
        Some(newcomer)
    }
}
