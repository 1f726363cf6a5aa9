//! Sockets at which data connections are awaited, one for each control connection that announced one. Gone
//! with the first connection from the right client, with `data_timeout`, with the next announcement, or with
//! the control connection, whichever is first.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protobalance_core::moment::Moment;
use rustix::event::epoll;

use super::Control;
use super::control::Desk;
use crate::admission::{Admitted, TurnedAway, admit};
use crate::doors::{DATA_PORTS, DESCRIPTORS};
use crate::ending::reset_at_close;
use crate::newcomer::Newcomer;
use crate::plan::Listener;
use crate::ports::Pin;
use crate::queue::{Next, next};
use crate::report::Event as Told;
use crate::table::Table;
use crate::timer::Timer;
use crate::token::Token;
use crate::worker::Worker;

/// Strangers turned away in one turn: no flood of them keeps sessions waiting.
const ACCEPTS_PER_TURN: usize = 16;
/// How soon it is looked again where no descriptor was left, or a turn was up.
const PAUSE: Duration = Duration::from_millis(20);

/// A worker's awaited data connections.
#[derive(Debug)]
pub(crate) struct Waiting {
    table: Table<Awaited>,
    timer: Timer,
}

#[derive(Debug)]
struct Awaited {
    socket: OwnedFd,
    /// Who may connect.
    client: IpAddr,
    /// The key and epoch of the control connection.
    control: (u32, u32),
    listener: Arc<Listener>,
    pin: Pin,
    until: Moment,
}

/// What came of a look at an awaited connection's socket.
enum Look {
    Nothing,
    Stranger,
    Client(OwnedFd, SocketAddr),
    Shortage,
}

impl Waiting {
    pub(crate) fn new(now: Moment) -> Waiting {
        Waiting { table: Table::default(), timer: Timer::new(now) }
    }

    pub(crate) fn sleep(&mut self, now: Moment) -> Option<Duration> {
        self.timer.sleep(now)
    }

    fn close(&mut self, (key, epoch): (u32, u32)) -> Option<Box<Awaited>> {
        if self.table.epoch(key) != epoch {
            return None;
        }
        self.timer.disarm(key);
        self.table.remove(key)
    }
}

impl Worker {
    /// An attempt begins: what its node will say is read, where the listener does FTP.
    pub(crate) fn begin_control(&mut self, key: u32, node: usize) {
        let Some(pair) = self.table.get_mut(key) else { return };
        if pair.listener.ftp.is_none() || pair.session.pinned() {
            return;
        }
        let random = self.draw().random;
        let Some(pair) = self.table.get_mut(key) else { return };
        let (Some(settings), Some(route)) = (&pair.listener.ftp, &pair.route) else { return };
        let control = Control::new(&pair.client, settings, route, node, random);
        let before = std::mem::replace(&mut pair.ftp, control);
        self.await_nothing(before);
    }

    /// Deals with what the last replies of a control connection led to.
    pub(crate) fn after_replies(&mut self, key: u32) {
        let epoch = self.table.epoch(key);
        let Some(pair) = self.table.get_mut(key) else { return };
        let Some(control) = &mut pair.ftp else { return };
        if control.tell_secured() && !pair.listener.counts.told_secured.swap(true, Relaxed) {
            let message = format!(
                "listener {}: a client encrypts its control connection (AUTH TLS), so its replies cannot be \
                 read: its data connections go where the node says, which needs `ports` of the node's own",
                pair.listener.name
            );
            self.shared.events.tell(Told::Warning { message });
        }
        let shortage = std::mem::take(&mut control.desk.shortage);
        if let Some((socket, pin)) = control.take_made() {
            let (client, until) = (control.desk.client, self.at.now.after(control.timeout()));
            let listener = Arc::clone(&pair.listener);
            let before = control.desk.waiting.take();
            let awaited = Awaited { socket, client, control: (key, epoch), listener, pin, until };
            let waiting = self.await_data(awaited);
            if let Some(before) = before {
                self.data.close(before);
            }
            if let Some(control) = self.table.get_mut(key).and_then(|pair| pair.ftp.as_mut()) {
                control.desk.waiting = Some(waiting);
            }
        }
        if shortage {
            self.reached(&DATA_PORTS);
        }
    }

    /// A control connection is over, or goes on with another node: nothing is awaited for it any more.
    pub(crate) fn await_nothing(&mut self, control: Option<Box<Control>>) {
        if let Some(waiting) = control.and_then(|control| control.desk.waiting) {
            self.data.close(waiting);
        }
    }

