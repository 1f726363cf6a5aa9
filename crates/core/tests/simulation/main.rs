//! Sessions, failover and affinity in worlds drawn from a seed: law, after every event everything the
//! laws of the data path promise is true.
//!
//! * `world`: what there is, and which event comes next; `plan` and `peers` draw what it is made of.
//! * `opening` and `play`: open a session, and tell it of an event, having said before what must come of it:
//!   `fate` (laws 3, 5, 7, 12), `order` (law 2), `homes` (law 6), `ledger` (laws 4, 5, 13).
//! * `anything`: any event in any state, as no engine would send them.
//!
//! `SIM_SEED` and `SIM_STEPS` choose what is played; a failure prints those that play it again.

mod anything;
mod fate;
mod homes;
mod ledger;
mod opening;
mod order;
mod peers;
mod plan;
mod play;
mod random;
mod visit;
mod world;

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Steps of one world: few enough to read what happened, enough for long lives.
const WORLD: u64 = 5_000;

#[expect(clippy::disallowed_methods, reason = "a test's seed comes from outside, the core's never does")]
fn given(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Plays worlds of consecutive seeds until all steps are done.
fn simulate(test: &str, steps: u64, play: impl Fn(u64, u64)) {
    let seed = given("SIM_SEED").unwrap_or_else(|| RandomState::new().hash_one(test) >> 16);
    let steps = given("SIM_STEPS").unwrap_or(steps);
    for nth in 0..steps.div_ceil(WORLD) {
        let (seed, steps) = (seed + nth, WORLD.min(steps - nth * WORLD));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(seed, steps))) {
            eprintln!(
                "to play it again: SIM_SEED={seed} SIM_STEPS={steps} \
                 cargo test --package protobalance-core --test simulation {test}"
            );
            resume_unwind(panic);
        }
    }
}

#[test]
fn what_engines_send() {
    simulate("what_engines_send", 1_000_000, |seed, steps| world::World::new(seed).play(steps));
}

#[test]
fn anything_at_any_time() {
    simulate("anything_at_any_time", 1_000_000, anything::play);
}
