//! `pbcost`: what a decision costs, and what remembering clients does, without a socket between.
//!
//! * [`decisions`]: sessions opened and ended over a [`scene`] of nodes, and the policy's bare pick.
//! * [`affinity`]: a table of clients in a file, as the engine keeps it: filled, asked, loaded again.
//!
//! What is compared is measured in turns, round by round, each batch long enough for the clock; the
//! median of the rounds counts, and the quartiles say how far to trust it ([`samples`]). Clients and
//! weights come from a seed. Results are one JSON object on standard output.

#![forbid(unsafe_code)]

mod affinity;
// One way of reading options for both tools.
#[path = "../../load/src/arguments.rs"]
mod arguments;
mod decisions;
mod random;
mod samples;
mod scene;

use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
usage: pbcost SUBCOMMAND --option value …
  decisions  [--policies all|NAME,…] [--nodes 3,30,300,3000] [--rounds 15] [--batch-us 2000] [--seed 1]
  affinity   --folder FOLDER [--clients 10000,1000000,10000000] [--nodes 3] [--rounds 5]
             [--lookups 1000000] [--seed 1]";

/// The numbers of a list `1,2,3`.
fn numbers<T: std::str::FromStr<Err: std::fmt::Display>>(list: &str) -> Result<Vec<T>, String> {
    list.split(',').map(|number| number.parse().map_err(|error| format!("{number:?}: {error}"))).collect()
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let subcommand = words.next().unwrap_or_default();
    let run = match subcommand.as_str() {
        "decisions" => decisions::run,
        "affinity" => affinity::run,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Arguments::parse(words).and_then(run) {
        Ok(result) => {
            println!("{result:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pbcost {subcommand}: {error}");
            ExitCode::from(2)
        }
    }
}