    fn await_data(&mut self, awaited: Awaited) -> (u32, u32) {
        let until = awaited.until;
        let key = self.data.table.insert(awaited);
        let epoch = self.data.table.epoch(key);
        self.data.timer.arm(key, until);
        if let Some(awaited) = self.data.table.get_mut(key) {
            let token = epoll::EventData::new_u64(Token::Data { key, epoch }.pack());
            // Where the kernel has no memory for it, the time limit takes it away again.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            let _ = epoll::add(&self.epoll, &awaited.socket, token, flags);
        }
        (key, epoch)
    }

    /// Somebody has connected.
    pub(crate) fn on_data(&mut self, key: u32, epoch: u32) {
        if self.data.table.epoch(key) != epoch {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(awaited) = self.data.table.get_mut(key) else { return };
            match look(awaited) {
                Look::Nothing => return,
                Look::Stranger => {}
                Look::Client(socket, address) => return self.take_data_in(key, epoch, socket, address),
                Look::Shortage => {
                    self.reached(&DESCRIPTORS);
                    break;
                }
            }
        }
        let soon = self.at.now.after(PAUSE);
        self.data.timer.arm(key, soon);
    }

    fn take_data_in(&mut self, key: u32, epoch: u32, socket: OwnedFd, address: SocketAddr) {
        let Some(awaited) = self.data.close((key, epoch)) else { return };
        let Awaited { listener, pin, control, client, .. } = *awaited;
        let its_own = !self.transfers(control);
        let Ok(admitted) = self.let_data_in(&listener, client, its_own) else {
            return reset_at_close(&socket);
        };
        self.count_opened(&listener);
        let (pin, spare) = (Some(pin), self.spares.take(&self.epoll));
        let newcomer = Newcomer { spare, pin, admitted, ..Newcomer::new(socket, address, listener) };
        let opened = self.open(newcomer);
        if let (true, Some(desk)) = (its_own, self.desk(control)) {
            desk.transfer = Some(opened);
        }
    }

    /// Whether the control connection has a data connection already that took a place of its own.
    fn transfers(&mut self, control: (u32, u32)) -> bool {
        let transfer = self.desk(control).and_then(|desk| desk.transfer);
        transfer
            .is_some_and(|(key, epoch)| self.table.epoch(key) == epoch && self.table.get_mut(key).is_some())
    }

    fn desk(&mut self, (key, epoch): (u32, u32)) -> Option<&mut Desk> {
        if self.table.epoch(key) != epoch {
            return None;
        }
        self.table.get_mut(key)?.ftp.as_mut().map(|control| &mut control.desk)
    }

    /// Takes a place. One data connection at a time is a part of a session that was let in: it finds a
    /// place, though it takes the last one. More of them are sessions like others.
    fn let_data_in(
        &mut self,
        listener: &Listener,
        client: IpAddr,
        its_own: bool,
    ) -> Result<Option<Box<Admitted>>, TurnedAway> {
        let (all, its) = (&self.shared.room, &listener.counts.room);
        if its_own {
            all.take_anyway();
            its.take_anyway();
            return Ok(None);
        }
        if !all.take() {
            return Err(TurnedAway);
        }
        if !its.take() {
            all.give_back();
            return Err(TurnedAway);
        }
        admit(&self.shared, listener, client, self.at.now).inspect_err(|_| {
            all.give_back();
            its.give_back();
        })
    }

    /// Closes what nobody connected to in time, and looks again where it was interrupted.
    pub(crate) fn expire_data(&mut self, due: &mut Vec<u32>) {
        self.data.timer.expire(self.at.now, due);
        for key in due.drain(..) {
            let (now, epoch) = (self.at.now, self.data.table.epoch(key));
            let Some(until) = self.data.table.get_mut(key).map(|awaited| awaited.until) else { continue };
            if now >= until {
                self.data.close((key, epoch));
            } else {
                self.data.timer.arm(key, until);
                self.on_data(key, epoch);
            }
        }
    }
}

fn look(awaited: &Awaited) -> Look {
    match next(awaited.socket.as_fd()) {
        Next::Connection(socket, address) if address.ip().to_canonical() == awaited.client => {
            Look::Client(socket, address)
        }
        Next::Connection(socket, _) => {
            reset_at_close(&socket);
            Look::Stranger
        }
        Next::Gone => Look::Stranger,
        Next::Shortage => Look::Shortage,
        Next::Nobody => Look::Nothing,
    }
}
