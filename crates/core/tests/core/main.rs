//! What the pure decisions promise, one module per promise-giver. Time is advanced by hand, and
//! randomness comes from seeds that a failing test prints among its inputs.

mod admission;
mod affinity;
mod expression;
mod fallbacks;
mod first_contact;
mod ftp;
mod golden;
mod hash;
mod homes;
mod model;
mod one_home;
mod pace;
mod pinned;
mod policies;
mod ranking;
mod rate;
mod round_robin;
mod session;
mod shares;
mod stage;
