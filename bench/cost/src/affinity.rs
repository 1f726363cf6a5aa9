//! What remembering clients costs: a table in a file, as the engine keeps it, filled to its capacity.
//!
//! * `load`: opening the file at start, with its pages in the kernel's cache and without.
//! * `first`: look-ups right after that, which find none of the file's pages mapped yet.
//! * `known`, `unknown`: look-ups of random clients; where the next one is depends on what the one
//!   before found, so that none hides in the shade of another. `seen`: of clients last seen a day ago.
//! * `settle`: a new client gets its home; `evict`: one that comes when every place is taken.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use protobalance_core::affinity::{Affinity, OnFailover, whole_seconds};
use protobalance_engine::affinity_file::{AffinityStore, Asked};
use rustix::fs::{Advice, fadvise};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::numbers;
use crate::random::{Random, client};
use crate::samples::Samples;

/// When the table was filled.
const FILLED: u32 = 1_700_000_000;
const DAY: u32 = 86_400;
const IDLE: Duration = Duration::from_secs(30 * 86_400);
const FIRST_LOOKUPS: u32 = 2_000;

/// A table and what was measured of it.
struct Table {
    path: PathBuf,
    clients: u32,
    nodes: usize,
    affinity: Option<Affinity>,
    random: Random,
    /// When it is; each look at clients that were not seen for a day takes a day.
    now: u32,
    resident: u64,
    make_ms: Samples,
    settle_ns: Samples,
    load_ms: Samples,
    load_cold_ms: Samples,
    first_ns: Samples,
    known_ns: Samples,
    unknown_ns: Samples,
    seen_ns: Samples,
    evict_ns: Samples,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<Value, Box<dyn Error>> {
    let folder: PathBuf = arguments.need("folder")?;
    let clients: Vec<u32> = numbers(&arguments.get("clients", "10000,1000000,10000000".to_owned())?)?;
    let nodes = arguments.get("nodes", 3)?;
    let rounds: u32 = arguments.get("rounds", 5)?;
    let lookups: u32 = arguments.get("lookups", 1_000_000)?;
    let seed = arguments.get("seed", 1)?;
    arguments.finish()?;
    let mut tables = Vec::new();
    for clients in clients {
        tables.push(Table::filled(&folder, clients, nodes, seed)?);
    }
    for _ in 0..rounds {
        for table in &mut tables {
            table.load()?;
            table.look(lookups);
        }
        tables.rotate_left(1);
    }
    tables.sort_by_key(|table| table.clients);
    for table in &mut tables {
        table.load_cold()?;
        table.resident = resident(&table.path)?;
        table.overfill(lookups.min(table.clients));
    }
    Ok(json!({
        "rounds": rounds,
        "seed": seed,
        "nodes": nodes,
        "affinity": tables.iter().map(Table::json).collect::<Vec<_>>(),
    }))
}

impl Table {
    fn filled(folder: &Path, clients: u32, nodes: usize, seed: u64) -> Result<Table, Box<dyn Error>> {
        let none = Samples::default;
        let mut table = Table {
            path: folder.join(format!("{clients}.table")),
            clients,
            nodes,
            affinity: None,
            random: Random(seed),
            now: FILLED,
            resident: 0,
            make_ms: none(),
            settle_ns: none(),
            load_ms: none(),
            load_cold_ms: none(),
            first_ns: none(),
            known_ns: none(),
            unknown_ns: none(),
            seen_ns: none(),
            evict_ns: none(),
        };
        let made = table.open()?;
        table.make_ms.add(milliseconds(made));
        let took = table.settle(0, clients);
        table.settle_ns.add(nanoseconds(took, clients));
        Ok(table)
    }

    fn open(&mut self) -> Result<Duration, Box<dyn Error>> {
        self.affinity = None;
        let begun = Instant::now();
        let store = AffinityStore::in_file(&self.path, self.clients.into()).map_err(|e| e.to_string())?;
        let took = begun.elapsed();
        let names: Vec<String> = (0..self.nodes).map(|index| format!("node-{index}")).collect();
        let nodes: Vec<&str> = names.iter().map(String::as_str).collect();
        let idle = whole_seconds(IDLE);
        let (ids, _) = store.ids(Asked { nodes: &nodes, idle, unix_now: self.now });
        self.affinity = Some(Affinity {
            table: Arc::clone(&store.table),
            idle: IDLE,
            prefix_v4: 32,
            prefix_v6: 64,
            on_failover: OnFailover::Return,
            ids,
        });
        Ok(took)
    }

