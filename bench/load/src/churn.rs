//! `pbload churn`: conversations without end, while a test changes things. Each line on standard
//! input begins a new epoch and is answered by a line once every later connection counts to it; the
//! end of input ends the run. The result tells in which epoch each connection began and ended.

use serde_json::json;

use crate::Outcome;
use crate::arguments::Arguments;
use crate::control::Control;
use crate::crowd::{Crowd, Manner};
use crate::events::{CONTROL, Events};

/// Runs the subcommand.
pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let manner = Manner::parse(&mut arguments)?;
    let parallel = arguments.get("parallel", 64)?;
    arguments.finish()?;

    let mut events = Events::new()?;
    let mut control = Control::new(&events)?;
    let mut crowd = Crowd::new(manner, parallel);
    while control.is_open() || !crowd.is_empty() {
        if control.is_open() {
            crowd.fill(&events, u64::MAX)?;
        }
        for number in events.wait(Some(crowd.patience()))? {
            if number != CONTROL {
                crowd.attend(number as usize);
            } else {
                for _ in control.lines(&events)? {
                    crowd.epoch += 1;
                    println!("{}", json!({"epoch": crowd.epoch, "ok": crowd.tally.served_count()}));
                }
            }
        }
        crowd.tick();
    }
    let mut report = crowd.tally.report();
    report["epochs"] = crowd.tally.epochs();
    println!("{report}");
    Ok(crowd.tally.is_clean())
}
