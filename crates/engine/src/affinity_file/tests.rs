//! Files of homes, made, damaged, full of names, and in two hands at once.

use std::os::unix::fs::PermissionsExt;

use protobalance_core::affinity::NO_ID;
use protobalance_core::hash::ClientKey;

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("pb-affinity-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
}

/// The number of a node that no plan has for long.
fn id(store: &AffinityStore, name: &str) -> u16 {
    store.ids(Asked { nodes: &[name], idle: 60, unix_now: 1000 }).0.id_of(0).unwrap_or(NO_ID)
}

#[test]
fn names_keep_their_numbers_and_a_damaged_file_is_begun_anew() {
    let folder = folder("names");
    let path = folder.join("web.table");
    let store = AffinityStore::in_file(&path, 1000).expect("made");
    assert_eq!((id(&store, "a"), id(&store, "b"), id(&store, "a")), (0, 1, 0));
    drop(store);
    let store = AffinityStore::in_file(&path, 1000).expect("opened");
    assert_eq!((id(&store, "c"), id(&store, "b")), (2, 1));
    drop(store);
    std::fs::write(&path, b"garbage").expect("written");
    let store = AffinityStore::in_file(&path, 1000).expect("begun anew");
    assert_eq!(id(&store, "z"), 0);
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
    let lost =
        (0..CLIENTS).filter(|number| store.table.get(client(*number), 1030, 60) != Some((number % 3) as u16));
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
        assert_eq!((id(&store, "a"), id(&store, "b")), (0, 1));
        drop(store);
        let file = OpenOptions::new().write(true).open(&path).expect("there");
        std::os::unix::fs::FileExt::write_all_at(&file, damage, at).expect("written");
        drop(file);
        let store = AffinityStore::in_file(&path, 10).expect("begun anew");
        assert_eq!((id(&store, "b"), id(&store, "c")), (0, 1), "{at} {damage:?}");
        drop(store);
        std::fs::remove_file(&path).expect("removed");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

/// Node names come and go for years, and the room for them ends.
#[test]
fn a_name_goes_when_room_is_needed_and_neither_a_client_nor_a_plan_has_it() {
    let client = |number: u8| ClientKey::of(std::net::Ipv4Addr::from([10, 0, 0, number]).into());
    let asked = |nodes| Asked { nodes, idle: 60, unix_now: 1000 };
    let folder = folder("room");
    let path = folder.join("web.table");
    let store = AffinityStore::in_file(&path, 10).expect("made");
    // Of one length, so that each would fit where another was.
    let long = |name: &str| format!("{name:0>200}");
    let (home, expired) = (id(&store, &long("home")), id(&store, &long("expired")));
    store.table.put(client(1), home, 1000, 60);
    store.table.put(client(2), expired, 900, 60);
    let (plan, _) = store.ids(asked(&[&long("in a plan")]));
    let other = AffinityStore::in_file(&path, 10).expect("another process");
    let mut number = 0..u32::MAX;
    let mut newcomer = || id(&store, &long(&number.next().expect("a number").to_string()));
    let named = std::iter::repeat_with(&mut newcomer).take(3000).take_while(|id| *id != NO_ID).count();
    assert!((1000..2000).contains(&named), "{named} while others have the file");
    assert_eq!(other.table.get(client(1), 1000, 60), Some(home));
    drop(other);
    for _ in 0..3 * named {
        let id = newcomer();
        assert!(id != NO_ID && id != home && Some(id) != plan.id_of(0), "{id}");
    }
    assert_eq!(store.table.len(), 1, "the expired client went on the way");
    let latest = newcomer();
    store.table.put(client(3), latest, 1000, 60);
    let other = AffinityStore::in_file(&path, 10).expect("another process");
    assert!((0..=named).any(|_| newcomer() == NO_ID), "others have the file again");
    drop((store, other));
    let store = AffinityStore::in_file(&path, 10).expect("opened");
    assert_eq!(id(&store, &long("home")), home);
    let mut late = (0..=named).map(|number| id(&store, &long(&format!("late {number}"))));
    assert!(late.all(|id| id != latest), "in the file, too, its number is its new owner's");
    assert_eq!(store.table.get(client(1), 1001, 60), Some(home));
    drop(store);
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_name_that_was_only_half_written_over_is_nobodys() {
    let folder = folder("half");
    let path = folder.join("web.table");
    let store = AffinityStore::in_file(&path, 10).expect("made");
    assert_eq!((id(&store, "first"), id(&store, "second")), (0, 1));
    drop(store);
    let file = OpenOptions::new().write(true).open(&path).expect("there");
    let letters = HEADER_WORDS as u64 * 8 + 1;
    std::os::unix::fs::FileExt::write_all_at(&file, &[0, b'h', 0xFF], letters).expect("written");
    drop(file);
    let store = AffinityStore::in_file(&path, 10).expect("opened");
    assert_eq!((id(&store, "second"), id(&store, "third")), (1, 0));
    drop(store);
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
    let home = id(&old, "a");
    old.table.put(client(1), home, 1000, 60);
    let new = AffinityStore::in_file(&path, 10).expect("opened");
    assert_eq!(id(&new, "a"), home);
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
    let home = id(&old, "a");
    let new = AffinityStore::in_file(&path, 10).expect("of another capacity");
    old.table.put(client, home, 1000, 60);
    assert_eq!(old.table.get(client, 1001, 60), Some(home));
    assert_eq!(new.table.get(client, 1001, 60), None);
    assert_eq!(std::fs::read_dir(&folder).expect("there").count(), 1, "nothing is left beside it");
    std::fs::remove_dir_all(folder).expect("removed");
}
