//! Affinity that survives `kill -9`: the table's memory is a mapped file, so every entry is the
//! kernel's the moment it is written. The state folder is one balancer's, so its files are, too. A
//! balancer and the one that it hands over to have a file mapped at once; so a file is never cut
//! short or begun anew in place: another takes its name.
//!
//! The file: a page of header (magic, version, capacity, hash key, count of names), a region of node
//! names (see `names.rs`), then the table. Who has it mapped holds a shared lock on it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex};

use protobalance_core::affinity::{Memory, NodeIds, Table, words_for};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};

use self::names::{Names, Record};

use crate::error::{EngineError, ErrorKind};
use crate::sys::MappedWords;
use crate::unpoisoned;

mod names;
#[cfg(test)]
mod tests;

const MAGIC: u64 = u64::from_be_bytes(*b"PBAFFIN1");
const HEADER_WORDS: usize = 512;
const NAME_WORDS: usize = 32 * 1024;
const NAME_BYTES: usize = NAME_WORDS * 8;

/// The header's words.
mod word {
    pub(super) const MAGIC: usize = 0;
    pub(super) const CAPACITY: usize = 1;
    pub(super) const KEY: usize = 2; // and 3
    pub(super) const NAMES: usize = 4;
}

/// A cluster's table with its dictionary of node names; alive across plans.
#[derive(Debug)]
pub struct AffinityStore {
    /// The table.
    pub table: Arc<Table>,
    pub(crate) capacity: u64,
    pub(crate) path: Option<PathBuf>,
    names: Mutex<Names>,
}

/// A mapped file.
#[derive(Debug)]
struct Mapping {
    words: MappedWords,
    /// For its lock.
    file: File,
}

/// What a plan asks of a table.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The plan's nodes, in order.
    pub nodes: &'a [&'a str],
    /// A client unseen for so many seconds is forgotten.
    pub idle: u32,
    /// Seconds since 1970.
    pub unix_now: u32,
}

struct TablePart(Arc<Mapping>);

impl Memory for MappedWords {
    fn words(&self) -> &[AtomicU64] {
        self
    }
}

impl Memory for TablePart {
    fn words(&self) -> &[AtomicU64] {
        &self.0.words[HEADER_WORDS + NAME_WORDS..]
    }
}

impl AffinityStore {
    /// A table that ends with the process.
    pub(crate) fn in_memory(capacity: u64) -> std::io::Result<AffinityStore> {
        let words = usize::try_from(words_for(capacity)).unwrap_or(usize::MAX / 16);
        let table = Arc::new(Table::new(Box::new(MappedWords::anonymous(words)?), random_key()?));
        let names = Mutex::new(Names::new(Vec::new(), None));
        Ok(AffinityStore { table, capacity, path: None, names })
    }

    /// The table kept in a file, made if absent. A file that is damaged or of another capacity is
    /// begun anew.
    ///
    /// # Errors
    /// If there is no such folder, no space in it, or no right to write there.
    pub fn in_file(path: &Path, capacity: u64) -> Result<AffinityStore, EngineError> {
        let refused = |error: std::io::Error| {
            let hint = "look at the folder: whether it is there, its space, its rights";
            let message = format!("cannot keep affinity in {}: {error}; {hint}", path.display());
            EngineError::new(ErrorKind::State, "engine.state_dir", message)
        };
        let words =
            HEADER_WORDS + NAME_WORDS + usize::try_from(words_for(capacity)).unwrap_or(usize::MAX / 16);
        let (mapping, records) = match Mapping::kept(path, words, capacity).map_err(refused)? {
            Some(kept) => kept,
            None => (Mapping::begun(path, words, capacity).map_err(refused)?, Vec::new()),
        };
        let mapping = Arc::new(mapping);
        let key = mapping.key();
        let table = Arc::new(Table::new(Box::new(TablePart(Arc::clone(&mapping))), key));
        // Opening looked at every slot; only those of clients that come are needed from here on.
        mapping.words.release_pages();
        let names = Mutex::new(Names::new(records, Some(mapping)));
        Ok(AffinityStore { table, capacity, path: Some(path.to_owned()), names })
    }

