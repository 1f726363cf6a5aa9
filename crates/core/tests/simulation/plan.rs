//! Plans, drawn at random from what a configuration can say.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::affinity::{Affinity, NO_ID, NodeIds, OnFailover, Table};
use protobalance_core::cluster::{Cluster, Limits, Node, link};
use protobalance_core::node::{AdminState, NodeIndex, NodeState};
use protobalance_core::policy::{self, ClusterState, Settings};
use protobalance_core::session::TimeLimits;

use crate::ledger::Ledger;
use crate::random::Random;

pub(crate) const FAMILIES: usize = 2;
pub(crate) const LISTENERS: usize = 3;
const NAMES: [&str; 8] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"];

/// What outlives the plans of a cluster.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    table: Arc<Table>,
    state: Arc<ClusterState>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) clusters: Vec<Arc<Cluster>>,
    /// Which cluster each listener feeds, and its limits.
    pub(crate) listeners: Vec<(usize, TimeLimits)>,
}

pub(crate) fn families() -> Vec<Family> {
    let family = |nth| Family {
        name: format!("c{nth}"),
        table: Arc::new(Table::in_memory(1_000, [nth as u8; 16])),
        state: Arc::default(),
    };
    (0..FAMILIES).map(family).collect()
}

pub(crate) fn client(random: &mut Random) -> IpAddr {
    Ipv4Addr::new(203, 0, random.below(3) as u8, random.below(12) as u8).into()
}

fn milliseconds(random: &mut Random, those: &[u64]) -> Duration {
    Duration::from_millis(random.of(those))
}

/// A plan for the listeners; nodes of the ledger keep their truth, new ones are entered. Clusters that
/// do not change stay the same objects.
pub(crate) fn draw(
    random: &mut Random,
    families: &[Family],
    ledger: &mut Ledger,
    before: Option<&Plan>,
) -> Plan {
    let mut cluster = |(nth, family)| match before {
        Some(before) if random.one_in(3) => Arc::clone(&before.clusters[nth]),
        _ => Arc::new(cluster(random, family, ledger)),
    };
    let clusters = families.iter().enumerate().map(&mut cluster).collect();
    let mut listener = || {
        let idle = milliseconds(random, &[0, 5_000, 60_000, 3_600_000]);
        let first_byte = milliseconds(random, &[0, 0, 500, 3_000, 30_000]);
        let half_close = milliseconds(random, &[0, 1_000, 60_000]);
        (random.below(FAMILIES), TimeLimits { idle, first_byte, half_close })
    };
    let listeners = (0..LISTENERS).map(|_| listener()).collect();
    Plan { clusters, listeners }
}

fn cluster(random: &mut Random, family: &Family, ledger: &mut Ledger) -> Cluster {
    let mut names: Vec<&str> = NAMES.into_iter().filter(|_| random.one_in(2)).collect();
    let turned = random.below(names.len().max(1));
    names.rotate_left(turned);
    let expression = random.of(&["", "sessions / weight", "0 - rate", "sessions * traffic"]);
    let word = random.of(&policy::NAMES);
    let rating_ttl = Duration::from_secs(10);
    let settings = Settings { nodes: &names, hash_key: "k", load_expression: expression, rating_ttl };
    let fallback = Settings { load_expression: "", ..settings };
    // With a ranking or without: no law depends on that.
    let ranked_from = random.of(&[0, usize::MAX]);
    let named = |settings| policy::named_ranked_from(ranked_from, word, settings);
    let policy = named(&settings).or_else(|_| named(&fallback));
    let mut nodes: Vec<Node> = names.iter().map(|name| node(random, family, name, ledger)).collect();
    let count = nodes.len();
    for node in &mut nodes {
        let length = random.of(&[0, 0, 1, 2, 3]);
        node.fallbacks = (0..length).map(|_| random.below(count) as NodeIndex).collect();
    }
    link(&mut nodes);
    Cluster {
        name: family.name.as_str().into(),
        nodes: nodes.into(),
        policy: policy.expect("a policy"),
        affinity: (!random.one_in(4)).then(|| affinity(random, family, &names)),
        limits: Limits {
            connect_timeout: milliseconds(random, &[1, 300, 2_000]),
            failover_timeout: milliseconds(random, &[1, 1_000, 10_000]),
            retry_interval: milliseconds(random, &[1, 5_000, 60_000]),
            early_close_window: milliseconds(random, &[0, 200, 2_000]),
            first_contact_pause: milliseconds(random, &[0, 20, 3_000]),
            replay_unanswered: random.one_in(2),
        },
        state: Arc::clone(&family.state),
    }
}

fn node(random: &mut Random, family: &Family, name: &str, ledger: &mut Ledger) -> Node {
    use AdminState::{Available, Draining, Offline};
    let admin_state = random.of(&[Available, Available, Available, Draining, Offline]);
    let known = ledger
        .0
        .iter()
        .find(|account| account.state.cluster() == family.name && account.state.name() == name);
    let state = known.map(|account| Arc::clone(&account.state)).unwrap_or_else(|| {
        let state = Arc::new(NodeState::new(&family.name, name, admin_state));
        ledger.enter(&state);
        state
    });
    let (fallbacks, stands_in_for) = (Box::default(), Box::default());
    let weight = random.of(&[0, 1, 1, 2, 5, 256]);
    let max_sessions = random.of(&[0, 0, 0, 1, 3]);
    Node { state, admin_state, weight, fallbacks, stands_in_for, max_sessions }
}

fn affinity(random: &mut Random, family: &Family, names: &[&str]) -> Affinity {
    // The last two have no number, as where the table's list of names is full.
    let id = |name: &&str| NAMES.iter().position(|known| known == name).filter(|nth| *nth < 6);
    Affinity {
        table: Arc::clone(&family.table),
        idle: milliseconds(random, &[1_500, 60_000, 2_592_000_000]),
        prefix_v4: random.of(&[32, 32, 24]),
        prefix_v6: 64,
        on_failover: random.of(&[OnFailover::Return, OnFailover::Move]),
        ids: NodeIds::shared(
            names.iter().map(|name| id(name).map_or(NO_ID, |nth| nth as u16)).collect::<Box<[u16]>>(),
        ),
    }
}
