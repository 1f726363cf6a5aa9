//! Policies: how the next node is chosen. One file each; this one holds what they share.
//!
//! A policy *picks* without changing anything, and then *commits* the pick. `explain` picks and
//! never commits, so what it says is what a session would get. A commit may fail because another
//! worker was faster; the caller picks again. Policies keep no state of their own: it is in
//! `NodeState` and `ClusterState`, which all workers share and which outlive plans.

mod changes;
mod client_hash;
mod connection_rate;
mod least;
mod least_sessions;
mod minimum_load;
mod named;
mod random;
mod ranking;
mod round_robin;
mod shares;
mod sums;
mod teller;
mod tournament;
mod traffic_rate;
mod two_choices;

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub use named::{Error, NAMES, Settings, named, named_ranked_from};
pub(crate) use teller::{Teller, Watch};

use self::ranking::Ranking;
use crate::cluster::Node;
use crate::moment::Moment;
use crate::node::NodeIndex;

/// What a cluster's policy remembers between choices. Outlives plans, as the cluster's `NodeState`s
/// do, and lives no shorter than any of them: their turns are counted by its clock.
#[derive(Debug, Default)]
pub struct ClusterState {
    /// Counts choices; the ticket of a choice orders it among the others.
    pub ticket: AtomicU64,
    /// The round robin's virtual time: see `round_robin.rs`, which alone writes it.
    pub virtual_time: AtomicU64,
    /// The round robin's latest turn and whose it was: likewise.
    pub latest_turn: AtomicU64,
    /// The nodes in order, for policies that keep one.
    ranking: Arc<Ranking>,
}

impl ClusterState {
    /// The next ticket; the first is 1.
    pub fn next_ticket(&self) -> u64 {
        self.ticket.fetch_add(1, Relaxed) + 1
    }
}

/// The question put to a policy.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// All nodes of the cluster, usable or not.
    pub nodes: &'a [Node],
    /// What the policy remembers.
    pub state: &'a ClusterState,
    /// Nodes that this session has tried already.
    pub tried: &'a [NodeIndex],
    /// Who asks. IPv4-mapped IPv6 addresses come as IPv4.
    pub client: IpAddr,
    /// The time.
    pub now: Moment,
    /// Uniformly random bits.
    pub random: u64,
}

/// A node, and the weight with which it counts at this choice.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<'a> {
    /// The node's place in the list.
    pub index: NodeIndex,
    /// The node.
    pub node: &'a Node,
    /// See [`Ask::weight`].
    pub weight: u16,
}

/// The highest weight, inherited ones included: what the round robin's arithmetic is exact for.
pub const MAX_WEIGHT: u16 = 511;

impl<'a> Ask<'a> {
    /// The nodes a policy may pick, in the cluster's order: they can take this session and have a weight.
    pub fn usable_nodes(&self) -> impl Iterator<Item = Weighted<'a>> {
        let ask = *self;
        ask.nodes.iter().enumerate().filter_map(move |(index, node)| {
            let index = index as NodeIndex;
            let weight = ask.weight_of(index, node);
            (weight > 0 && ask.can_take(index, node)).then_some(Weighted { index, node, weight })
        })
    }

    /// The node's own weight, and those of the nodes whose heir it is; not more than `MAX_WEIGHT`.
    #[must_use]
    pub fn weight(&self, index: NodeIndex) -> u16 {
        self.weight_of(index, &self.nodes[usize::from(index)])
    }

    /// Who has the node's share: see [`heir`].
    #[must_use]
    pub fn heir(&self, index: NodeIndex) -> Option<NodeIndex> {
        heir(self.nodes, index, |index| self.can_take(index, &self.nodes[usize::from(index)]))
    }

    /// The node, if the policy can say anything about it: one without a weight is never its choice.
    fn weighted(&self, index: NodeIndex) -> Option<Weighted<'a>> {
        let node = self.nodes.get(usize::from(index))?;
        let weight = self.weight_of(index, node);
        (weight > 0).then_some(Weighted { index, node, weight })
    }

    fn weight_of(&self, index: NodeIndex, node: &Node) -> u16 {
        if node.stands_in_for.is_empty() { node.weight } else { self.share_of(index) }
    }

    /// Out of line: most nodes stand in for nobody, and the loop over them is to stay small.
    #[cold]
    fn share_of(&self, index: NodeIndex) -> u16 {
        share(self.nodes, index, |index| self.can_take(index, &self.nodes[usize::from(index)]))
    }

    /// Whether the node takes clients and this session has not tried it.
    fn can_take(&self, index: NodeIndex, node: &Node) -> bool {
        node.takes_clients(self.now) && !self.tried.contains(&index)
    }
}

