//! One node's shared truth. Every worker reads and writes it without a lock; it outlives plans,
//! so a change of configuration forgets neither counts nor health.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use crate::moment::Moment;
use crate::policy::{Teller, Watch};
use crate::rate::{DecayedRate, joint_score};

/// The time in which the two rates fall to 1/e until `set_rate_window` says otherwise: long enough
/// to even out single sessions, short enough to follow a change of load.
pub const DEFAULT_RATE_WINDOW: Duration = Duration::from_secs(10);

/// How long a session is expected to take before its traffic shows in reports; see `recent_sessions`.
const UNSEEN_TRAFFIC_WINDOW: Duration = Duration::from_secs(1);

/// A node's place in its cluster's list.
pub type NodeIndex = u16;

/// What the operator wants of a node (law 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AdminState {
    /// Takes clients.
    Available = 0,
    /// Takes none, and keeps the sessions it has.
    Draining = 1,
    /// Takes none, and its sessions are ended.
    Offline = 2,
}

impl AdminState {
    /// The word used in files, logs and the console.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            AdminState::Available => "available",
            AdminState::Draining => "draining",
            AdminState::Offline => "offline",
        }
    }

    fn from_bits(bits: u8) -> AdminState {
        match bits {
            0 => AdminState::Available,
            1 => AdminState::Draining,
            _ => AdminState::Offline,
        }
    }
}

/// What we observe of a node (law 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing speaks against it.
    Up,
    /// It failed; not before `retry_at` is it tried again.
    Down {
        /// When one trial connection may decide anew.
        retry_at: Moment,
    },
    /// It failed, its time is up, and the next session may try it.
    DueForTrial,
}

/// A load rating as last published, and what the node had opened by then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// The number; lower is less loaded.
    pub value: f64,
    /// When it was published.
    pub at: Moment,
    /// Sessions the node had opened when it was published.
    pub opened: u64,
    /// Sessions the node had when it was published.
    pub sessions: u32,
}

/// One node, as all workers share it. Identity is cluster name and node name.
#[derive(Debug)]
pub struct NodeState {
    cluster: Box<str>,
    name: Box<str>,
    admin_state: AtomicU8,
    retry_at: AtomicU64,
    proven: AtomicBool,
    active: AtomicU32,
    opened: AtomicU64,
    failed: AtomicU64,
    bytes_to_node: AtomicU64,
    bytes_to_client: AtomicU64,
    connect_micros: AtomicU64,
    last_chosen: AtomicU64,
    /// Position in the round robin: see `policy/round_robin.rs`, which alone writes it.
    pub turns: AtomicU64,
    /// Sessions too new for their traffic to have been reported: see `policy/traffic_rate.rs`.
    pub recent_sessions: DecayedRate,
    /// New sessions, decayed.
    pub connection_rate: DecayedRate,
    /// Bytes in both directions, decayed.
    pub traffic_rate: DecayedRate,
    /// What it was credited with when it joined: see [`NodeState::credit`].
    credited_connections: DecayedRate,
    credited_traffic: DecayedRate,
    rating: AtomicU64,
    rated_at: AtomicU64,
    rated_opened: AtomicU64,
    rated_sessions: AtomicU32,
    /// Told of what policies look at; each change of that ends with it.
    pub(crate) teller: Teller,
}

impl NodeState {
    /// A node that was never used: up, without a load rating.
    #[must_use]
    pub fn new(cluster: &str, name: &str, admin_state: AdminState) -> NodeState {
        NodeState {
            cluster: cluster.into(),
            name: name.into(),
            admin_state: AtomicU8::new(admin_state as u8),
            retry_at: AtomicU64::new(0),
            proven: AtomicBool::new(false),
            active: AtomicU32::new(0),
            opened: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes_to_node: AtomicU64::new(0),
            bytes_to_client: AtomicU64::new(0),
            connect_micros: AtomicU64::new(0),
            last_chosen: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            recent_sessions: DecayedRate::new(UNSEEN_TRAFFIC_WINDOW),
            connection_rate: DecayedRate::new(DEFAULT_RATE_WINDOW),
            traffic_rate: DecayedRate::new(DEFAULT_RATE_WINDOW),
            credited_connections: DecayedRate::new(DEFAULT_RATE_WINDOW),
            credited_traffic: DecayedRate::new(DEFAULT_RATE_WINDOW),
            rating: AtomicU64::new(f64::NAN.to_bits()),
            rated_at: AtomicU64::new(0),
            rated_opened: AtomicU64::new(0),
            rated_sessions: AtomicU32::new(0),
            teller: Teller::default(),
        }
    }