    fn load(&mut self) -> Result<(), Box<dyn Error>> {
        let took = self.open()?;
        self.load_ms.add(milliseconds(took));
        let found = self.affinity.as_ref().map_or(0, |affinity| affinity.table.len());
        if found < self.clients as usize {
            return Err(format!("{found} of {} clients were found after a load", self.clients).into());
        }
        Ok(())
    }

    /// As after the machine's start: the file is on the disk only.
    fn load_cold(&mut self) -> Result<(), Box<dyn Error>> {
        self.affinity = None;
        let file = std::fs::File::open(&self.path)?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
        let took = self.open()?;
        self.load_cold_ms.add(milliseconds(took));
        // All of it is looked at once more, so that what it takes can be told.
        self.walk(0, self.clients.min(4_000_000), 0, self.now);
        Ok(())
    }

    fn look(&mut self, lookups: u32) {
        let (all, now) = (self.clients, self.now);
        let took = self.walk(0, FIRST_LOOKUPS, 0, now);
        self.first_ns.add(nanoseconds(took, FIRST_LOOKUPS));
        // Each page of the table is mapped from here on.
        self.walk(0, lookups, 0, now);
        let took = self.walk(0, lookups, 0, now);
        self.known_ns.add(nanoseconds(took, lookups));
        let took = self.walk(all, lookups, 0, now);
        self.unknown_ns.add(nanoseconds(took, lookups));
        self.now += DAY;
        let took = self.walk(0, lookups, lookups, self.now);
        self.seen_ns.add(nanoseconds(took, lookups));
    }

    /// Random clients, numbers from `first` on. The first `visits` count as seen.
    fn walk(&mut self, first: u32, lookups: u32, visits: u32, now: u32) -> Duration {
        let Some(affinity) = &self.affinity else { return Duration::ZERO };
        let (random, clients) = (&mut self.random, self.clients.into());
        let numbers: Vec<u32> = (0..lookups).map(|_| first + random.below(clients) as u32).collect();
        let mut found = 0u32;
        let begun = Instant::now();
        for nth in 0..lookups {
            // Nothing is added; but the processor cannot know that before it has the last answer.
            let number = numbers[nth as usize] + u32::from(found == u32::MAX);
            let home = match nth < visits {
                true => affinity.home(client(number), now),
                false => affinity.peek(client(number), now),
            };
            found = black_box(home.map_or(0, u32::from));
        }
        begun.elapsed()
    }

    /// Clients of these numbers come for the first time.
    fn settle(&mut self, from: u32, to: u32) -> Duration {
        let Some(affinity) = &self.affinity else { return Duration::ZERO };
        let begun = Instant::now();
        for number in from..to {
            let node = (number as usize % self.nodes) as u16;
            black_box(affinity.settle(client(number), node, self.now, |_| true));
        }
        begun.elapsed()
    }

    /// As many clients again fill all places; those after them push others out.
    fn overfill(&mut self, evictions: u32) {
        let full = self.clients * 5 / 2;
        self.now += 1;
        self.settle(self.clients, full);
        self.now += 1;
        let took = self.settle(full, full + evictions);
        self.evict_ns.add(nanoseconds(took, evictions));
    }

    fn json(&self) -> Value {
        let file = std::fs::metadata(&self.path).map_or(0, |about| about.len());
        let per_client = |bytes: u64| (bytes as f64 / f64::from(self.clients) * 10.0).round() / 10.0;
        json!({
            "clients": self.clients,
            "file_bytes_per_client": per_client(file),
            "resident_bytes_per_client": per_client(self.resident),
            "make_ms": self.make_ms.json(),
            "load_ms": self.load_ms.json(),
            "load_cold_ms": self.load_cold_ms.json(),
            "settle_ns": self.settle_ns.json(),
            "first_ns": self.first_ns.json(),
            "known_ns": self.known_ns.json(),
            "unknown_ns": self.unknown_ns.json(),
            "seen_ns": self.seen_ns.json(),
            "evict_ns": self.evict_ns.json(),
        })
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Memory of this process that is the file's.
fn resident(path: &Path) -> Result<u64, Box<dyn Error>> {
    let mappings = std::fs::read_to_string("/proc/self/smaps")?;
    let file = path.canonicalize()?;
    let file = file.to_str().ok_or("a folder whose name is text is needed")?;
    let of_file = mappings.lines().skip_while(|line| !line.ends_with(file));
    let mut words = of_file.skip_while(|line| !line.starts_with("Rss:")).flat_map(str::split_whitespace);
    let kilobytes: u64 = words.nth(1).ok_or("the kernel does not say what is resident")?.parse()?;
    Ok(kilobytes * 1024)
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

fn nanoseconds(took: Duration, operations: u32) -> f64 {
    took.as_secs_f64() * 1e9 / f64::from(operations.max(1))
}