/// Who has the node's share: itself if it can take clients, else the first of its fallbacks that can.
/// Fallbacks of fallbacks inherit nothing: a chain is written out where it is meant.
fn heir(nodes: &[Node], index: NodeIndex, can_take: impl Fn(NodeIndex) -> bool) -> Option<NodeIndex> {
    let fallbacks = || nodes[usize::from(index)].fallbacks.iter().copied();
    Some(index).filter(|index| can_take(*index)).or_else(|| fallbacks().find(|index| can_take(*index)))
}

/// The node's own weight and those that it inherits: see [`Ask::weight`].
fn share(nodes: &[Node], index: NodeIndex, can_take: impl Fn(NodeIndex) -> bool) -> u16 {
    let node = &nodes[usize::from(index)];
    let others = node.stands_in_for.iter().filter(|other| heir(nodes, **other, &can_take) == Some(index));
    let inherited: u64 = others.map(|other| u64::from(nodes[usize::from(*other)].weight)).sum();
    (u64::from(node.weight) + inherited).min(MAX_WEIGHT.into()) as u16
}

/// How often policies read what changes with time alone: between, decays stand still, for all nodes
/// alike. What fades fastest (in a second) then does so by 2 % at once; in steps of a tenth of a second
/// each step would send a run of sessions to whoever it favours most.
const ROUND: Duration = Duration::from_millis(20);

/// When the round of `now` began.
fn round(now: Moment) -> Moment {
    Moment(now.0 - now.0 % ROUND.as_micros() as u64)
}

/// A policy's pick, not yet committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The node.
    pub node: NodeIndex,
    /// The weight with which it was picked.
    pub weight: u16,
    /// What the policy saw of the node's shared state; its commit holds only if that still stands.
    pub seen: u64,
    /// What the nodes were compared by.
    pub basis: Basis,
}

impl Pick {
    /// A pick whose commit depends on nothing.
    #[must_use]
    pub fn of(node: NodeIndex, weight: u16) -> Pick {
        Pick { node, weight, seen: 0, basis: Basis::default() }
    }
}

/// What the values of all nodes rest on besides each one's own state: worked out over the whole
/// cluster, once for a choice or for many. Which number means what is each policy's own affair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Basis(pub(crate) [u64; 3]);

impl Basis {
    pub(crate) fn of(numbers: [f64; 3]) -> Basis {
        Basis(numbers.map(f64::to_bits))
    }

    pub(crate) fn numbers(&self) -> [f64; 3] {
        self.0.map(f64::from_bits)
    }
}

/// How the next node is chosen.
pub trait Policy: Send + Sync + Debug {
    /// The word used in files and logs.
    fn name(&self) -> &'static str;

    /// Picks a usable node; `None` only if there is none. Changes nothing.
    fn pick(&self, ask: &Ask<'_>) -> Option<Pick>;

    /// Makes the pick count. False if another worker's choice came between: pick again.
    fn commit(&self, _ask: &Ask<'_>, _pick: Pick) -> bool {
        true
    }

    /// What values rest on now: a pick's own basis is as good, and costs nothing.
    fn basis(&self, _ask: &Ask<'_>) -> Basis {
        Basis::default()
    }

    /// The number the policy compares for the node, for `explain`; `None` where it compares none.
    /// The lowest wins, unless the policy's documentation says otherwise.
    fn value(&self, ask: &Ask<'_>, basis: &Basis, node: NodeIndex) -> Option<f64>;
}

/// The base-2 logarithm of a weight, looked up: it is asked for at each choice.
fn log2_weight(weight: u16) -> f64 {
    static LOGARITHMS: LazyLock<[f64; 1 + MAX_WEIGHT as usize]> =
        LazyLock::new(|| std::array::from_fn(|weight| (weight as f64).log2()));
    LOGARITHMS.get(usize::from(weight)).copied().unwrap_or_else(|| f64::from(weight).log2())
}