    /// The cluster's name.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The node's name within its cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the operator wants of it.
    #[must_use]
    pub fn admin_state(&self) -> AdminState {
        AdminState::from_bits(self.admin_state.load(Relaxed))
    }

    /// Sets what the operator wants of it.
    pub fn set_admin_state(&self, wanted: AdminState) {
        self.admin_state.store(wanted as u8, SeqCst);
        self.teller.changed(Watch::ABILITY);
    }

    /// What we observe of it at `now`.
    #[must_use]
    pub fn health(&self, now: Moment) -> Health {
        match self.retry_at.load(Relaxed) {
            0 => Health::Up,
            at if at <= now.0 => Health::DueForTrial,
            at => Health::Down { retry_at: Moment(at) },
        }
    }

    /// Claims the one trial connection of a node that is due for it: true for exactly one caller,
    /// and the node counts as down for everyone else until `retry_interval` passed or the outcome
    /// is known. True without effect where the node is up.
    #[must_use]
    pub fn claim_trial(&self, now: Moment, retry_interval: Duration) -> bool {
        let due = self.retry_at.load(Relaxed);
        if due == 0 {
            return true;
        }
        let again = now.after(retry_interval).0.max(1);
        let is_ours = due <= now.0 && self.retry_at.compare_exchange(due, again, SeqCst, Relaxed).is_ok();
        if is_ours {
            self.teller.changed(Watch::ABILITY);
        }
        is_ours
    }

    /// Notes a failure: down until `retry_at`. True if it was up before.
    pub fn mark_down(&self, retry_at: Moment) -> bool {
        self.failed.fetch_add(1, Relaxed);
        self.doubt();
        let was_up = self.retry_at.swap(retry_at.0.max(1), SeqCst) == 0;
        self.teller.changed(Watch::ABILITY);
        was_up
    }

    /// Notes a success. True if it was down before.
    pub fn mark_up(&self) -> bool {
        // Read first: on the way of every session, and a shared line is dear to write.
        let was_down = self.retry_at.load(Relaxed) != 0 && self.retry_at.swap(0, SeqCst) != 0;
        if was_down {
            self.teller.changed(Watch::ABILITY);
        }
        was_down
    }

    /// Whether it has shown, since it was last doubted, that it does not end connections it has only
    /// just accepted: what is sent to such a node at once may be lost.
    #[must_use]
    pub fn proven(&self) -> bool {
        self.proven.load(Relaxed)
    }

    /// Notes that it spoke, or kept a connection for as long as one that is broken would not.
    pub fn prove(&self) {
        // Read first, as in `mark_up`.
        if !self.proven() {
            self.proven.store(true, Relaxed);
        }
    }

    /// Notes that it ended a connection without a word.
    pub fn doubt(&self) {
        self.proven.store(false, Relaxed);
    }

    /// It is somewhere else now: what was observed where it was says nothing.
    pub fn moved(&self) {
        self.doubt();
        self.retry_at.store(0, SeqCst);
        self.teller.changed(Watch::ABILITY);
    }

    /// A session (or the attempt at one) is given to the node. `ticket` orders choices within the
    /// cluster, so that the longest unchosen of equals can be found.
    pub fn session_opened(&self, now: Moment, ticket: u64) {
        self.opened.fetch_add(1, Relaxed);
        self.last_chosen.store(ticket, Relaxed);
        self.recent_sessions.add(1.0, now);
        self.connection_rate.add(1.0, now);
        self.active.fetch_add(1, SeqCst);
        self.teller.changed(Watch::OPENED);
    }

    /// A session given to the node ended or moved on.
    pub fn session_closed(&self) {
        self.active.fetch_sub(1, SeqCst);
        self.teller.changed(Watch::CLOSED);
    }

