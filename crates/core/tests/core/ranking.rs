//! Whatever a ranking answers, asking every node would have answered too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use protobalance_core::cluster::{Node, link};
use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, NodeIndex, NodeState};
use protobalance_core::policy::{self, Ask, ClusterState, Pick, Policy};

use crate::model::{self, Random};

const ALWAYS: usize = 0;
const NEVER: usize = usize::MAX;
const CLIENT: [u8; 4] = [192, 0, 2, 1];
/// Every policy that keeps a ranking, and the load expression that it goes by.
const RANKED: [(&str, &str); 9] = [
    ("round-robin", ""),
    ("random", ""),
    ("two-choices", ""),
    ("connection-rate", ""),
    ("traffic-rate", ""),
    ("least-sessions", ""),
    ("minimum-load", ""),
    ("minimum-load", "sessions + connection_rate / 10 + failures + connect_ms"),
    ("minimum-load", "1 / sessions"),
];

/// The same policy with a ranking and without, for one plan's nodes.
struct Plan {
    nodes: Vec<Node>,
    ranked: Box<dyn Policy>,
    asking: Box<dyn Policy>,
}

/// Nodes that outlive plans, sessions, a clock.
struct World {
    states: Vec<Arc<NodeState>>,
    state: ClusterState,
    case: (&'static str, &'static str),
    plan: Plan,
    before: Option<Plan>,
    open: Vec<Arc<NodeState>>,
    now: Moment,
    random: Random,
}

fn policy(ranked_from: usize, (word, expression): (&str, &str)) -> Box<dyn Policy> {
    let settings = policy::Settings { load_expression: expression, ..model::settings(&[]) };
    policy::named_ranked_from(ranked_from, word, &settings).expect("a known policy")
}

fn plan(states: &[Arc<NodeState>], case: (&str, &str), random: &mut Random) -> Plan {
    let mut states: Vec<_> = states.iter().filter(|_| random.below(4) > 0).collect();
    let turned = random.below(states.len().max(1) as u64) as usize;
    states.rotate_left(turned);
    let mut node = |state: &&Arc<NodeState>| Node {
        state: Arc::clone(state),
        admin_state: if random.below(8) == 0 { AdminState::Draining } else { AdminState::Available },
        weight: [0, 1, 1, 1, 2, 5, 256][random.below(7) as usize],
        fallbacks: (0..[0, 0, 1, 3][random.below(4) as usize])
            .map(|_| random.below(states.len() as u64) as NodeIndex)
            .collect(),
        stands_in_for: Box::default(),
        max_sessions: [0, 0, 1, 4][random.below(4) as usize],
    };
    let mut nodes: Vec<Node> = states.iter().map(&mut node).collect();
    link(&mut nodes);
    Plan { nodes, ranked: policy(ALWAYS, case), asking: policy(NEVER, case) }
}

impl Plan {
    fn ask<'a>(&'a self, state: &'a ClusterState, now: Moment, random: u64) -> Ask<'a> {
        Ask { nodes: &self.nodes, state, tried: &[], client: CLIENT.into(), now, random }
    }

    /// Fails unless both ways of asking give the same answer; the answer.
    fn agreed(&self, ask: &Ask<'_>) -> Option<Pick> {
        let (ranked, asked) = (self.ranked.pick(ask), self.asking.pick(ask));
        let (Some(of_ranking), Some(of_all)) = (ranked, asked) else {
            assert_eq!(ranked.is_some(), asked.is_some());
            return ranked;
        };
        if of_ranking.basis == of_all.basis {
            assert_eq!(of_ranking, of_all);
            return ranked;
        }
        // A ranking's basis is as old as the round; by that one it has to be right.
        let value = |node| self.asking.value(ask, &of_ranking.basis, node);
        let (ours, other) = (value(of_ranking.node), value(of_all.node));
        let is_least = ours.is_none_or(|ours| other.is_none_or(|other| ours <= other + other.abs() * 1e-9));
        assert!(is_least && ask.heir(of_ranking.node) == Some(of_ranking.node), "{ours:?} {other:?}");
        ranked
    }
}

