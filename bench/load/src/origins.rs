//! Where clients come from: each connection from the next of so many addresses, as a balancer's clients do. All
//! of 127.0.0.0/8 is this machine's; these are far from where nodes and balancers are.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use crate::arguments::Arguments;

/// The address before the first.
const BASE: u32 = u32::from_be_bytes([127, 128, 0, 0]);
/// Up to 127.191.255.255.
const MOST: u32 = (1 << 22) - 1;

/// So many addresses in turn.
pub(crate) struct Origins {
    count: u32,
    given: u32,
}

impl Origins {
    /// From `--addresses`; 0: the kernel chooses, always the same.
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Origins, Box<dyn Error>> {
        let count = arguments.get("addresses", 0)?;
        if count > MOST {
            return Err(format!("--addresses is at most {MOST}").into());
        }
        Ok(Origins { count, given: 0 })
    }

    /// Where the next connection comes from, its port open.
    pub(crate) fn next(&mut self) -> Option<SocketAddr> {
        let number = self.given.checked_rem(self.count)?;
        self.given = number + 1;
        Some(SocketAddr::from((Ipv4Addr::from_bits(BASE + 1 + number), 0)))
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Origins};
    use crate::arguments::Arguments;

    fn origins(addresses: u32) -> Option<Origins> {
        let words = ["--addresses".to_owned(), addresses.to_string()];
        Origins::parse(&mut Arguments::parse(words.into_iter()).ok()?).ok()
    }

    #[test]
    fn every_address_has_its_turn_and_none_is_all_of_the_kernels_choice() {
        let mut three = origins(3).unwrap_or_else(|| panic!("three addresses are possible"));
        let turns: Vec<String> = (0..4).filter_map(|_| three.next()).map(|at| at.to_string()).collect();
        assert_eq!(turns, ["127.128.0.1:0", "127.128.0.2:0", "127.128.0.3:0", "127.128.0.1:0"]);
        assert!(origins(0).is_some_and(|mut none| none.next().is_none()));
        assert!(origins(MOST).is_some() && origins(MOST + 1).is_none());
    }
}
