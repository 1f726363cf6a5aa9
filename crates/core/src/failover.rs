//! The order in which nodes are tried for one session (law 2): affinity's home; the policy's choice;
//! then the fallbacks of that node, in order; then the other usable nodes in the policy's order;
//! then, if every node is down, each available one once as a last resort.
//!
//! A home that cannot take its client still has its fallbacks asked first: they are who takes over.
//! And the policy knows who takes over: while a node cannot, its share is its first usable fallback's
//! (`Ask::weight`), so the fallbacks of a node that is known to be down need no asking here.

use std::net::IpAddr;

use crate::cluster::Cluster;
use crate::moment::Moment;
use crate::node::{AdminState, Health, NodeIndex};
use crate::policy::{Ask, Pick};

/// Why a node was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the client's home.
    Affinity,
    /// The policy picked it first.
    Policy,
    /// It takes over for the node that could not.
    Fallback,
    /// The policy picked it after others failed.
    Next,
    /// Every node is down, and so was this one.
    LastResort,
    /// The port that the client connected to is this node's.
    Port,
}

impl Why {
    /// The word used in logs and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Why::Affinity => "affinity",
            Why::Policy => "policy",
            Why::Fallback => "fallback",
            Why::Next => "next",
            Why::LastResort => "last-resort",
            Why::Port => "port",
        }
    }
}

/// Why the policy could not choose a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It could.
    No,
    /// Its admin state forbids.
    Draining,
    /// Its admin state forbids.
    Offline,
    /// It failed lately.
    Down,
    /// It has `max_sessions`.
    Full,
    /// It takes clients only as a fallback, and stands in for nobody now.
    WeightZero,
    /// This session has tried it.
    Tried,
}

impl Skip {
    /// The word used in answers; empty for a node that could be chosen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Skip::No => "",
            Skip::Draining => "draining",
            Skip::Offline => "offline",
            Skip::Down => "down",
            Skip::Full => "full",
            Skip::WeightZero => "weight-0",
            Skip::Tried => "tried",
        }
    }

    /// What keeps the policy from the node, if anything.
    #[must_use]
    pub fn reason(ask: &Ask<'_>, index: NodeIndex) -> Skip {
        let node = &ask.nodes[usize::from(index)];
        if ask.tried.contains(&index) {
            return Skip::Tried;
        }
        match node.admin_state() {
            AdminState::Draining => return Skip::Draining,
            AdminState::Offline => return Skip::Offline,
            AdminState::Available => {}
        }
        match node.state.health(ask.now) {
            Health::Down { .. } => Skip::Down,
            _ if !node.has_room() => Skip::Full,
            _ if ask.weight(index) == 0 => Skip::WeightZero,
            _ => Skip::No,
        }
    }
}

/// One node as the policy saw it when it chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The node.
    pub node: NodeIndex,
    /// What kept the policy from it.
    pub skip: Skip,
    /// What the policy compared; NaN where it compares nothing.
    pub value: f64,
}

/// What the policy saw at its first choice: the chosen node, then up to seven that follow it in the
/// cluster's order. Fixed in size, since it is written for every session.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    home: Option<Candidate>,
    candidates: [Candidate; Trace::CAPACITY],
    len: u8,
}

impl Trace {
    const CAPACITY: usize = 8;

    /// Nothing seen.
    #[must_use]
    pub fn empty() -> Trace {
        let nobody = Candidate { node: NodeIndex::MAX, skip: Skip::No, value: f64::NAN };
        Trace { home: None, candidates: [nobody; Trace::CAPACITY], len: 0 }
    }

    /// The client's home, if affinity knew one, and what kept it from taking the client.
    #[must_use]
    pub fn home(&self) -> Option<Candidate> {
        self.home
    }

    fn record_home(&mut self, ask: &Ask<'_>, home: NodeIndex, took: bool) {
        let skip = match Skip::reason(ask, home) {
            _ if took => Skip::No,
            // It takes its own whatever its weight, so it was its trial that another session claimed.
            Skip::No | Skip::WeightZero => Skip::Down,
            reason => reason,
        };
        self.home = Some(Candidate { node: home, skip, value: f64::NAN });
    }