    /// The table's numbers for a plan's nodes, and how many got none, for want of room for their names.
    /// A number is a node's for good; unless no client is that node's any more, nor any plan has it, when
    /// room is needed.
    pub fn ids(&self, asked: Asked<'_>) -> (Arc<NodeIds>, usize) {
        let mut names = unpoisoned(&self.names);
        let (mut ids, mut unnamed) = names.ids(asked.nodes);
        if unnamed > 0 {
            self.make_room(&mut names, asked);
            (ids, unnamed) = names.ids(asked.nodes);
        }
        (names.lend(ids), unnamed)
    }

    /// Nobody else may have the file: another process knows its plans' numbers, and we do not.
    fn make_room(&self, names: &mut Names, asked: Asked<'_>) {
        let file = names.file().map(Arc::clone);
        if file.as_ref().is_some_and(|mapping| !mapping.is_ours_alone()) {
            return;
        }
        let mut referred = vec![false; 1 + usize::from(u16::MAX)];
        self.table.sweep(asked.unix_now, asked.idle, |id| referred[usize::from(id)] = true);
        names.drop_unless(&referred);
        if let Some(mapping) = file {
            mapping.share();
            mapping.words.release_pages();
        }
    }
}

impl Mapping {
    /// The file that is there, with its names; `None` unless it is one of ours, whole, and of this
    /// capacity.
    fn kept(path: &Path, words: usize, capacity: u64) -> std::io::Result<Option<(Mapping, Vec<Record>)>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if file.metadata()?.len() != words as u64 * 8 {
            return Ok(None);
        }
        let mapping = Mapping::of(file, words)?;
        let names = names::read(&mapping).filter(|_| mapping.is_of(capacity));
        Ok(names.map(|names| (mapping, names)))
    }

    /// A new file in the place of whatever was there.
    fn begun(path: &Path, words: usize, capacity: u64) -> std::io::Result<Mapping> {
        let fresh = path.with_extension("new");
        let begin = || {
            // Private, for it holds the key of the hash.
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            let mapping = Mapping::of(file, words)?;
            mapping.write_header(capacity)?;
            std::fs::rename(&fresh, path)?;
            Ok(mapping)
        };
        begin().inspect_err(|_| drop(std::fs::remove_file(&fresh)))
    }

    fn of(file: File, words: usize) -> std::io::Result<Mapping> {
        // Every block must exist: a write to a hole on a full disk would end the process.
        fallocate(&file, FallocateFlags::empty(), 0, words as u64 * 8)?;
        let mapping = Mapping { words: MappedWords::map(&file, words)?, file };
        mapping.share();
        Ok(mapping)
    }

    /// Where the file system knows no locks, nobody is ever alone.
    fn share(&self) {
        let _ = flock(&self.file, FlockOperation::NonBlockingLockShared);
    }

    /// Whether no other has the file mapped; if so, none can until it is shared again.
    fn is_ours_alone(&self) -> bool {
        let alone = flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if !alone {
            self.share();
        }
        alone
    }

    /// Whether it is a table of this capacity.
    fn is_of(&self, capacity: u64) -> bool {
        self.words[word::MAGIC].load(Relaxed) == MAGIC && self.words[word::CAPACITY].load(Relaxed) == capacity
    }

    fn write_header(&self, capacity: u64) -> std::io::Result<()> {
        let key = random_key()?;
        for (place, half) in key.chunks_exact(8).enumerate() {
            let half = half.try_into().unwrap_or_default();
            self.words[word::KEY + place].store(u64::from_ne_bytes(half), Relaxed);
        }
        self.words[word::CAPACITY].store(capacity, Relaxed);
        self.words[word::MAGIC].store(MAGIC, Release);
        Ok(())
    }

    fn key(&self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.words[word::KEY].load(Relaxed).to_ne_bytes());
        key[8..].copy_from_slice(&self.words[word::KEY + 1].load(Relaxed).to_ne_bytes());
        key
    }
}

pub(crate) fn random_key() -> std::io::Result<[u8; 16]> {
    use std::io::Read;
    let mut key = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}
