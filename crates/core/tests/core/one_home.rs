//! A client has one home (law 6), though many of its sessions choose at once on as many workers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use protobalance_core::affinity::{Affinity, NodeIds, OnFailover, Table};
use protobalance_core::cluster::{Cluster, Limits};
use protobalance_core::failover::{Circumstances, Trace};
use protobalance_core::hash::ClientKey;
use protobalance_core::moment::Moment;
use protobalance_core::policy;
use protobalance_core::session::{Event, Failure, Session, TimeLimits};

use crate::model;

const WORKERS: usize = 3;
const CLIENTS: u32 = 5_000;
const NOW: u32 = 1_800_000_000;

/// What each worker does for each client, all of them at the same time for the same one; by client.
fn at_once<T: Send>(work: impl Fn(usize, u32) -> T + Sync) -> Vec<Vec<T>> {
    let start = Barrier::new(WORKERS);
    let by_worker: Vec<Vec<T>> = thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let one = |worker| {
            move || -> Vec<T> {
                let each = |client| {
                    start.wait();
                    work(worker, client)
                };
                (0..CLIENTS).map(each).collect()
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(one(worker))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker")).collect()
    });
    let mut by_worker: Vec<_> = by_worker.into_iter().map(Vec::into_iter).collect();
    (0..CLIENTS).map(|_| by_worker.iter_mut().filter_map(Iterator::next).collect()).collect()
}

fn address(client: u32) -> IpAddr {
    Ipv4Addr::from_bits(client).into()
}

#[test]
fn a_table_gives_all_who_ask_at_once_the_same_home() {
    let table = Table::in_memory(u64::from(CLIENTS), [7; 16]);
    let key = |client| ClientKey::of(address(client));
    let homes = at_once(|worker, client| table.settle(key(client), worker as u16, NOW, 60, |_| false));
    for (client, homes) in (0..).zip(homes) {
        let standing = table.get(key(client), NOW, 60);
        assert!(homes.iter().all(|home| Some(*home) == standing), "{client}: {homes:?}, then {standing:?}");
    }
    assert_eq!(table.len() as u32, CLIENTS, "one entry each");
}

fn cluster() -> Arc<Cluster> {
    let names = ["a", "b", "c", "d"];
    Arc::new(Cluster {
        name: "c".into(),
        nodes: names.iter().map(|name| model::node(name, 1)).collect(),
        policy: policy::named("round-robin", &model::settings(&names)).expect("a policy"),
        affinity: Some(Affinity {
            table: Arc::new(Table::in_memory(u64::from(CLIENTS), [1; 16])),
            idle: Duration::from_secs(3600),
            prefix_v4: 32,
            prefix_v6: 64,
            on_failover: OnFailover::Return,
            ids: NodeIds::shared([0, 1, 2, 3]),
        }),
        limits: Limits {
            connect_timeout: Duration::from_secs(2),
            failover_timeout: Duration::from_secs(10),
            retry_interval: Duration::from_secs(5),
            early_close_window: Duration::from_secs(2),
            first_contact_pause: Duration::ZERO,
            replay_unanswered: false,
        },
        state: Arc::default(),
    })
}

fn at(random: u64) -> Circumstances {
    Circumstances { now: Moment(1_000_000), unix_now: NOW, random }
}

#[test]
fn sessions_of_a_new_client_go_to_one_node() {
    let cluster = cluster();
    let nodes = at_once(|worker, client| {
        let opened =
            Session::open(address(client), Arc::clone(&cluster), at(worker as u64), &mut Trace::empty());
        opened.0.node().expect("a node").name().to_owned()
    });
    for (client, nodes) in nodes.iter().enumerate() {
        assert!(nodes.iter().all(|node| *node == nodes[0]), "client {client}: {nodes:?}");
    }
}

#[test]
fn and_move_to_one_node_when_theirs_fails_them() {
    let mut cluster = cluster();
    let affinity = Arc::get_mut(&mut cluster).and_then(|cluster| cluster.affinity.as_mut());
    affinity.expect("nobody else has it").on_failover = OnFailover::Move;
    let all_open = Barrier::new(WORKERS);
    let nodes = at_once(|worker, client| {
        let at = at(worker as u64);
        let (mut session, _) = Session::open(address(client), Arc::clone(&cluster), at, &mut Trace::empty());
        all_open.wait();
        // Not the node's fault, so that it stays in the choice of all.
        session.on(Event::Failed(Failure::OurShortage), &TimeLimits::default(), at);
        session.node().expect("a node").name().to_owned()
    });
    for (client, nodes) in (0..).zip(nodes) {
        let home = cluster.affinity.as_ref().and_then(|affinity| affinity.peek(address(client), NOW));
        let home = cluster.nodes[usize::from(home.expect("a home"))].state.name();
        assert!(nodes.iter().all(|node| node == home), "client {client}: {nodes:?}, at home on {home}");
    }
}