    /// What was seen.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates[..usize::from(self.len)]
    }

    fn record(&mut self, cluster: &Cluster, ask: &Ask<'_>, pick: Option<Pick>) {
        let nodes = ask.nodes.len();
        let first = pick.map_or(0, |pick| usize::from(pick.node));
        let basis = pick.map_or_else(|| cluster.policy.basis(ask), |pick| pick.basis);
        let seen = nodes.min(Trace::CAPACITY);
        for place in 0..seen {
            let node = ((first + place) % nodes) as NodeIndex;
            let value = cluster.policy.value(ask, &basis, node).unwrap_or(f64::NAN);
            self.candidates[place] = Candidate { node, skip: Skip::reason(ask, node), value };
        }
        self.len = seen as u8;
    }
}

/// What a choice depends on besides the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The time.
    pub now: Moment,
    /// The time as the world counts it, seconds since 1970: for what outlives the process.
    pub unix_now: u32,
    /// Uniformly random bits.
    pub random: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Looked up, unless it is known.
    Home(Option<NodeIndex>),
    Policy,
    Fallbacks {
        of: NodeIndex,
        from: u16,
        then: After,
    },
    Others,
    Spares,
    LastResort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Policy,
    Others,
}

/// The way through a cluster's nodes for one session.
#[derive(Clone, Copy, Debug)]
pub struct Candidates {
    stage: Stage,
    home: Option<NodeIndex>,
    came_with_home: Option<bool>,
}

impl Default for Candidates {
    fn default() -> Self {
        Candidates { stage: Stage::Home(None), home: None, came_with_home: None }
    }
}

impl Candidates {
    /// The home that affinity knew for the client when it was looked up last.
    #[must_use]
    pub fn home(&self) -> Option<NodeIndex> {
        self.home
    }

    /// Whether affinity knew a home for the client before this session.
    #[must_use]
    pub fn came_with_home(&self) -> bool {
        self.came_with_home == Some(true)
    }

    /// From the start, by a newer plan. What this session itself has remembered meanwhile is no home
    /// that the client came with.
    #[must_use]
    pub fn anew(self) -> Candidates {
        Candidates { came_with_home: self.came_with_home, ..Candidates::default() }
    }

    /// From the start, with this home.
    #[must_use]
    pub fn headed_for(self, home: NodeIndex) -> Candidates {
        Candidates { stage: Stage::Home(Some(home)), ..self }
    }

    /// The next node to try, or `None` when all were. `tried` names those this session has tried.
    /// The node's trial is claimed and the policy's pick committed; the caller counts the session.
    pub fn next(
        &mut self,
        cluster: &Cluster,
        client: IpAddr,
        tried: &[NodeIndex],
        at: Circumstances,
        trace: &mut Trace,
    ) -> Option<(NodeIndex, Why)> {
        loop {
            match self.stage {
                Stage::Home(known) => {
                    let affinity = cluster.affinity.as_ref();
                    let home = known.or_else(|| affinity?.home(client, at.unix_now));
                    self.home = home;
                    self.came_with_home.get_or_insert(home.is_some());
                    self.stage = match home {
                        Some(home) => Stage::Fallbacks { of: home, from: 0, then: After::Policy },
                        None => Stage::Policy,
                    };
                    if let Some(home) = home {
                        let took = claim(cluster, home, tried, at.now);
                        trace.record_home(&cluster.ask(client, tried, at.now, at.random), home, took);
                        if took {
                            return Some((home, Why::Affinity));
                        }
                    }
                }
                Stage::Policy => {
                    let picked = pick(cluster, client, tried, at, Some(trace));
                    self.stage = match picked {
                        Some(node) => Stage::Fallbacks { of: node, from: 0, then: After::Others },
                        None => Stage::Spares,
                    };
                    if let Some(node) = picked {
                        return Some((node, Why::Policy));
                    }
                }
                Stage::Fallbacks { of, from, then } => {
                    let chain = &cluster.nodes[usize::from(of)].fallbacks;
                    let Some(node) = chain.get(usize::from(from)) else {
                        self.stage = if then == After::Policy { Stage::Policy } else { Stage::Others };
                        continue;
                    };
                    self.stage = Stage::Fallbacks { of, from: from + 1, then };
                    if claim(cluster, *node, tried, at.now) {
                        return Some((*node, Why::Fallback));
                    }
                }
                Stage::Others => match pick(cluster, client, tried, at, None) {
                    Some(node) => return Some((node, Why::Next)),
                    None => self.stage = Stage::Spares,
                },
                Stage::Spares => {
                    let spare = indices(cluster).find(|node| claim(cluster, *node, tried, at.now));
                    match spare {
                        Some(node) => return Some((node, Why::Next)),
                        None => self.stage = Stage::LastResort,
                    }
                }
                Stage::LastResort => {
                    let node = indices(cluster).find(|node| stands_ready(cluster, *node, tried))?;
                    return Some((node, Why::LastResort));
                }
            }
        }
    }
}