impl World {
    fn new(case: (&'static str, &'static str), nodes: u64, seed: u64) -> World {
        let mut random = Random(seed);
        let states: Vec<Arc<NodeState>> = (0..nodes)
            .map(|nth| Arc::new(NodeState::new("c", &format!("n{nth}"), AdminState::Available)))
            .collect();
        let plan = plan(&states, case, &mut random);
        let (state, now) = (ClusterState::default(), Moment(1_000_000));
        World { states, state, case, plan, before: None, open: Vec::new(), now, random }
    }

    fn any(&mut self) -> Arc<NodeState> {
        let place = self.random.below(self.states.len() as u64) as usize;
        Arc::clone(&self.states[place])
    }

    fn open(&mut self) {
        let random = self.random.next();
        let ask = self.plan.ask(&self.state, self.now, random);
        let Some(pick) = self.plan.agreed(&ask) else { return };
        if self.random.below(4) == 0 {
            return;
        }
        let node = &self.plan.nodes[usize::from(pick.node)].state;
        assert!(self.plan.ranked.commit(&ask, pick), "nobody came between");
        assert!(node.claim_trial(self.now, Duration::from_millis(300)), "nor there");
        node.session_opened(self.now, self.state.next_ticket());
        self.open.push(Arc::clone(node));
    }

    /// A session that has tried some, and goes by the plan or the one before: every node is asked.
    fn open_after_failures(&mut self) {
        let plan = self.before.as_ref().filter(|_| self.random.below(2) == 0).unwrap_or(&self.plan);
        let tried: Vec<NodeIndex> = (0..self.random.below(3) as NodeIndex).collect();
        let ask = Ask { tried: &tried, ..plan.ask(&self.state, self.now, self.random.next()) };
        if let Some(pick) = plan.agreed(&ask)
            && plan.ranked.commit(&ask, pick)
        {
            let node = &plan.nodes[usize::from(pick.node)].state;
            node.session_opened(self.now, self.state.next_ticket());
            self.open.push(Arc::clone(node));
        }
    }

    fn step(&mut self) {
        let node = self.any();
        match self.random.below(40) {
            0..14 => self.open(),
            14..16 => self.open_after_failures(),
            16..24 if !self.open.is_empty() => {
                let place = self.random.below(self.open.len() as u64) as usize;
                self.open.swap_remove(place).session_closed();
            }
            24..27 => node.relayed(self.random.below(10_000), 7, self.now),
            27 => _ = node.mark_down(self.now.after(Duration::from_millis(self.random.below(800)))),
            28 => _ = node.mark_up(),
            29 => node.moved(),
            30 => node.connected_in(Duration::from_micros(self.random.below(9_000))),
            31 => node.set_admin_state(AdminState::Offline),
            32 => node.set_admin_state(AdminState::Available),
            33 if self.random.below(3) == 0 => node.credit(self.random.below(50) as f64, 3.0, 9e4, self.now),
            33 => node.set_rating(self.random.below(9) as f64 - 2.0, self.now),
            34 if self.random.below(8) == 0 => {
                node.set_rate_window(Duration::from_millis(1_000 + self.random.below(20_000)), self.now);
            }
            35 if self.random.below(4) == 0 => {
                let next = plan(&self.states, self.case, &mut self.random);
                self.before = Some(std::mem::replace(&mut self.plan, next));
            }
            36 => self.now = self.now.after(Duration::from_micros(self.random.below(12_000_000))),
            _ => self.now = self.now.after(Duration::from_micros(self.random.below(30_000))),
        }
        self.plan.agreed(&self.plan.ask(&self.state, self.now, self.random.next()));
    }
}

