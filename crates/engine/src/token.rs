//! What an epoll event is about, packed into its 64 bits:
//! key (32) | epoch (20) | attempt (8) | kind (4).

use protobalance_core::session::Side;

/// The subject of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// The control plane has a command.
    Wake,
    /// A deadline may have come.
    Alarm,
    /// A listening socket, by its place in the worker's list.
    Listener(u32),
    /// A socket at which a data connection of FTP is awaited.
    Data { key: u32, epoch: u32 },
    /// A side of a session. `attempt` tells a node's socket from its predecessors.
    Session { key: u32, epoch: u32, attempt: u8, side: Side },
    /// A connection that is no session yet.
    Arrival { key: u32, epoch: u32 },
}

impl Token {
    pub(crate) fn pack(self) -> u64 {
        match self {
            Token::Wake => 0,
            Token::Alarm => 6,
            Token::Listener(index) => u64::from(index) << 32 | 1,
            Token::Data { key, epoch } => u64::from(key) << 32 | u64::from(epoch) << 12 | 5,
            Token::Session { key, epoch, attempt, side } => {
                let kind = match side {
                    Side::Client => 2,
                    Side::Node => 3,
                };
                u64::from(key) << 32 | u64::from(epoch) << 12 | u64::from(attempt) << 4 | kind
            }
            Token::Arrival { key, epoch } => u64::from(key) << 32 | u64::from(epoch) << 12 | 4,
        }
    }

    pub(crate) fn unpack(bits: u64) -> Token {
        let key = (bits >> 32) as u32;
        let epoch = (bits >> 12) as u32 & crate::table::EPOCH_MASK;
        let session = |side| Token::Session { key, epoch, attempt: (bits >> 4) as u8, side };
        match bits & 0xF {
            0 => Token::Wake,
            1 => Token::Listener(key),
            2 => session(Side::Client),
            3 => session(Side::Node),
            5 => Token::Data { key, epoch },
            6 => Token::Alarm,
            _ => Token::Arrival { key, epoch },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_packing() {
        for token in [
            Token::Wake,
            Token::Alarm,
            Token::Listener(70_000),
            Token::Data { key: 7, epoch: crate::table::EPOCH_MASK },
            Token::Session { key: u32::MAX, epoch: crate::table::EPOCH_MASK, attempt: 255, side: Side::Node },
            Token::Session { key: 0, epoch: 1, attempt: 0, side: Side::Client },
            Token::Arrival { key: 70_000, epoch: crate::table::EPOCH_MASK },
        ] {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
