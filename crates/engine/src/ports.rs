//! The port as the route: some of a listener's ports belong to one node each, and whoever connects there goes
//! to that node, at the same port, whatever the client's address, its home or the policy say. So the data
//! connections of passive FTP find the node that their control connection is with, its contents untouched.
//!
//! The ports are those of the nodes of the cluster that the listener feeds, then of those it fed before a
//! redirect: sessions there go on, and their ports with them.

use std::sync::Arc;

use protobalance_core::node::NodeIndex;

use crate::plan::{Listener, Route};
use crate::spec::{ClusterSpec, NodeSpec};

/// What pins a session: its node, given and not chosen, and the port to reach it at.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    pub(crate) route: Arc<Route>,
    pub(crate) node: NodeIndex,
    pub(crate) port: u16,
}

/// The ports of a cluster's nodes: first, last, and whose they are.
pub(crate) fn owned(spec: &ClusterSpec) -> Box<[(u16, u16, NodeIndex)]> {
    let of_node = |(index, node): (usize, &NodeSpec)| {
        node.ports.iter().map(move |(first, last)| (*first, *last, index as NodeIndex)).collect::<Vec<_>>()
    };
    spec.nodes.iter().enumerate().flat_map(of_node).collect()
}

/// Whose the ports of a listener are.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Other clusters that the listener has fed, the latest first.
    before: Vec<Arc<Route>>,
}

impl Ports {
    /// Of a listener that feeds `present`, and was `last` under the plan before. `routes`: those of the plan.
    pub(crate) fn follow(present: &Route, last: Option<&Listener>, routes: &[Arc<Route>]) -> Ports {
        let mut before = Vec::new();
        let fed = last
            .into_iter()
            .flat_map(|listener| std::iter::once(&listener.route).chain(&listener.ports.before));
        for name in fed.map(|route| &*route.cluster.name) {
            let known = |route: &Route| *route.cluster.name == *name;
            if let Some(route) = routes.iter().find(|route| known(route))
                && !known(present)
                && !before.iter().any(|earlier: &Arc<Route>| known(earlier))
            {
                before.push(Arc::clone(route));
            }
        }
        Ports { before }
    }

    /// The node whose port this is, if it is anyone's.
    pub(crate) fn owner(&self, present: &Arc<Route>, port: u16) -> Option<Pin> {
        std::iter::once(present).chain(&self.before).find_map(|route| {
            let owned = route.ports.iter().find(|(first, last, _)| (*first..=*last).contains(&port))?;
            Some(Pin { route: Arc::clone(route), node: owned.2, port })
        })
    }
}
