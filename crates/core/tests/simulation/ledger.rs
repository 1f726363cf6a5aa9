//! What must be true of every node, kept by hand from what was seen to happen. Laws 4, 5 and 13:
//! opened - closed = active; down by blame only, up by proof only; an offline node has nobody.

use std::sync::Arc;

use protobalance_core::moment::Moment;
use protobalance_core::node::{AdminState, Health, NodeState};

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) state: Arc<NodeState>,
    pub(crate) active: u32,
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) blamed: u64,
    /// Down until then, or due for a trial.
    pub(crate) retry_at: Option<Moment>,
    /// It has shown that it does not end connections it has only just taken.
    pub(crate) proven: bool,
    /// What the operator wants of it.
    pub(crate) wanted: AdminState,
    /// Whether every session was told that it is offline.
    pub(crate) cleared: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger(pub(crate) Vec<Account>);

impl Ledger {
    pub(crate) fn enter(&mut self, state: &Arc<NodeState>) {
        self.0.push(Account {
            state: Arc::clone(state),
            active: 0,
            opened: 0,
            closed: 0,
            blamed: 0,
            retry_at: None,
            proven: false,
            wanted: state.admin_state(),
            cleared: false,
        });
    }

    pub(crate) fn of(&self, state: &Arc<NodeState>) -> &Account {
        self.0.iter().find(|account| Arc::ptr_eq(&account.state, state)).expect("a node of the world")
    }

    pub(crate) fn of_mut(&mut self, state: &Arc<NodeState>) -> &mut Account {
        self.0.iter_mut().find(|account| Arc::ptr_eq(&account.state, state)).expect("a node of the world")
    }

    pub(crate) fn check(&self, now: Moment) {
        for account in &self.0 {
            let state = &*account.state;
            let told = (state.active(), state.opened(), state.failed(), state.health(now));
            let booked = (account.active, account.opened, account.blamed, account.health(now));
            assert_eq!(
                told,
                booked,
                "active, opened, failed, health of {}/{}",
                state.cluster(),
                state.name()
            );
            assert_eq!(
                account.opened - account.closed,
                u64::from(account.active),
                "law 13: {}",
                state.name()
            );
            assert_eq!(state.proven(), account.proven, "{}", state.name());
            assert!(!account.cleared || account.active == 0, "law 5: {} is offline", state.name());
        }
    }
}

impl Account {
    pub(crate) fn health(&self, now: Moment) -> Health {
        match self.retry_at {
            None => Health::Up,
            Some(at) if at <= now => Health::DueForTrial,
            Some(retry_at) => Health::Down { retry_at },
        }
    }

    pub(crate) fn open(&mut self) {
        self.active += 1;
        self.opened += 1;
    }

    pub(crate) fn close(&mut self) {
        self.active = self.active.checked_sub(1).expect("closed oftener than opened");
        self.closed += 1;
    }

    pub(crate) fn blame(&mut self, retry_at: Moment) {
        self.blamed += 1;
        self.retry_at = Some(retry_at);
        self.proven = false;
    }
}
