//! What Proto Balance decides, and nothing else: no socket, no clock, no randomness. Time and
//! random numbers are parameters; what comes out are decisions that the engine carries out.
//!
//! The nouns, in the order a session meets them (`docs/lexicon.md` has them all):
//!
//! * [`cluster::Cluster`]: interchangeable nodes, the policy that chooses among them, their limits.
//! * [`node::NodeState`]: one node's shared truth (admin state, health, counts), lock-free, alive
//!   across plans.
//! * [`affinity::Table`]: which node a client belongs to.
//! * [`admission::Table`]: how much each client has of what it may have.
//! * [`policy::Policy`]: picks one usable node; one file per policy.
//! * [`failover::Candidates`]: the order in which nodes are tried for one session (law 2).
//! * [`session::Session`]: one client's way to one node: events in, actions out (laws 3, 5, 7, 13).
//!
//! The main path: `session` asks `failover`, which asks `affinity`, then `policy`.

#![forbid(unsafe_code)]

pub mod admission;
pub mod affinity;
pub mod cluster;
pub mod expression;
pub mod failover;
pub mod hash;
pub mod moment;
pub mod node;
pub mod pace;
pub mod policy;
pub mod prefix;
pub mod rate;
pub mod server_names;
pub mod session;
pub mod wire;
