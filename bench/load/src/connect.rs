//! `pbload connect`: so many conversations, so many at a time, and what became of each.

use crate::Outcome;
use crate::arguments::Arguments;
use crate::crowd::{Crowd, Manner};
use crate::events::Events;

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let manner = Manner::parse(&mut arguments)?;
    let connections: u64 = arguments.need("connections")?;
    let parallel = arguments.get("parallel", 64)?;
    arguments.finish()?;

    let mut events = Events::new()?;
    let mut crowd = Crowd::new(manner, parallel);
    while crowd.begun() < connections || !crowd.is_empty() {
        crowd.fill(&events, connections)?;
        for slot in events.wait(Some(crowd.patience()))? {
            crowd.attend(slot as usize);
        }
        crowd.tick();
    }
    println!("{}", crowd.tally.report());
    Ok(crowd.tally.is_clean())
}
