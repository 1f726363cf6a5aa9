//! Landlock: files outside these folders are neither read nor written, none is executed, and no process
//! outside is signalled, whatever rights the user has.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// What is asked for; an older kernel gives what it has of it.
const WANTED: ABI = ABI::V6;

/// The version in force, or why there is none. Paths that do not exist are passed over.
pub(super) fn restrict(read: &[PathBuf], write: &[PathBuf]) -> Result<u32, String> {
    let status = rules(read, write)
        .and_then(RulesetCreated::restrict_self)
        .map_err(|error| format!("Landlock: {error}"))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => {
            Err("Landlock: this kernel has none, or it is switched off".into())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as u32),
        _ => Err("Landlock: it does not say whether it is in force".into()),
    }
}

fn rules(read: &[PathBuf], write: &[PathBuf]) -> Result<RulesetCreated, RulesetError> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    // Devices are made by nobody; programs are run by nobody.
    let making = AccessFs::MakeBlock | AccessFs::MakeChar;
    let writing = (AccessFs::from_write(WANTED) | reading) & !making;
    let mut rules =
        Ruleset::default().handle_access(AccessFs::from_all(WANTED))?.scope(Scope::Signal)?.create()?;
    for (paths, access) in [(read, reading), (write, writing)] {
        for path in paths {
            let Ok(opened) = PathFd::new(path) else { continue };
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(WANTED) };
            rules = rules.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    Ok(rules)
}