    /// Notes how long a successful connect took: an average that forgets, over about eight connects.
    pub fn connected_in(&self, span: Duration) {
        let new = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1);
        let old = self.connect_micros.load(Relaxed);
        self.connect_micros.store(if old == 0 { new } else { old - old / 8 + new / 8 }, Relaxed);
        // Not in order with others' looks, which would cost more here than a round late costs there.
        self.teller.changed(Watch::CONNECTS);
    }

    /// Sets the time in which the two rates fall to 1/e, as a plan says. One caller at a time.
    pub fn set_rate_window(&self, window: Duration, now: Moment) {
        self.connection_rate.set_window(window, now);
        self.traffic_rate.set_window(window, now);
        self.credited_connections.set_window(window, now);
        self.credited_traffic.set_window(window, now);
        self.teller.changed_for_all(Watch::ABILITY);
    }

    /// Lets it count, to the policies that go by rates, as if it had had so many new sessions and bytes in
    /// its window, where it had fewer: a node that joins would else have every client until its rates
    /// are even with the others'. Fades as what it replaces does; the rates themselves stay true.
    /// `recent` of the sessions are too new for their bytes to have been reported.
    pub fn credit(&self, sessions: f64, recent: f64, bytes: f64, now: Moment) {
        self.recent_sessions.begin_with(recent.max(self.recent_sessions.remaining(now)), now);
        self.credited_connections.begin_with(sessions - self.connection_rate.remaining(now), now);
        self.credited_traffic.begin_with(bytes - self.traffic_rate.remaining(now), now);
        self.teller.changed_for_all(Watch::ABILITY);
    }

    /// [`DecayedRate::score`] of the new sessions, credited ones included.
    #[must_use]
    pub fn connection_score(&self) -> f64 {
        joint_score(&self.connection_rate, &self.credited_connections)
    }

    /// [`DecayedRate::score`] of the bytes, credited ones included.
    #[must_use]
    pub fn traffic_score(&self) -> f64 {
        joint_score(&self.traffic_rate, &self.credited_traffic)
    }

    /// Adds relayed bytes, as a worker reports them now and then.
    pub fn relayed(&self, to_node: u64, to_client: u64, now: Moment) {
        self.traffic_rate.add((to_node + to_client) as f64, now);
        self.bytes_to_node.fetch_add(to_node, Relaxed);
        self.bytes_to_client.fetch_add(to_client, SeqCst);
        self.teller.changed(Watch::TRAFFIC);
    }

    /// Sessions now, attempts under way included.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active.load(Relaxed)
    }

    /// Sessions and attempts ever given to it.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Failures that marked it down.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Bytes relayed to it.
    #[must_use]
    pub fn bytes_to_node(&self) -> u64 {
        self.bytes_to_node.load(Relaxed)
    }

    /// Bytes relayed from it to clients.
    #[must_use]
    pub fn bytes_to_client(&self) -> u64 {
        self.bytes_to_client.load(Relaxed)
    }

    /// How long connects take, averaged, in microseconds; 0 if there was none.
    #[must_use]
    pub fn connect_micros(&self) -> u64 {
        self.connect_micros.load(Relaxed)
    }

    /// The ticket of its latest session; 0 if there was none.
    #[must_use]
    pub fn last_chosen(&self) -> u64 {
        self.last_chosen.load(Relaxed)
    }

    /// Publishes a load rating. `value` must be finite; the caller says who is at fault if not.
    pub fn set_rating(&self, value: f64, now: Moment) {
        self.rating.store(value.to_bits(), Relaxed);
        self.rated_opened.store(self.opened(), Relaxed);
        self.rated_sessions.store(self.active(), Relaxed);
        self.rated_at.store(now.0, Relaxed);
        self.teller.changed_for_all(Watch::RATINGS);
    }

    /// The latest load rating, however old.
    #[must_use]
    pub fn rating(&self) -> Option<Rating> {
        let value = f64::from_bits(self.rating.load(Relaxed));
        value.is_finite().then(|| Rating {
            value,
            at: Moment(self.rated_at.load(Relaxed)),
            opened: self.rated_opened.load(Relaxed),
            sessions: self.rated_sessions.load(Relaxed),
        })
    }
}
