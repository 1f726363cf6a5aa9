//! Affinity that survives `kill -9`: the table's memory is a mapped file, so every entry is the
//! kernel's the moment it is written. The state folder is one balancer's, so its files are, too. A
//! balancer and the one that it hands over to have a file mapped at once; so a file is never cut
//! short or begun anew in place: another takes its name.
//!
//! The file: a page of header (magic, version, capacity, hash key, count of names), a region of node
//! names (each a length byte and its bytes; a name's place is its number in the table), then the
//! table. Names are only appended, and count only once they are wholly there.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::Release};

use protobalance_core::affinity::{Memory, NO_ID, Table, words_for};
use rustix::fs::{FallocateFlags, fallocate};

use crate::error::{EngineError, ErrorKind};
use crate::sys::MappedWords;
use crate::unpoisoned;

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

#[derive(Debug)]
struct Names {
    known: Vec<Box<str>>,
    bytes: usize,
    file: Option<Arc<Mapping>>,
}

/// A mapped file.
#[derive(Debug)]
struct Mapping {
    words: MappedWords,
}

/// Node names and the bytes they take.
type KnownNames = (Vec<Box<str>>, usize);

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
        let names = Mutex::new(Names { known: Vec::new(), bytes: 0, file: None });
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
        let (mapping, (known, bytes)) = match Mapping::kept(path, words, capacity).map_err(refused)? {
            Some(kept) => kept,
            None => (Mapping::begun(path, words, capacity).map_err(refused)?, (Vec::new(), 0)),
        };
        let mapping = Arc::new(mapping);
        let key = mapping.key();
        let table = Arc::new(Table::new(Box::new(TablePart(Arc::clone(&mapping))), key));
        // Opening looked at every slot; only those of clients that come are needed from here on.
        mapping.words.release_pages();
        let names = Mutex::new(Names { known, bytes, file: Some(mapping) });
        Ok(AffinityStore { table, capacity, path: Some(path.to_owned()), names })
    }

    /// The table's number for a node, given for good at the first call; `NO_ID` once there is no room
    /// for its name.
    pub fn id(&self, name: &str) -> u16 {
        let mut names = unpoisoned(&self.names);
        if let Some(id) = names.known.iter().position(|known| **known == *name) {
            return id as u16;
        }
        let id = names.known.len();
        if id >= usize::from(NO_ID) || names.bytes + 1 + name.len() > NAME_BYTES || name.len() > 255 {
            return NO_ID;
        }
        if let Some(file) = &names.file {
            file.append_name(names.bytes, name, id as u64 + 1);
        }
        names.bytes += 1 + name.len();
        names.known.push(name.into());
        id as u16
    }
}

impl Mapping {
    /// The file that is there, with its names; `None` unless it is one of ours, whole, and of this
    /// capacity.
    fn kept(path: &Path, words: usize, capacity: u64) -> std::io::Result<Option<(Mapping, KnownNames)>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if file.metadata()?.len() != words as u64 * 8 {
            return Ok(None);
        }
        let mapping = Mapping::of(&file, words)?;
        let names = mapping.names().filter(|_| mapping.is_of(capacity));
        Ok(names.map(|names| (mapping, names)))
    }

    /// A new file in the place of whatever was there.
    fn begun(path: &Path, words: usize, capacity: u64) -> std::io::Result<Mapping> {
        let fresh = path.with_extension("new");
        let begin = || {
            // Private, for it holds the key of the hash.
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            let mapping = Mapping::of(&file, words)?;
            mapping.write_header(capacity)?;
            std::fs::rename(&fresh, path)?;
            Ok(mapping)
        };
        begin().inspect_err(|_| drop(std::fs::remove_file(&fresh)))
    }

    fn of(file: &File, words: usize) -> std::io::Result<Mapping> {
        // Every block must exist: a write to a hole on a full disk would end the process.
        fallocate(file, FallocateFlags::empty(), 0, words as u64 * 8)?;
        Ok(Mapping { words: MappedWords::map(file, words)? })
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

    /// The names and the bytes they take; `None` if they are not all such as we write them. Entries
    /// name their nodes by place, so a list that is not whole would send clients to others' homes.
    fn names(&self) -> Option<KnownNames> {
        let count = self.words[word::NAMES].load(Relaxed);
        let region: Vec<u8> = self.words[HEADER_WORDS..HEADER_WORDS + NAME_WORDS]
            .iter()
            .flat_map(|word| word.load(Relaxed).to_ne_bytes())
            .collect();
        let (mut names, mut at) = (Vec::<Box<str>>::new(), 0);
        for _ in 0..count {
            let length = region.get(at).map(|length| usize::from(*length))?;
            let name = std::str::from_utf8(region.get(at + 1..at + 1 + length)?).ok()?;
            if name.is_empty() || names.len() >= usize::from(NO_ID) {
                return None;
            }
            names.push(name.into());
            at += 1 + length;
        }
        Some((names, at))
    }

    fn append_name(&self, at: usize, name: &str, count: u64) {
        let bytes = std::iter::once(name.len() as u8).chain(name.bytes());
        for (place, byte) in bytes.enumerate() {
            let place = at + place;
            let word = &self.words[HEADER_WORDS + place / 8];
            let mut whole = word.load(Relaxed).to_ne_bytes();
            whole[place % 8] = byte;
            word.store(u64::from_ne_bytes(whole), Relaxed);
        }
        self.words[word::NAMES].store(count, Release);
    }
}

