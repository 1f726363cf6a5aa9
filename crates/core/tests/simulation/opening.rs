//! Sessions begin: with a node that is chosen, which was foreseen, or with the one whose port it is.

use std::net::IpAddr;
use std::sync::Arc;

use protobalance_core::cluster::Cluster;
use protobalance_core::failover::{Circumstances, Trace, Why, preview};
use protobalance_core::node::{AdminState, NodeIndex};
use protobalance_core::session::{Action, CloseReason, Session};

use crate::order::Question;
use crate::peers::CLIENTS;
use crate::plan::{self, LISTENERS};
use crate::play::{chosen, family_of};
use crate::visit::Visit;
use crate::world::World;

const NOBODY: Action = Action::End { reason: CloseReason::NoNode, reset: true };

impl World {
    pub(crate) fn open(&mut self) {
        let (worker, listener) = (self.random.below(self.workers.len()), self.random.below(LISTENERS));
        let (family, limits) = self.workers[worker].listeners[listener];
        let cluster = Arc::clone(&self.workers[worker].clusters[family]);
        let (client, at) = (plan::client(&mut self.random), self.at());
        self.opened += 1;
        let pinned = self.random.one_in(12) && !cluster.nodes.is_empty();
        let (home, session, chosen) = if pinned {
            let (session, chosen) = self.open_pinned(client, &cluster, at);
            (None, session, chosen)
        } else {
            self.open_chosen(client, &cluster, at)
        };
        let Some((index, why)) = chosen else { return };
        let mut visit = Visit {
            id: self.opened,
            session,
            client: self.random.of(&CLIENTS),
            pinned,
            worker,
            listener,
            node: Arc::clone(&cluster.nodes[usize::from(index)].state),
            cluster,
            limits,
            last: (index, why),
            failed: Vec::new(),
            afresh: false,
            home,
            came_with_home: Some(home.is_some()),
            on_trial: false,
            careful: false,
            connected: false,
            spoke_to_node: false,
            spoke_to_client: false,
            replayable: false,
            ended_sides: Vec::new(),
            opened_at: self.now,
            attempt_at: self.now,
            active_at: self.now,
        };
        self.book_attempt(&mut visit, (index, why), at.unix_now);
        visit.check(self.now);
        self.visits.push(visit);
    }

    fn open_chosen(
        &mut self,
        client: IpAddr,
        cluster: &Arc<Cluster>,
        at: Circumstances,
    ) -> (Option<NodeIndex>, Session, Option<(NodeIndex, Why)>) {
        let homes = &mut self.homes[family_of(cluster)];
        let home = cluster.affinity.as_ref().and_then(|it| homes.visit(it, client, at.unix_now));
        let question = Question { cluster, ledger: &self.ledger, tried: &[], now: self.now };
        let answer = question.first(home);
        let foreseen = preview(cluster, client, at, &mut Trace::empty());
        let (mut session, action) = Session::open(client, Arc::clone(cluster), at, &mut Trace::empty());
        self.note(self.opened, None, action);
        let chosen = chosen(&session, action);
        assert!(answer.allows(chosen), "law 2: {chosen:?} is not {answer:?}");
        assert_eq!(foreseen, chosen, "a preview is what happens next");
        assert!(chosen.is_some() || action == NOBODY, "{action:?}");
        assert!(session.take_news().is_empty());
        (home, session, chosen)
    }

    /// One whose port is a node's: that node, unless it is offline.
    fn open_pinned(
        &mut self,
        client: IpAddr,
        cluster: &Arc<Cluster>,
        at: Circumstances,
    ) -> (Session, Option<(NodeIndex, Why)>) {
        let index = self.random.below(cluster.nodes.len());
        let node = &cluster.nodes[index];
        let states = [node.admin_state, self.ledger.of(&node.state).wanted];
        let withdrawn = states.into_iter().find(|state| *state != AdminState::Available);
        let (session, action) = Session::open_at(client, Arc::clone(cluster), index as NodeIndex, at);
        self.note(self.opened, None, action);
        let offline = withdrawn == Some(AdminState::Offline);
        assert_eq!(action, if offline { NOBODY } else { Action::Attempt(index as NodeIndex) }, "law 5");
        let chosen = chosen(&session, action);
        (session, chosen)
    }
}
