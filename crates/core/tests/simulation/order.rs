//! Who may be chosen, as law 2 has it: home, the policy's choice, fallbacks in order, the others, each
//! available node as a last resort. Said again from the ledger, without asking the core.

use protobalance_core::cluster::Cluster;
use protobalance_core::failover::Why;
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeIndex};

use crate::ledger::Ledger;

pub(crate) struct Question<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) ledger: &'a Ledger,
    pub(crate) tried: &'a [NodeIndex],
    pub(crate) now: Moment,
}

/// How a choice must come out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Exactly(NodeIndex, Why),
    /// What the policy picks: any of those, for this reason.
    OneOf(Vec<NodeIndex>, Why),
    /// Things may have changed since the last choice: any of the first for any reason but the last
    /// resort, or any of the second as that.
    Any(Vec<NodeIndex>, Vec<NodeIndex>),
    Nobody,
}

impl Question<'_> {
    fn all(&self) -> impl Iterator<Item = NodeIndex> {
        (0..self.cluster.nodes.len()).map(|index| index as NodeIndex)
    }

    /// Available and with room: good for a last resort.
    pub(crate) fn is_ready(&self, index: NodeIndex) -> bool {
        let node = &self.cluster.nodes[usize::from(index)];
        let account = self.ledger.of(&node.state);
        let available = |state| state == AdminState::Available;
        !self.tried.contains(&index)
            && available(node.admin_state)
            && available(account.wanted)
            && (node.max_sessions == 0 || account.active < node.max_sessions)
    }

    pub(crate) fn takes(&self, index: NodeIndex) -> bool {
        let account = self.ledger.of(&self.cluster.nodes[usize::from(index)].state);
        self.is_ready(index) && account.retry_at.is_none_or(|retry_at| retry_at <= self.now)
    }

    fn takes_over_for(&self, index: NodeIndex) -> Option<NodeIndex> {
        self.cluster.nodes[usize::from(index)].fallbacks.iter().copied().find(|other| self.takes(*other))
    }

    /// Whether the policy may pick it: it has a weight of its own, or that of a node it takes over for.
    fn has_share(&self, index: NodeIndex) -> bool {
        self.takes(index)
            && self.all().any(|other| {
                let stands_in = !self.takes(other) && self.takes_over_for(other) == Some(index);
                (other == index || stands_in) && self.cluster.nodes[usize::from(other)].weight > 0
            })
    }

    fn by_policy(&self, why: Why) -> Answer {
        let shared: Vec<NodeIndex> = self.all().filter(|node| self.has_share(*node)).collect();
        if !shared.is_empty() {
            return Answer::OneOf(shared, why);
        }
        if let Some(spare) = self.all().find(|node| self.takes(*node)) {
            return Answer::Exactly(spare, Why::Next);
        }
        let last = self.all().find(|node| self.is_ready(*node));
        last.map_or(Answer::Nobody, |node| Answer::Exactly(node, Why::LastResort))
    }

    /// From the start.
    pub(crate) fn first(&self, home: Option<NodeIndex>) -> Answer {
        let Some(home) = home else { return self.by_policy(Why::Policy) };
        if self.takes(home) {
            return Answer::Exactly(home, Why::Affinity);
        }
        match self.takes_over_for(home) {
            Some(fallback) => Answer::Exactly(fallback, Why::Fallback),
            None => self.by_policy(Why::Policy),
        }
    }

    /// After `last` failed.
    pub(crate) fn after(&self, last: (NodeIndex, Why)) -> Answer {
        let (node, why) = last;
        let then = match why {
            Why::Affinity => Why::Policy,
            Why::Policy => Why::Next,
            why => return self.anything(why == Why::LastResort),
        };
        match self.takes_over_for(node) {
            Some(fallback) => Answer::Exactly(fallback, Why::Fallback),
            None => self.by_policy(then),
        }
    }

    /// The way through the nodes does not go back: what has changed behind it counts at the end only.
    fn anything(&self, had_last_resort: bool) -> Answer {
        let ready: Vec<NodeIndex> = self.all().filter(|node| self.is_ready(*node)).collect();
        let takers: Vec<NodeIndex> = self.all().filter(|node| self.takes(*node)).collect();
        match (ready.is_empty(), takers.is_empty() || had_last_resort) {
            (true, _) => Answer::Nobody,
            (_, true) => Answer::Any(Vec::new(), ready),
            (_, false) => Answer::Any(takers, Vec::new()),
        }
    }
}

impl Answer {
    pub(crate) fn allows(&self, chosen: Option<(NodeIndex, Why)>) -> bool {
        match (self, chosen) {
            (Answer::Nobody, None) => true,
            (Answer::Exactly(node, why), Some(chosen)) => (*node, *why) == chosen,
            (Answer::OneOf(nodes, why), Some((node, reason))) => nodes.contains(&node) && *why == reason,
            (Answer::Any(_, ready), Some((node, Why::LastResort))) => ready.contains(&node),
            (Answer::Any(takers, _), Some((node, why))) => takers.contains(&node) && why != Why::Affinity,
            _ => false,
        }
    }
}
