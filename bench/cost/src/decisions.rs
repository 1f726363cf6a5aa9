//! The cost of a decision for each policy and number of nodes: of the bare pick, and of a session's whole
//! bookkeeping (choice, commit, counts, trace, three events, end). Every scene gets its turn in each round.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::numbers;
use crate::samples::Samples;
use crate::scene::{CASES, Case, Scene};

struct Measured {
    case: Case,
    nodes: usize,
    scene: Scene,
    pick: Timed,
    session: Timed,
}

/// Nanoseconds per operation, and how many operations fill a batch.
struct Timed {
    batch: u32,
    nanoseconds: Samples,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<Value, Box<dyn Error>> {
    let policies: String = arguments.get("policies", "all".to_owned())?;
    let nodes: Vec<usize> = numbers(&arguments.get("nodes", "3,30,300,3000".to_owned())?)?;
    let rounds: u32 = arguments.get("rounds", 15)?;
    let length = Duration::from_micros(arguments.get("batch-us", 2000)?);
    let seed = arguments.get("seed", 1)?;
    arguments.finish()?;
    let wanted = |case: &&Case| policies == "all" || policies.split(',').any(|name| name == case.name);
    let mut measured = Vec::new();
    for case in CASES.iter().filter(wanted) {
        for nodes in &nodes {
            let mut scene = Scene::new(*case, *nodes, seed)?;
            let pick = Timed::new(length, || scene.pick());
            let session = Timed::new(length, || scene.session());
            measured.push(Measured { case: *case, nodes: *nodes, scene, pick, session });
        }
    }
    if measured.is_empty() {
        return Err(format!("--policies {policies:?}: none of them is known").into());
    }
    for _ in 0..rounds {
        for Measured { scene, pick, session, .. } in &mut measured {
            pick.batch(|| scene.pick());
            session.batch(|| scene.session());
        }
        // Nobody is always the first after somebody else.
        measured.rotate_left(1);
    }
    measured.sort_by_key(|one| (CASES.iter().position(|case| case.name == one.case.name), one.nodes));
    let decisions: Vec<Value> = measured
        .iter()
        .map(|one| {
            json!({
                "policy": one.case.name,
                "nodes": one.nodes,
                "pick_ns": one.pick.nanoseconds.json(),
                "session_ns": one.session.nanoseconds.json(),
            })
        })
        .collect();
    Ok(json!({"rounds": rounds, "seed": seed, "decisions": decisions}))
}

impl Timed {
    /// Finds how many operations take `length`.
    fn new(length: Duration, mut operation: impl FnMut()) -> Timed {
        let mut batch = 8;
        loop {
            let took = time(batch, &mut operation);
            if took >= length / 2 || batch > u32::MAX / 4 {
                let fits = length.as_secs_f64() / took.as_secs_f64().max(1e-9);
                return Timed {
                    batch: (f64::from(batch) * fits).max(1.0) as u32,
                    nanoseconds: Samples::default(),
                };
            }
            batch *= 2;
        }
    }

    fn batch(&mut self, operation: impl FnMut()) {
        let took = time(self.batch, operation);
        self.nanoseconds.add(took.as_secs_f64() * 1e9 / f64::from(self.batch));
    }
}

fn time(batch: u32, mut operation: impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..batch {
        operation();
    }
    begun.elapsed()
}
