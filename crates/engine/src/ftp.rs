//! `protocol = "ftp"`: control connections whose replies to PASV and EPSV are rewritten, so that the data
//! connection comes to us, and goes on to the node that answered.
//!
//! * `control`: what is known of a control connection; decides where a data connection is to come.
//! * `replies`: the control connection's direction to the client, as a source of rewritten bytes.
//! * `waiting`: the one-shot sockets at which data connections are awaited.
//!
//! The laws: a data connection leads to the node that answered and to nobody else, at the port it named,
//! whatever address it named. It is taken from the address that the control connection comes from, once,
//! within `data_timeout`, and while the control connection lives. Its socket listens before the reply leaves.
//! Each session waits for at most one.

mod control;
mod ports;
mod replies;
mod waiting;

use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) use control::Control;
pub(crate) use replies::Rewritten;
pub(crate) use waiting::Waiting;

use crate::spec::FtpSpec;

/// How a listener does FTP.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// First and last of the ports at which data connections are awaited.
    ports: (u16, u16),
    /// What replies to PASV name, where clients know us by another address than we do.
    public_address: Option<Ipv4Addr>,
    timeout: Duration,
}

impl Settings {
    pub(crate) fn new(spec: &FtpSpec) -> Result<Settings, String> {
        let FtpSpec { first_port, last_port, public_address, data_timeout_ms } = spec;
        if *first_port == 0 || last_port < first_port {
            return Err(format!("ftp: {first_port}-{last_port} is no range of ports"));
        }
        let public_address = match public_address.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| format!("ftp: {text:?} is no IPv4 address"))?),
        };
        let timeout = Duration::from_millis(*data_timeout_ms);
        Ok(Settings { ports: (*first_port, *last_port), public_address, timeout })
    }
}
