//! A client's node, or nothing.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use protobalance_core::affinity::{
    Affinity, Memory, NO_ID, NodeIds, OnFailover, Table, slots_for, words_for,
};
use protobalance_core::hash::{ClientKey, Key};

use crate::model::Random;

const KEY: Key = [7; 16];
const NOW: u32 = 1_800_000_000;
const IDLE: u32 = 3_600;

fn client(number: u32) -> ClientKey {
    ClientKey::of(Ipv4Addr::from_bits(number).into())
}

/// Memory that outlives its table, as a file does.
#[derive(Clone)]
struct Kept(Arc<[AtomicU64]>);

impl Kept {
    fn for_clients(capacity: u64) -> Kept {
        Kept((0..words_for(capacity)).map(|_| AtomicU64::new(0)).collect())
    }

    fn table(&self) -> Table {
        Table::new(Box::new(self.clone()), KEY)
    }
}

impl Memory for Kept {
    fn words(&self) -> &[AtomicU64] {
        &self.0
    }
}

#[test]
fn all_clients_of_the_capacity_are_kept() {
    for (capacity, first) in [(1, 5), (10, 0), (1_000, 77), (200_000, 1 << 30)] {
        let table = Table::in_memory(capacity, KEY);
        let numbers = || first..first + capacity as u32;
        numbers().for_each(|number| table.put(client(number), number as u16, NOW, IDLE));
        let lost = numbers().filter(|n| table.get(client(*n), NOW, IDLE) != Some(*n as u16)).count();
        assert_eq!((lost, table.len() as u64), (0, capacity));
    }
}

#[test]
fn a_million_clients_fit_in_a_third_of_their_hundred_megabytes() {
    assert!(words_for(1_000_000) * 8 <= 100_000_000 / 3, "{} slots", slots_for(1_000_000));
}

#[test]
fn expired_clients_make_room_for_all_of_the_capacity() {
    let table = Table::in_memory(20_000, KEY);
    for generation in 0..5u32 {
        let now = NOW + generation * (IDLE + 1);
        let numbers = || generation * 20_000..(generation + 1) * 20_000;
        numbers().for_each(|number| table.put(client(number), 1, now, IDLE));
        let lost = numbers().filter(|number| table.get(client(*number), now, IDLE).is_none()).count();
        assert_eq!(lost, 0, "generation {generation}");
    }
}

#[test]
fn the_longest_unseen_makes_room() {
    // Two buckets: everyone's sixteen slots are the same.
    let table = Table::in_memory(8, KEY);
    assert_eq!(slots_for(8), 16);
    (0..16).for_each(|number| table.put(client(number), 1, NOW + number, IDLE));
    assert_eq!(table.get(client(0), NOW + 20, IDLE), Some(1));
    assert_eq!(table.visit(client(0), NOW + 20, IDLE), Some(1), "seen again, so it stays");
    (100..103).for_each(|number| table.put(client(number), 2, NOW + 21, IDLE));
    let gone: Vec<u32> =
        (0..16).filter(|number| table.get(client(*number), NOW + 21, IDLE).is_none()).collect();
    assert_eq!((gone, table.len()), (vec![1, 2, 3], 16));
}

#[test]
fn a_client_unseen_for_too_long_is_forgotten() {
    let table = Table::in_memory(10, KEY);
    table.put(client(1), 4, NOW, IDLE);
    assert_eq!(table.get(client(1), NOW + IDLE, IDLE), Some(4));
    assert_eq!(table.get(client(1), NOW + IDLE + 1, IDLE), None);
    assert_eq!(table.visit(client(1), NOW + IDLE, IDLE), Some(4));
    assert_eq!(table.get(client(1), NOW + 2 * IDLE, IDLE), Some(4));
    assert_eq!(table.visit(client(1), NOW + 3 * IDLE, IDLE), None);
    assert_eq!(table.get(client(1), NOW - 100, IDLE), Some(4), "a clock set back forgets nobody");
}

#[test]
fn the_latest_home_counts_and_can_be_forgotten() {
    let table = Table::in_memory(10, KEY);
    table.put(client(1), 4, NOW, IDLE);
    table.put(client(1), 5, NOW, IDLE);
    assert_eq!((table.get(client(1), NOW, IDLE), table.len()), (Some(5), 1));
    assert!(table.forget(client(1)) && !table.forget(client(1)));
    assert_eq!((table.get(client(1), NOW, IDLE), table.len()), (None, 0));
}

#[test]
fn entries_outlive_the_table_and_its_count_is_rebuilt() {
    let kept = Kept::for_clients(1_000);
    let before = kept.table();
    (0..1_000).for_each(|number| before.put(client(number), number as u16, NOW, IDLE));
    let after = kept.table();
    assert_eq!(after.len(), 1_000);
    assert!((0..1_000).all(|number| after.get(client(number), NOW, IDLE) == Some(number as u16)));
    let stranger = Table::new(Box::new(kept), [8; 16]);
    assert!((0..1_000).all(|number| stranger.get(client(number), NOW, IDLE).is_none()));
}

