//! `pbload`: nodes to balance over and clients to load them with, one process and one thread each,
//! so that what a balancer costs is seen beside it and not inside it.
//!
//! The conversation that everything here shares: a node says its *name* and a newline, then gives
//! back each byte it is sent. A client therefore knows which node it reached and whether any byte
//! was lost, doubled, changed or taken from another session ([`echo`], [`pattern`]).
//!
//! * [`node`]: listeners that answer, or fail in each of the ways nodes fail.
//! * [`connect`]: N conversations, P at a time; [`churn`]: the same until told to stop, with marks.
//! * [`serve`], [`rate`] and [`idle`]: for measurements, so lean that the balancer is what is measured.
//! * [`hold`]: many sessions at once, some talking, some idle; [`bulk`]: readers that do not read.
//!
//! Results are one JSON object on standard output; the exit code is 1 if a client met an error.

#![deny(unsafe_code)]

mod answer;
mod arguments;
mod bulk;
mod caller;
mod churn;
mod connect;
mod control;
mod crowd;
mod echo;
mod events;
mod exchange;
mod histogram;
mod hold;
mod idle;
mod link;
mod node;
mod origins;
mod pattern;
mod rate;
mod serve;
mod served;
mod sockets;
mod sys;
mod tally;

use std::error::Error;
use std::process::ExitCode;

use arguments::Arguments;
use rustix::process::{Resource, getrlimit, setrlimit};

const USAGE: &str = "\
usage: pbload SUBCOMMAND --option value …
  node     --mode echo|greet|slow|http|sink|source|close|reset|close-after-read|refuse|blackhole
           [--bind 127.0.0.1:0] [--count 1] [--name MODE] [--bytes 1024] [--close-after BYTES] [--spare N]
           [--socket-buffer BYTES]
  connect  --target ADDRESS --connections N [--parallel 64] [--kind client-first|server-first|idle-then-speak]
           [--bytes 64] [--pause-ms 100] [--ending client|node] [--timeout-s 30]
           (ending: who closes first, and so keeps a port in TIME_WAIT; for many thousands a minute, the node:
           give it --close-after the same --bytes)
  churn    as connect without --connections; each line on standard input is a mark, its end stops
  hold     --target ADDRESS --connections N [--idle HALF] [--bytes 64] [--rounds 0] [--timeout-s 60]
  bulk     --target ADDRESS --connections N --bytes EACH_WAY [--read-size 65536] [--timeout-s 120]
           [--socket-buffer BYTES] (how much the kernel may hold at this end; by default as much as it likes)
For measurements, lean: requests and answers of so many bytes, both ends told the same; clients have so many
addresses in turn, from 127.128.0.1 on, or (0) the one that the kernel chooses
  serve    [--bind 127.0.0.1:0] [--count 1] [--request 100] [--answer 100] [--each EXCHANGES, then close]
  rate     --target ADDRESS [--ports 1] [--parallel 1] [--request 100] [--answer 100] [--each EXCHANGES]
           [--nodes 0 --bind ADDRESS] [--depth 1] [--warm-up-ms 300] [--duration-ms 1000] [--patience-ms 5000]
           [--addresses 0]
  idle     --target ADDRESS --connections N [--storm 0|1] [--at-a-time 64] [--request 100] [--answer 100]
           [--patience-s 30] [--addresses 0]";

/// What a subcommand returns: whether every client was served without an error.
type Outcome = Result<bool, Box<dyn Error>>;

/// Raises the soft limit of descriptors to the hard one: thousands of connections are this tool's work.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, the connections that do not fit will say so.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn main() -> ExitCode {
    raise_descriptor_limit();
    let mut words = std::env::args().skip(1);
    let subcommand = words.next().unwrap_or_default();
    let run = match subcommand.as_str() {
        "node" => node::run,
        "connect" => connect::run,
        "churn" => churn::run,
        "hold" => hold::run,
        "bulk" => bulk::run,
        "serve" => serve::run,
        "rate" => rate::run,
        "idle" => idle::run,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Arguments::parse(words).and_then(run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pbload {subcommand}: {error}");
            ExitCode::from(2)
        }
    }
}
