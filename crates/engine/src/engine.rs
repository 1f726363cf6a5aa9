//! The engine as the control plane holds it: few, coarse calls. Workers run behind it and never wait
//! for it; it waits for them only to say that a plan is in force everywhere.

#[cfg(test)]
mod crowds;
mod handle;
#[cfg(test)]
mod panics;

use std::collections::HashMap;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protobalance_core::cluster::welcome;
use protobalance_core::failover::{Circumstances, Trace, preview};
use protobalance_core::hash::mix;

use self::handle::{Handle, spawn};
use crate::accept::canonical;
use crate::admission::Admission;
use crate::clock::{Clock, unix_seconds};
use crate::decisions::{candidate_reports, home_report};
use crate::error::{EngineError, ErrorKind};
use crate::events::Events;
use crate::handed_over::{HandedOver, Unclaimed};
use crate::limits::{Room, make_descriptor_table, pipes_possible, sessions_possible};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::relay::{PIPE, Supply};
use crate::report::{AttemptReport, DecisionReport, Event, ListeningReport, SessionReport, Snapshot};
use crate::session_log::SessionLog;
use crate::snapshot;
use crate::spec::PlanSpec;
use crate::sys::adopt;
use crate::unpoisoned;
use crate::worker::{Command, SessionQuery, Shared, WorkerCounts};

/// How long a worker may take to answer before it is taken for lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// The data plane: workers, their sockets and sessions.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    events: Arc<Events>,
    workers: Vec<Handle>,
    registry: Mutex<Registry>,
    /// What was asked for.
    max_sessions: u64,
    /// Counts previews, so that a random policy's preview varies as its choices do.
    previews: AtomicU64,
    stopped: AtomicBool,
}