#[test]
fn a_torn_entry_is_a_miss_and_is_cleared() {
    let kept = Kept::for_clients(100);
    let table = kept.table();
    (0..100).for_each(|number| table.put(client(number), 9, NOW, IDLE));
    let mut random = Random(11);
    for word in kept.0.iter().filter(|word| word.load(Relaxed) != 0) {
        // One of the 48 bits that are not the check's: 2^-16 of larger damage may pass for whole.
        let bit = random.below(48);
        word.fetch_xor(1 << if bit < 32 { bit } else { bit + 16 }, Relaxed);
    }
    let found = (0..100).filter(|number| table.get(client(*number), NOW, u32::MAX).is_some()).count();
    assert_eq!((found, kept.table().len()), (0, 0));
    assert!(kept.0.iter().skip(1).step_by(2).all(|value| value.load(Relaxed) == 0));
}

#[test]
fn a_writer_that_died_in_the_middle_leaves_no_lock() {
    let kept = Kept::for_clients(8);
    kept.0.iter().skip(1).step_by(2).for_each(|value| value.store(1 << 63, Relaxed));
    let busy = Table::new(Box::new(kept), KEY);
    busy.put(client(1), 3, NOW, IDLE);
    assert_eq!((busy.get(client(1), NOW, IDLE), busy.len()), (Some(3), 1));
}

#[test]
fn memory_too_small_for_two_buckets_remembers_nobody() {
    for words in [0, 1, 16, 31] {
        let memory: Box<[AtomicU64]> = (0..words).map(|_| AtomicU64::new(0)).collect();
        let table = Table::new(Box::new(memory), KEY);
        table.put(client(1), 3, NOW, IDLE);
        assert_eq!(table.get(client(1), NOW, IDLE), None);
    }
}

/// Each client's node is a function of its number, so that any wrong answer shows.
#[test]
fn workers_at_once_never_give_a_client_another_ones_node() {
    let table = Table::in_memory(64, KEY);
    thread::scope(|scope| {
        for worker in 0..4u64 {
            let table = &table;
            scope.spawn(move || {
                let mut random = Random(worker);
                for step in 0..40_000u32 {
                    let number = random.below(400) as u32;
                    match random.below(8) {
                        0 => _ = table.forget(client(number)),
                        1..4 => table.put(client(number), number as u16, NOW + step / 100, IDLE),
                        _ => {
                            let home = table.visit(client(number), NOW + step / 100, IDLE);
                            assert!(home.is_none_or(|home| u32::from(home) == number), "seed {worker}");
                        }
                    }
                }
            });
        }
    });
    let known = (0..400).filter(|number| table.get(client(*number), NOW, u32::MAX).is_some()).count();
    assert!(known > 0 && known <= table.len() && table.len() as u64 <= slots_for(64), "{known}, {table:?}");
}

#[test]
fn a_plan_knows_homes_among_its_own_nodes() {
    let table = Arc::new(Table::in_memory(100, KEY));
    let plan = |ids: &[u16]| Affinity {
        table: Arc::clone(&table),
        idle: Duration::from_millis(1_500),
        prefix_v4: 24,
        prefix_v6: 64,
        on_failover: OnFailover::Return,
        ids: NodeIds::shared(ids),
    };
    let (old, new) = (plan(&[10, 11, 12]), plan(&[12, 10]));
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    old.settle(address("192.0.2.7"), 2, NOW, |_| true);
    old.settle(address("2001:db8:0:1::7"), 1, NOW, |_| true);
    old.settle(address("192.0.3.7"), 9, NOW, |_| true);
    assert_eq!(old.home(address("192.0.2.99"), NOW), Some(2), "the same /24");
    assert_eq!(new.home(address("::ffff:192.0.2.99"), NOW), Some(0), "the node's new place");
    assert_eq!(old.home(address("2001:db8:0:1:ffff::"), NOW), Some(1), "the same /64");
    assert_eq!(old.home(address("2001:db8:0:2::7"), NOW), None, "another /64");
    assert_eq!(new.home(address("2001:db8:0:1::7"), NOW), None, "its node is not in this plan");
    assert_eq!(old.home(address("192.0.3.7"), NOW), None, "there is no node 9");
    assert_eq!(old.peek(address("192.0.2.7"), NOW + 2), Some(2), "half seconds are rounded up");
    assert_eq!(old.home(address("192.0.2.7"), NOW + 2), Some(2), "the first look did not see it, this does");
    assert_eq!(old.peek(address("192.0.2.7"), NOW + 4), Some(2));
    assert_eq!(old.peek(address("192.0.2.7"), NOW + 5), None);
    assert!(old.forget(address("192.0.2.1")));
}

#[test]
fn keys_are_distinct_enough() {
    let digests: HashSet<u64> = (0..100_000).map(|number| client(number).digest(&KEY)).collect();
    assert_eq!(digests.len(), 100_000);
}

#[test]
fn a_node_without_a_number_is_nobodys_home() {
    let affinity = Affinity {
        table: Arc::new(Table::in_memory(10, KEY)),
        idle: Duration::from_secs(60),
        prefix_v4: 32,
        prefix_v6: 128,
        on_failover: OnFailover::Return,
        ids: NodeIds::shared([NO_ID, NO_ID]),
    };
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    affinity.settle(client, 1, NOW, |_| true);
    assert_eq!(affinity.home(client, NOW), None, "not even the first that has none either");
}
