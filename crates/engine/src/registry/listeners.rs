//! The listeners of a plan in the making, and their sockets: those that are there already, those that were
//! handed over, and new ones.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protobalance_core::server_names::ServerNames;
use protobalance_core::session::TimeLimits;

use super::Registry;
use crate::bind::{Bound, addresses, overlap};
use crate::error::{EngineError, ErrorKind};
use crate::ftp;
use crate::plan::{Listener, Plan, Preface, Route};
use crate::ports::Ports;
use crate::spec::{ListenerSpec, PlanSpec};
use crate::tls::inward;

type Listeners = (Vec<Arc<Listener>>, Vec<(Arc<Bound>, Arc<Listener>)>);

/// What the plan in force has bound, for the next one to keep.
struct Kept {
    by_address: HashMap<SocketAddr, Arc<Bound>>,
    /// Those whose port the kernel chose, by listener and place in its `bind`.
    chosen: HashMap<(String, usize), Arc<Bound>>,
    /// What the plan in the making has bound so far.
    used: HashSet<SocketAddr>,
}

impl Registry {
    pub(super) fn listeners(
        &mut self,
        spec: &PlanSpec,
        routes: &[Arc<Route>],
    ) -> Result<Listeners, EngineError> {
        let mut kept = Kept {
            by_address: self.plan.bound.iter().map(|(bound, _)| (bound.address, Arc::clone(bound))).collect(),
            chosen: self.chosen_ports(),
            used: HashSet::new(),
        };
        let (mut listeners, mut sockets) = (Vec::with_capacity(spec.listeners.len()), Vec::new());
        for wanted in &spec.listeners {
            let bound = self.sockets(wanted, &mut kept)?;
            let listener = Arc::new(self.listener(wanted, routes, &bound).map_err(|m| refused(wanted, m))?);
            sockets.extend(bound.into_iter().map(|bound| (bound, Arc::clone(&listener))));
            listeners.push(listener);
        }
        for (bound, listener) in &sockets {
            if let Some(wanted) = spec.listeners.iter().find(|wanted| *wanted.name == *listener.name) {
                bound
                    .configure(wanted)
                    .map_err(|error| EngineError::bind(&wanted.name, bound.address, error))?;
            }
        }
        Ok((listeners, sockets))
    }

    /// The sockets of one listener, in the order of its addresses.
    fn sockets(&mut self, wanted: &ListenerSpec, kept: &mut Kept) -> Result<Vec<Arc<Bound>>, EngineError> {
        let mut sockets = Vec::new();
        for (nth, bind) in wanted.bind.iter().enumerate() {
            for address in addresses(bind).map_err(|message| refused(wanted, message))? {
                let known = match address.port() {
                    0 => kept.chosen.remove(&(wanted.name.clone(), nth)),
                    _ => kept.by_address.get(&address).cloned(),
                };
                let socket = match known {
                    Some(socket) => socket,
                    None => Arc::new(self.bind(address, &kept.used, wanted)?),
                };
                if !kept.used.insert(socket.address) {
                    return Err(refused(wanted, format!("{} is bound twice", socket.address)));
                }
                sockets.push(socket);
            }
        }
        Ok(sockets)
    }

    /// The sockets whose port the kernel chose, by listener and place in its `bind`.
    fn chosen_ports(&self) -> HashMap<(String, usize), Arc<Bound>> {
        let mut chosen = HashMap::new();
        let Some(spec) = &self.spec else { return chosen };
        for (listener, wanted) in self.plan.listeners.iter().zip(&spec.listeners) {
            let mut place = 0;
            for (nth, bind) in wanted.bind.iter().enumerate() {
                let ports = addresses(bind).map_or(0, |addresses| addresses.len());
                let bound = listener.addresses.get(place).and_then(|address| socket_at(&self.plan, *address));
                if let (true, Some(bound)) = (bind.ends_with(":0"), bound) {
                    chosen.insert((wanted.name.clone(), nth), bound);
                }
                place += ports;
            }
        }
        chosen
    }

    /// `used`: what the plan in the making has bound so far.
    fn bind(
        &mut self,
        address: SocketAddr,
        used: &HashSet<SocketAddr>,
        wanted: &ListenerSpec,
    ) -> Result<Bound, EngineError> {
        let mut ours = self.plan.bound.iter().map(|(bound, _)| &bound.address).chain(used);
        match self.unclaimed.take(&wanted.name, address) {
            Some((bound, sockets)) => Bound::adopted(bound, sockets, self.workers, wanted),
            None if ours.any(|ours| overlap(*ours, address)) => Bound::beside(address, self.workers, wanted),
            None => Bound::new(address, self.workers, wanted),
        }
    }

    fn listener(
        &self,
        wanted: &ListenerSpec,
        routes: &[Arc<Route>],
        bound: &[Arc<Bound>],
    ) -> Result<Listener, String> {
        let route = routes.iter().find(|route| *route.cluster.name == *wanted.cluster);
        let route = route.ok_or_else(|| format!("there is no cluster {:?}", wanted.cluster))?;
        let last = self.plan.listener(&wanted.name);
        Ok(Listener {
            name: wanted.name.as_str().into(),
            route: Arc::clone(route),
            names: names(wanted, routes)?,
            ports: Ports::follow(route, last.map(|last| &**last), routes),
            preface: wanted.preface.as_ref().map(Preface::compile).transpose()?,
            tls: inward(wanted, self.spec.as_ref(), &self.plan)?,
            ftp: wanted.ftp.as_ref().map(ftp::Settings::new).transpose()?,
            addresses: bound.iter().map(|bound| bound.address).collect(),
            time_limits: TimeLimits {
                idle: Duration::from_millis(wanted.idle_timeout_ms),
                first_byte: Duration::from_millis(wanted.first_byte_timeout_ms),
                half_close: Duration::from_millis(wanted.half_close_timeout_ms),
            },
            keepalive_ms: wanted.keepalive_ms,
            user_timeout_ms: wanted.user_timeout_ms,
            client_limits: wanted.client_limits(),
            counts: self.counts.get(&wanted.name).cloned().unwrap_or_default(),
        })
    }
}

fn refused(wanted: &ListenerSpec, message: String) -> EngineError {
    EngineError::new(ErrorKind::Plan, format!("listeners.{}", wanted.name), message)
}

fn socket_at(plan: &Plan, address: SocketAddr) -> Option<Arc<Bound>> {
    plan.bound.iter().find(|(bound, _)| bound.address == address).map(|(bound, _)| Arc::clone(bound))
}

fn names(wanted: &ListenerSpec, routes: &[Arc<Route>]) -> Result<ServerNames<Arc<Route>>, String> {
    let mut names = ServerNames::default();
    for (name, cluster) in &wanted.server_names {
        let route = routes.iter().find(|route| *route.cluster.name == **cluster);
        let route = route.ok_or_else(|| format!("there is no cluster {cluster:?} for the name {name:?}"))?;
        names.insert(name, Arc::clone(route));
    }
    Ok(names)
}
