//! What one client may have of a listener, in bounded memory.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use protobalance_core::admission::{Entry, Limits, Pass, Refusal, Table, words_for};
use protobalance_core::affinity::Memory;
use protobalance_core::hash::{Key, below, mix};
use protobalance_core::moment::Moment;

const KEY: Key = [3; 16];
const NOW: Moment = Moment(5_000_000);

fn table_with(key: Key, sessions: u64) -> Table {
    let words: Box<[AtomicU64]> = (0..words_for(sessions)).map(|_| AtomicU64::new(0)).collect();
    Table::new(Box::new(words), key)
}

fn table(sessions: u64) -> Table {
    table_with(KEY, sessions)
}

fn limits(max_sessions: u32, per_second: u32, burst: u32) -> Limits {
    Limits::new(1, max_sessions, per_second, burst).expect("something is limited")
}

fn client(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

fn pass(entry: Entry) -> Pass {
    match entry {
        Entry::Tracked(pass) => pass,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_has_as_many_sessions_as_it_may_and_others_have_their_own() {
    let (table, limits) = (table(100), limits(2, 0, 0));
    let first = pass(table.enter(client(1), &limits, NOW));
    pass(table.enter(client(1), &limits, NOW));
    assert_eq!(table.enter(client(1), &limits, NOW), Entry::Refused(Refusal::Sessions));
    pass(table.enter(client(2), &limits, NOW));
    let elsewhere = Limits::new(2, 2, 0, 0).expect("something is limited");
    pass(table.enter(client(1), &elsewhere, NOW));
    table.leave(first);
    pass(table.enter(client(1), &limits, NOW));
    assert_eq!(table.open(), 4);
}

#[test]
fn a_client_opens_sessions_as_fast_as_it_may() {
    let (table, limits) = (table(100), limits(0, 10, 3));
    let mut at = NOW;
    let mut enter = |wait| {
        at = at.after(Duration::from_millis(wait));
        let entry = table.enter(client(1), &limits, at);
        if let Entry::Tracked(pass) = entry {
            table.leave(pass);
        }
        matches!(entry, Entry::Tracked(_))
    };
    // Three at once, then one each 100 ms; who is refused has spent nothing.
    assert_eq!(
        [0, 0, 0, 0, 99, 1, 0, 100, 300, 0, 0, 0].map(&mut enter),
        [true, true, true, false, false, true, false, true, true, true, true, false]
    );
}

#[test]
fn a_client_is_an_address_or_the_prefix_that_one_customer_has() {
    let (table, limits) = (table(100), limits(1, 0, 0));
    let v6 = |last: u16, network: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, last));
    pass(table.enter(v6(1, 1), &limits, NOW));
    assert_eq!(table.enter(v6(2, 1), &limits, NOW), Entry::Refused(Refusal::Sessions));
    pass(table.enter(v6(1, 2), &limits, NOW));
    pass(table.enter(Ipv4Addr::LOCALHOST.into(), &limits, NOW));
    let mapped = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(table.enter(mapped, &limits, NOW), Entry::Refused(Refusal::Sessions));
}

#[test]
fn limits_that_change_hold_for_whoever_comes_next() {
    let table = table(100);
    let before = limits(0, 1, 1000);
    for _ in 0..500 {
        table.leave(pass(table.enter(client(1), &before, NOW)));
    }
    // 500 s ahead of its rate: stricter limits begin anew instead of shutting it out for that long.
    let after = limits(0, 10, 1);
    pass(table.enter(client(1), &after, NOW));
    assert_eq!(table.enter(client(1), &after, NOW), Entry::Refused(Refusal::Rate));
}

#[test]
fn a_rate_survives_the_clock_going_around() {
    let (table, limits) = (table(100), limits(0, 10, 1));
    let around = Moment((1 << 44) - 50_000);
    table.leave(pass(table.enter(client(1), &limits, around)));
    let soon = around.after(Duration::from_millis(99));
    assert_eq!(table.enter(client(1), &limits, soon), Entry::Refused(Refusal::Rate));
    pass(table.enter(client(1), &limits, around.after(Duration::from_millis(100))));
}

/// Memory that counts how often the table goes to it.
struct Watched(Arc<[AtomicU64]>, Arc<AtomicUsize>);

impl Memory for Watched {
    fn words(&self) -> &[AtomicU64] {
        self.1.fetch_add(1, Relaxed);
        &self.0
    }
}

#[test]
fn a_flood_of_addresses_takes_no_more_memory_or_work() {
    let visits = Arc::new(AtomicUsize::new(0));
    let words: Arc<[AtomicU64]> = (0..words_for(1000)).map(|_| AtomicU64::new(0)).collect();
    let table = Table::new(Box::new(Watched(Arc::clone(&words), Arc::clone(&visits))), KEY);
    let limits = limits(1, 1, 1);
    let settled: Vec<Pass> = (0..100).map(|n| pass(table.enter(client(n), &limits, NOW))).collect();
    let mut most = [0; 2];
    for number in 1_000..1_001_000 {
        let before = visits.load(Relaxed);
        table.leave(pass(table.enter(client(number), &limits, NOW)));
        let late = usize::from(number > 2_000);
        most[late] = most[late].max(visits.load(Relaxed) - before);
    }
    assert_eq!(most[1], most[0], "the last went to memory no more often than the first");
    let before: Vec<u64> = words.iter().map(|word| word.load(Relaxed)).collect();
    pass(table.enter(client(2_000_000), &limits, NOW));
    let changed = before.iter().zip(words.iter()).filter(|(old, new)| **old != new.load(Relaxed)).count();
    assert_eq!(changed, 2, "one slot's fingerprint and state");
    for number in 0..100 {
        let again = table.enter(client(number), &limits, NOW);
        assert_eq!(again, Entry::Refused(Refusal::Sessions), "client {number} was evicted");
    }
    settled.into_iter().for_each(|pass| table.leave(pass));
    assert_eq!(table.open(), 1);
}

#[test]
fn a_full_table_lets_in_untracked_and_evicts_nobody_with_a_session() {
    let (table, limits) = (table(3), limits(1, 0, 0));
    let entries: Vec<Entry> = (0..100).map(|n| table.enter(client(n), &limits, NOW)).collect();
    let tracked = entries.iter().filter(|entry| matches!(entry, Entry::Tracked(_))).count();
    assert_eq!(tracked, 15, "one bucket's slots");
    assert!(entries[15..].iter().all(|entry| *entry == Entry::Untracked));
    assert_eq!(table.enter(client(0), &limits, NOW), Entry::Refused(Refusal::Sessions));
}

/// Clients that share a bucket under `key`, which a client does not know.
fn crowd(key: &Key, buckets: u64, limits: &Limits) -> Vec<IpAddr> {
    let placed = |n: &u32| below(mix(limits.fingerprint(client(*n), key)), buckets) == 0;
    (0..).filter(placed).take(100).map(client).collect()
}

#[test]
fn who_does_not_know_the_key_cannot_crowd_a_bucket() {
    let limits = limits(1, 0, 0);
    let buckets = words_for(1000) / 32;
    let untracked = |key, clients: &[IpAddr]| {
        let table = table_with(key, 1000);
        clients.iter().filter(|client| table.enter(**client, &limits, NOW) == Entry::Untracked).count()
    };
    // Guessed for no key at all, or for another one.
    for guessed in [[0; 16], [9; 16]] {
        let clients = crowd(&guessed, buckets, &limits);
        assert_eq!(untracked(guessed, &clients), 85, "they do crowd it under the key they were chosen for");
        assert_eq!(untracked(KEY, &clients), 0);
    }
    // An unkeyed hash would be open to arithmetic alone: one network, one step apart.
    let even: Vec<IpAddr> = (0..100).map(|n| client(n * buckets as u32 * 256)).collect();
    assert_eq!(untracked(KEY, &even), 0);
}

#[test]
fn several_threads_together_keep_a_client_to_its_limit() {
    const THREADS: usize = 4;
    for round in 0..200 {
        let (table, limits) = (table(16), limits(5, 0, 0));
        let seen = AtomicUsize::new(0);
        let worst = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (table, seen, worst) = (&table, &seen, &worst);
                scope.spawn(move || {
                    for turn in 0..50u32 {
                        // Others come and go, so that slots change hands meanwhile.
                        let other = client(1000 + turn * 7 + thread as u32);
                        let mine = table.enter(client(round), &limits, NOW);
                        let theirs = table.enter(other, &limits, NOW);
                        if let Entry::Tracked(pass) = mine {
                            worst.fetch_max(seen.fetch_add(1, Relaxed) + 1, Relaxed);
                            thread::yield_now();
                            seen.fetch_sub(1, Relaxed);
                            table.leave(pass);
                        }
                        if let Entry::Tracked(pass) = theirs {
                            table.leave(pass);
                        }
                    }
                });
            }
        });
        assert!(worst.load(Relaxed) <= 5);
        assert_eq!(table.open(), 0, "all was given back");
    }
}

#[test]
fn two_threads_never_give_one_client_two_slots() {
    for number in 0..3000 {
        let (table, limits) = (table(4), limits(1, 0, 0));
        let go = std::sync::Barrier::new(2);
        let enter = || {
            go.wait();
            table.enter(client(number), &limits, NOW)
        };
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(enter);
            let two = scope.spawn(enter);
            (one.join().expect("no panic"), two.join().expect("no panic"))
        });
        let let_in = [one, two].iter().filter(|entry| matches!(entry, Entry::Tracked(_))).count();
        assert_eq!(let_in, 1, "{one:?} {two:?}");
    }
}