pub(crate) fn random_key() -> std::io::Result<[u8; 16]> {
    use std::io::Read;
    let mut key = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use protobalance_core::hash::ClientKey;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("pb-affinity-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        folder
    }

    #[test]
    fn names_keep_their_numbers_and_a_damaged_file_is_begun_anew() {
        let folder = folder("names");
        let path = folder.join("web.table");
        let store = AffinityStore::in_file(&path, 1000).expect("made");
        assert_eq!((store.id("a"), store.id("b"), store.id("a")), (0, 1, 0));
        drop(store);
        let store = AffinityStore::in_file(&path, 1000).expect("opened");
        assert_eq!((store.id("c"), store.id("b")), (2, 1));
        drop(store);
        std::fs::write(&path, b"garbage").expect("written");
        let store = AffinityStore::in_file(&path, 1000).expect("begun anew");
        assert_eq!(store.id("z"), 0);
        drop(store);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    /// Law 6: a million clients, kept in a file, all remembered after a restart, in at most 100 MB.
    #[test]
    fn a_million_clients_fit_in_a_hundred_megabytes_and_survive() {
        const CLIENTS: u32 = 1_000_000;
        let client = |number: u32| ClientKey::of(std::net::Ipv4Addr::from(0x0A00_0000 + number).into());
        let folder = folder("million");
        let path = folder.join("web.table");
        let store = AffinityStore::in_file(&path, u64::from(CLIENTS)).expect("made");
        for number in 0..CLIENTS {
            store.table.put(client(number), (number % 3) as u16, 1000, 60);
        }
        let used = resident(&path);
        assert!((10_000_000..=100_000_000).contains(&used), "{used} bytes");
        drop(store);
        let store = AffinityStore::in_file(&path, u64::from(CLIENTS)).expect("opened");
        assert_eq!(store.table.len(), CLIENTS as usize);
        let lost = (0..CLIENTS)
            .filter(|number| store.table.get(client(*number), 1030, 60) != Some((number % 3) as u16));
        assert_eq!(lost.count(), 0);
        drop(store);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    /// Resident memory of this process that is the file's: whatever else it does meanwhile does not count.
    fn resident(path: &Path) -> usize {
        let mappings = std::fs::read_to_string("/proc/self/smaps").expect("Linux says");
        let file = path.to_str().expect("a name");
        let of_file = mappings.lines().skip_while(|line| !line.ends_with(file));
        let mut words = of_file.skip_while(|line| !line.starts_with("Rss:")).flat_map(str::split_whitespace);
        words.nth(1).and_then(|kilobytes| kilobytes.parse::<usize>().ok()).expect("a number") * 1024
    }

    #[test]
    fn names_that_are_damaged_begin_the_file_anew() {
        let folder = folder("damage");
        let path = folder.join("web.table");
        let name_region = HEADER_WORDS as u64 * 8;
        let count = word::NAMES as u64 * 8;
        // A name without letters, one that is no text, more names than there are, a count of anything.
        let damages: [(u64, &[u8]); 4] =
            [(name_region, &[0]), (name_region + 1, &[0xFF]), (count, &[3]), (count, &[0xFF; 8])];
        for (at, damage) in damages {
            let store = AffinityStore::in_file(&path, 10).expect("made");
            assert_eq!((store.id("a"), store.id("b")), (0, 1));
            drop(store);
            let file = OpenOptions::new().write(true).open(&path).expect("there");
            std::os::unix::fs::FileExt::write_all_at(&file, damage, at).expect("written");
            drop(file);
            let store = AffinityStore::in_file(&path, 10).expect("begun anew");
            assert_eq!((store.id("b"), store.id("c")), (0, 1), "{at} {damage:?}");
            drop(store);
            std::fs::remove_file(&path).expect("removed");
        }
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_file_is_private() {
        let folder = folder("private");
        let path = folder.join("web.table");
        drop(AffinityStore::in_file(&path, 10).expect("made"));
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the file holds the key of the hash");
        std::fs::remove_dir_all(folder).expect("removed");
    }

    /// A balancer and its predecessor, which still has sessions.
    #[test]
    fn two_that_have_a_file_at_once_see_each_others_clients() {
        let client = |number: u8| ClientKey::of(std::net::Ipv4Addr::from([10, 0, 0, number]).into());
        let folder = folder("two");
        let path = folder.join("web.table");
        let old = AffinityStore::in_file(&path, 10).expect("made");
        let home = old.id("a");
        old.table.put(client(1), home, 1000, 60);
        let new = AffinityStore::in_file(&path, 10).expect("opened");
        assert_eq!(new.id("a"), home);
        old.table.put(client(2), home, 1000, 60);
        new.table.put(client(3), home, 1000, 60);
        for number in 1..=3 {
            assert_eq!(new.table.get(client(number), 1001, 60), Some(home), "{number}");
            assert_eq!(old.table.get(client(number), 1001, 60), Some(home), "{number}");
        }
        std::fs::remove_dir_all(folder).expect("removed");
    }

    /// Cut short, it would end the process that still has it mapped.
    #[test]
    fn a_file_begun_anew_leaves_the_one_before_whole() {
        let client = ClientKey::of(std::net::Ipv4Addr::LOCALHOST.into());
        let folder = folder("anew");
        let path = folder.join("web.table");
        let old = AffinityStore::in_file(&path, 1000).expect("made");
        let home = old.id("a");
        let new = AffinityStore::in_file(&path, 10).expect("of another capacity");
        old.table.put(client, home, 1000, 60);
        assert_eq!(old.table.get(client, 1001, 60), Some(home));
        assert_eq!(new.table.get(client, 1001, 60), None);
        assert_eq!(std::fs::read_dir(&folder).expect("there").count(), 1, "nothing is left beside it");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