impl Engine {
    /// Starts the workers; they have no listeners until the first plan. `workers` 0: one per core.
    /// `max_sessions` 0: what the descriptor limit allows. `handed_over`: listening descriptors, each
    /// with the listener that had it before; they belong to the engine from here on.
    ///
    /// # Errors
    /// If the kernel refuses threads or descriptors.
    pub fn start(
        workers: usize,
        max_sessions: u64,
        handed_over: &[(String, RawFd)],
    ) -> Result<Engine, EngineError> {
        let refused = |error: std::io::Error| {
            EngineError::new(ErrorKind::Plan, "engine", format!("cannot start: {error}"))
        };
        let workers = match workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            some => some.min(256),
        };
        let most = sessions_possible(max_sessions, 0);
        let events = Arc::new(Events::new().map_err(|error| refused(error.into()))?);
        make_descriptor_table(events.signal(), most);
        let log = SessionLog::start(Arc::clone(&events)).map_err(refused)?;
        let shared = Arc::new(Shared {
            clock: Clock::start(),
            events: Arc::clone(&events),
            log,
            room: Room::default(),
            active: AtomicU64::new(0),
            admission: Admission::default(),
            pipes: Arc::new(Supply::new(pipes_possible(workers), PIPE, Arc::clone(&events))),
            peers: Peers::default(),
        });
        shared.room.set_places(most);
        let handed_over = handed_over
            .iter()
            .map(|(listener, descriptor)| HandedOver {
                listener: listener.clone(),
                socket: adopt(*descriptor),
            })
            .collect();
        let handles: Vec<Handle> =
            (0..workers).map(|index| spawn(index, &shared)).collect::<Result<_, _>>().map_err(refused)?;
        shared.peers.introduce(handles.iter().map(Handle::as_peer).collect());
        let registry = Mutex::new(Registry::new(workers, Unclaimed::new(handed_over)));
        Ok(Engine {
            shared,
            events,
            workers: handles,
            registry,
            max_sessions,
            previews: AtomicU64::new(1),
            stopped: AtomicBool::new(false),
        })
    }

    /// A descriptor that is readable while [`Engine::take_events`] has something.
    pub fn event_fd(&self) -> RawFd {
        self.events.signal().as_raw_fd()
    }

    /// Carries out a plan (JSON of [`PlanSpec`]), all or nothing. Returns its generation once every
    /// worker serves by it.
    ///
    /// # Errors
    /// If the plan cannot be carried out; the one before stays in force.
    pub fn apply(&self, plan: &[u8]) -> Result<u64, EngineError> {
        let spec: PlanSpec = serde_json::from_slice(plan)
            .map_err(|error| EngineError::new(ErrorKind::Plan, "plan", format!("not a plan: {error}")))?;
        let mut registry = unpoisoned(&self.registry);
        if self.stopped.load(Relaxed) {
            return Err(EngineError::new(ErrorKind::Stopped, "engine", "the engine has been stopped"));
        }
        let log_file = SessionLog::open(&spec.session_log)?;
        if spec.listeners.iter().any(|listener| listener.client_limits().is_some()) {
            self.shared.admission.prepare(self.shared.room.places()).map_err(no_memory)?;
        }
        let log = spec.session_log.clone();
        let plan = registry.adopt(spec, self.shared.clock.now())?;
        self.shared.room.set_places(sessions_possible(self.max_sessions, plan.sockets()));
        self.shared.log.switch(&log, log_file);
        self.ask(|answer| Command::Plan(Arc::clone(&plan), answer));
        for address in registry.disown_unused() {
            let message =
                format!("the socket handed over for {address} is closed: no listener binds that address");
            self.events.tell(Event::Warning { message });
        }
        for message in registry.take_warnings() {
            self.events.tell(Event::Warning { message });
        }
        if registry.withdraw() {
            self.ask(Command::LookAtWithdrawn);
        }
        Ok(plan.generation)
    }

    /// Publishes load ratings by node name. Names that are not in the plan are passed over: the plan
    /// may have changed since they were asked for.
    ///
    /// # Errors
    /// If there is no such cluster, or a rating is not finite; the others still count.
    pub fn set_load_ratings(&self, cluster: &str, ratings: &HashMap<String, f64>) -> Result<(), EngineError> {
        let registry = unpoisoned(&self.registry);
        let now = self.shared.clock.now();
        let mut wrong = Vec::new();
        for (name, value) in ratings {
            match registry.node(cluster, name) {
                Some(node) if value.is_finite() => node.set_rating(*value, now),
                Some(_) => wrong.push(name.as_str()),
                None => {}
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let message =
            format!("the load rating of {} is no finite number; the last one is kept", wrong.join(", "));
        Err(EngineError::new(ErrorKind::Argument, format!("clusters.{cluster}"), message))
    }

    /// Notes the outcome of an active check; `failure` is empty on success.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn report_check(&self, cluster: &str, node: &str, failure: &str) -> Result<(), EngineError> {
        let registry = unpoisoned(&self.registry);
        let now = self.shared.clock.now();
        let unknown =
            || EngineError::new(ErrorKind::Argument, format!("{cluster}/{node}"), "there is no such node");
        let state = registry.node(cluster, node).ok_or_else(unknown)?;
        let route = registry.plan.route(cluster).ok_or_else(unknown)?;
        let (cluster, node) = (cluster.to_owned(), node.to_owned());
        if failure.is_empty() {
            if state.mark_up() {
                let nodes = &route.cluster.nodes;
                welcome(nodes, route.cluster.index_of_state(state).as_slice(), now);
                self.events.tell(Event::NodeUp { cluster, node });
            }
        } else {
            let retry = route.cluster.limits.retry_interval;
            if state.mark_down(now.after(retry)) {
                let retry_in_ms = crate::decisions::millis(retry);
                self.events.tell(Event::NodeDown { cluster, node, reason: failure.to_owned(), retry_in_ms });
            }
        }
        Ok(())
    }

    /// Counts and states of everything.
    pub fn snapshot(&self) -> Snapshot {
        let counts: Vec<&WorkerCounts> = self.workers.iter().map(|worker| &*worker.counts).collect();
        snapshot::take(&unpoisoned(&self.registry), &self.shared, &counts)
    }

    /// The sockets that the plan in force listens on.
    pub fn listening_sockets(&self) -> Vec<ListeningReport> {
        unpoisoned(&self.registry).listening()
    }

    /// Open sessions that match, the oldest first. Empty strings match everything; `node` is
    /// `cluster/node`, `client` an address with or without its port.
    pub fn sessions(&self, listener: &str, node: &str, client: &str, limit: usize) -> Vec<SessionReport> {
        let query =
            SessionQuery { listener: listener.into(), node: node.into(), client: client.into(), limit };
        let mut sessions: Vec<_> =
            self.ask(|answer| Command::Sessions(query.clone(), answer)).into_iter().flatten().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.age_ms));
        sessions.truncate(limit);
        sessions
    }

    /// The last decisions that match, newest first.
    pub fn decisions(&self, listener: &str, client: &str, limit: usize) -> Vec<DecisionReport> {
        let ask =
            |answer| Command::Decisions { listener: listener.into(), client: client.into(), limit, answer };
        let mut decisions: Vec<_> = self.ask(ask).into_iter().flatten().collect();
        decisions.sort_by_key(|decision| decision.age_ms);
        decisions.truncate(limit);
        decisions
    }

    /// Where a client would go now, and why; one that asks for `server_name`, unless that is empty.
    /// Changes nothing.
    ///
    /// # Errors
    /// If there is no such listener, or `client` is no address.
    pub fn would_go(
        &self,
        listener: &str,
        client: &str,
        server_name: &str,
    ) -> Result<DecisionReport, EngineError> {
        let address = client.parse().map_err(|_| {
            EngineError::new(ErrorKind::Argument, "client", format!("{client:?} is no numeric address"))
        })?;
        let registry = unpoisoned(&self.registry);
        let found = registry.plan.listener(listener);
        let listener = found.ok_or_else(|| {
            EngineError::new(
                ErrorKind::Argument,
                format!("listeners.{listener}"),
                "there is no such listener",
            )
        })?;
        let random = mix(self.previews.fetch_add(1, Relaxed));
        let at = Circumstances { now: self.shared.clock.now(), unix_now: unix_seconds(), random };
        let mut trace = Trace::empty();
        let named = listener.names.find(&server_name.to_ascii_lowercase());
        let route = named.map_or(&listener.route, |named| &named.target);
        let cluster = &route.cluster;
        let choice = preview(cluster, canonical(address), at, &mut trace);
        let attempts: Vec<AttemptReport> = choice
            .iter()
            .map(|(node, why)| AttemptReport {
                node: cluster.nodes[usize::from(*node)].state.name().to_owned(),
                why: why.word().to_owned(),
                failure: String::new(),
                after_ms: 0,
            })
            .collect();
        let (home, home_skipped) = home_report(route, &trace);
        Ok(DecisionReport {
            age_ms: 0,
            client: client.to_owned(),
            listener: listener.name.to_string(),
            cluster: cluster.name.to_string(),
            policy: cluster.policy.name().to_owned(),
            node: attempts.first().map(|attempt| attempt.node.clone()).unwrap_or_default(),
            attempts,
            candidates: candidate_reports(route, &trace),
            nodes: cluster.nodes.len() as u32,
            server_name: server_name.to_owned(),
            server_pattern: named.map(|named| named.pattern.to_string()).unwrap_or_default(),
            home,
            home_skipped,
        })
    }

    /// Events since the last call.
    pub fn take_events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// Opens the session log's file anew, after a rotation.
    pub fn reopen_session_log(&self) {
        self.shared.log.reopen();
    }

    /// Takes in what waits at the listeners, then closes them; sessions go on.
    pub fn drain(&self) {
        self.ask(Command::Drain);
        // And once more for those whom one worker had let another have.
        self.ask(Command::Drain);
        unpoisoned(&self.registry).close();
    }

    /// Ends all sessions and the workers. Idempotent.
    pub fn stop(&self) {
        if self.stopped.swap(true, Relaxed) {
            return;
        }
        // From here on none gives newcomers to one that has ended.
        self.drain();
        for worker in &self.workers {
            worker.send(Command::Stop);
        }
        for worker in &self.workers {
            if let Some(thread) = unpoisoned(&worker.thread).take() {
                let _ = thread.join();
            }
        }
        self.shared.log.stop();
    }

    /// Asks every worker and collects the answers of those that live.
    fn ask<T>(&self, command: impl Fn(Sender<T>) -> Command) -> Vec<T> {
        let asked: Vec<Receiver<T>> = self
            .workers
            .iter()
            .map(|worker| {
                let (sender, receiver) = channel();
                worker.send(command(sender));
                receiver
            })
            .collect();
        asked.iter().filter_map(|receiver| receiver.recv_timeout(PATIENCE).ok()).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn no_memory(error: std::io::Error) -> EngineError {
    let message = format!("no memory to count clients: {error}");
    EngineError::new(ErrorKind::State, "listeners", message)
}