proptest! {
    #![proptest_config(model::cases(150))]

    #[test]
    fn it_agrees_with_asking_every_node(
        case in prop::sample::select(RANKED.to_vec()),
        nodes in 1..80u64,
        seed in any::<u64>(),
    ) {
        let mut world = World::new(case, nodes, seed);
        (0..600).for_each(|_| world.step());
    }
}

/// Beyond one word of changed nodes, and beyond one block of such words.
#[test]
fn it_agrees_with_asking_every_node_of_thousands() {
    for (seed, case) in [("least-sessions", ""), ("round-robin", ""), ("random", "")].into_iter().enumerate()
    {
        let mut world = World::new(case, 7_000, seed as u64);
        (0..150).for_each(|_| world.step());
    }
}

/// Not only agrees: a policy that asked every node would see by the fresh sessions that the average has
/// changed within the round.
#[test]
fn it_answers_without_asking_every_node() {
    let mut world = World::new(("minimum-load", "1 / sessions"), 0, 1);
    let nodes: Vec<Node> = ["a", "b", "c"].into_iter().map(|name| model::node(name, 1)).collect();
    world.plan.nodes = nodes;
    world.plan.nodes[1].state.session_opened(world.now, 1);
    let ask = world.plan.ask(&world.state, world.now, 0);
    let first = world.plan.ranked.pick(&ask).expect("a usable node");
    (2..5).for_each(|ticket| world.plan.nodes[2].state.session_opened(world.now, ticket));
    assert_eq!(world.plan.ranked.pick(&ask).map(|pick| pick.basis), Some(first.basis));
    assert_ne!(world.plan.asking.pick(&ask).map(|pick| pick.basis), Some(first.basis));
}

/// Workers choose, sessions end, nodes fail and return, all at the same time. When all is quiet, nothing
/// has been missed.
#[test]
fn after_a_race_it_has_missed_nothing() {
    const WORKERS: u64 = 4;
    for (seed, case) in RANKED.into_iter().enumerate() {
        let mut world = World::new(case, 70, seed as u64 + 100);
        for race in 0..20 {
            let latest = AtomicU64::new(world.now.0);
            let work = |worker: u64| {
                let mut random = Random(worker << 32 | race << 8 | seed as u64);
                let mut open: Vec<&NodeState> = Vec::new();
                for _ in 0..300 {
                    let now = Moment(latest.fetch_add(random.below(400), Relaxed));
                    let ask = world.plan.ask(&world.state, now, random.next());
                    if let Some(pick) = world.plan.ranked.pick(&ask)
                        && world.plan.ranked.commit(&ask, pick)
                    {
                        let node = &*world.plan.nodes[usize::from(pick.node)].state;
                        node.session_opened(now, world.state.next_ticket());
                        open.push(node);
                    }
                    let any = &world.states[random.below(70) as usize];
                    match random.below(12) {
                        0 => _ = any.mark_down(now.after(Duration::from_millis(random.below(20)))),
                        1 => _ = any.mark_up(),
                        2 => _ = any.claim_trial(now, Duration::from_millis(3)),
                        3 => any.relayed(random.below(5_000), 1, now),
                        4 => any.set_admin_state(AdminState::Draining),
                        5 => any.set_admin_state(AdminState::Available),
                        _ if open.len() > 8 => open.swap_remove(random.below(8) as usize).session_closed(),
                        _ => {}
                    }
                }
                open.into_iter().for_each(NodeState::session_closed);
            };
            thread::scope(|scope| (0..WORKERS).for_each(|worker| _ = scope.spawn(move || work(worker))));
            world.now = Moment(latest.load(Relaxed));
            for _ in 0..20 {
                world.plan.agreed(&world.plan.ask(&world.state, world.now, world.random.next()));
                world.open();
            }
            world.open.drain(..).for_each(|node| node.session_closed());
            if race % 4 == 3 {
                world.plan = plan(&world.states, case, &mut world.random);
            }
        }
    }
}
