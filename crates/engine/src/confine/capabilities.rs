//! Capabilities: those that the configuration needs, of those that there are, and no others ever again.

use rustix::io::{Errno, Result};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// All that a configuration can need, by name.
const KNOWN: [(&str, CapabilitySet); 6] = [
    ("net_bind_service", CapabilitySet::NET_BIND_SERVICE),
    ("net_raw", CapabilitySet::NET_RAW),
    ("net_admin", CapabilitySet::NET_ADMIN),
    ("dac_override", CapabilitySet::DAC_OVERRIDE),
    ("chown", CapabilitySet::CHOWN),
    ("fowner", CapabilitySet::FOWNER),
];

/// The set of these names.
pub(super) fn wanted(names: &[String]) -> std::result::Result<CapabilitySet, String> {
    let one = |name: &String| {
        let known = KNOWN.iter().find(|(known, _)| known == name);
        known
            .map(|(_, capability)| *capability)
            .ok_or_else(|| format!("{name:?} is no capability known here"))
    };
    names.iter().map(one).collect()
}

/// Empties the bounding set but for these, as far as we may: who may not, has little to lose.
pub(super) fn bound(kept: CapabilitySet) -> Result<()> {
    if !capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(one) {
            continue;
        }
        match remove_capability_from_bounding_set(one) {
            // Numbers beyond those that this kernel has.
            Err(Errno::INVAL) => break,
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Gives up all but these.
pub(super) fn reduce(kept: CapabilitySet) -> Result<()> {
    let left = capabilities(None)?.permitted & kept;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: left, permitted: left, inheritable: none })?;
    clear_ambient_capability_set()
}

/// The names of what is left.
pub(super) fn left() -> Vec<String> {
    let left = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.permitted);
    KNOWN.iter().filter(|(_, one)| left.contains(*one)).map(|(name, _)| (*name).to_owned()).collect()
}