/// Where a client would go now: the first choice, with nothing claimed, committed or counted.
#[must_use]
pub fn preview(
    cluster: &Cluster,
    client: IpAddr,
    at: Circumstances,
    trace: &mut Trace,
) -> Option<(NodeIndex, Why)> {
    let takes = |node: NodeIndex| {
        let node = &cluster.nodes[usize::from(node)];
        node.takes_clients(at.now)
    };
    let ask = cluster.ask(client, &[], at.now, at.random);
    let home = cluster.affinity.as_ref().and_then(|affinity| affinity.peek(client, at.unix_now));
    let pick = cluster.policy.pick(&ask);
    trace.record(cluster, &ask, pick);
    let picked = pick.map(|pick| pick.node);
    if let Some(home) = home {
        trace.record_home(&ask, home, takes(home));
        if takes(home) {
            return Some((home, Why::Affinity));
        }
        let chain = &cluster.nodes[usize::from(home)].fallbacks;
        if let Some(node) = chain.iter().copied().find(|node| takes(*node)) {
            return Some((node, Why::Fallback));
        }
    }
    picked
        .map(|node| (node, Why::Policy))
        .or_else(|| indices(cluster).find(|node| takes(*node)).map(|node| (node, Why::Next)))
        .or_else(|| {
            indices(cluster)
                .find(|node| stands_ready(cluster, *node, &[]))
                .map(|node| (node, Why::LastResort))
        })
}

fn indices(cluster: &Cluster) -> impl Iterator<Item = NodeIndex> {
    (0..cluster.nodes.len()).map(|index| index as NodeIndex)
}

/// Whether the node takes this session, whatever its weight; claims its trial if it is due for one.
fn claim(cluster: &Cluster, index: NodeIndex, tried: &[NodeIndex], now: Moment) -> bool {
    let node = &cluster.nodes[usize::from(index)];
    !tried.contains(&index)
        && node.takes_clients(now)
        && node.state.claim_trial(now, cluster.limits.retry_interval)
}

fn stands_ready(cluster: &Cluster, index: NodeIndex, tried: &[NodeIndex]) -> bool {
    let node = &cluster.nodes[usize::from(index)];
    !tried.contains(&index) && node.admin_state() == AdminState::Available && node.has_room()
}

/// The policy's pick, committed and claimed. Another worker may be faster at either; each time it is,
/// the shared state has moved, so asking again ends.
fn pick(
    cluster: &Cluster,
    client: IpAddr,
    tried: &[NodeIndex],
    at: Circumstances,
    mut trace: Option<&mut Trace>,
) -> Option<NodeIndex> {
    let ask = cluster.ask(client, tried, at.now, at.random);
    loop {
        let pick = cluster.policy.pick(&ask);
        if let Some(trace) = trace.as_deref_mut() {
            trace.record(cluster, &ask, pick);
        }
        let pick = pick?;
        if cluster.policy.commit(&ask, pick)
            && cluster.nodes[usize::from(pick.node)].state.claim_trial(at.now, cluster.limits.retry_interval)
        {
            return Some(pick.node);
        }
    }
}
