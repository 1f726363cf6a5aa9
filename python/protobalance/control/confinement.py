"""What the process gives up before it serves: root, capabilities, files and system calls it does not need.

The law: decided here from the configuration, carried out by the engine's `confine` while there is one thread,
before anything is bound; it cannot be undone, so what a later configuration needs beyond it needs a restart.
What is in force is told once in the log, and stands in `status`.
"""

from __future__ import annotations

import grp
import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from protobalance.config import Config
from protobalance.config.addresses import parse_ports, split_bind
from protobalance.config.plan_tls import authorities, certificates
from protobalance.control import engine_port
from protobalance.control.answers import Confinement
from protobalance.control.operator_log import OperatorLog
from protobalance.control.ownership import hand_over, log_file, make_folders
from protobalance.control.refusal import Refused

# Programs' code and data, names and certificates, what the kernel says of itself and of us.
SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/etc",
    "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/nscd", "/var/lib/sss/mc",
    "/proc/self", "/proc/sys", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/cpuinfo",
    "/sys/fs/cgroup", "/sys/devices/system/cpu",
    "/dev/null", "/dev/urandom", "/dev/random",
)  # fmt: skip
LOWEST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


class _Report(msgspec.Struct, frozen=True):
    """The engine's answer; see `crates/engine/src/confine/mod.rs`."""

    uid: int
    gid: int
    capabilities: list[str]
    no_new_privs: bool
    landlock: int
    seccomp: bool
    missing: list[str]


def confine(
    config: Config, file: Path | None, admin_path: Path | None, log: OperatorLog
) -> Confinement | None:
    """Give up what `config` does not need; `None` if it asks for nothing. Raises `Refused`."""
    engine = config.engine
    identity = _identity(engine.user, engine.group)
    if identity is None and not engine.confine:
        return None
    if identity is not None:
        hand_over(config, admin_path, *identity)
    make_folders(config, admin_path)
    stays_root = os.geteuid() == 0 and (identity is None or identity[0] == 0)
    request = {
        "uid": identity and identity[0],
        "gid": identity and identity[1],
        "capabilities": [*needed(config), *(["dac_override"] if stays_root else [])],
        "restrict": engine.confine,
        "read": sorted(_readable(file) | _certificates(config)),
        "write": sorted(_writable(config, admin_path)),
    }
    report = msgspec.json.decode(engine_port.confine(msgspec.json.encode(request)), type=_Report)
    _python_is_within_reach()
    in_force = Confinement(
        user=_user_name(report.uid),
        group=_group_name(report.gid),
        capabilities=report.capabilities,
        no_new_privs=report.no_new_privs,
        landlock=report.landlock,
        seccomp=report.seccomp,
    )
    log.info(f"confined: {sentence(in_force)}")
    for missing in report.missing:
        log.warning(f"not confined as asked: {missing}")
    if file is not None and not os.access(file, os.R_OK):
        log.warning(f"{file} cannot be read again by {in_force.user}: SIGHUP and apply will be refused")
    return in_force


def sentence(confinement: Confinement) -> str:
    """What is in force, in words."""
    words = [
        f"user {confinement.user}, group {confinement.group}",
        f"capabilities {', '.join(confinement.capabilities) or 'none'}",
    ]
    words += ["no new privileges"] if confinement.no_new_privs else []
    words += [f"Landlock {confinement.landlock}"] if confinement.landlock else []
    words += ["system calls filtered"] if confinement.seccomp else []
    return "; ".join(words)


def _identity(user: str | None, group: str | None) -> tuple[int, int] | None:
    """Whom to become: user and group; `None` to stay."""
    if user is None:
        return None
    try:
        found = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        remedy = "name one that exists (getent passwd)"
        raise Refused("invalid", f"there is no user {user}", "engine.user", remedy) from None
    uid, gid = found.pw_uid, _group_id(group) if group else found.pw_gid
    if os.geteuid() not in {0, uid}:
        raise Refused(
            "invalid",
            f"only root can become {user}, and this is {_user_name(os.geteuid())}",
            "engine.user",
            "start it as root, or leave engine.user out",
        )
    return (uid, gid) if os.geteuid() == 0 else None


def _group_id(group: str) -> int:
    try:
        return (grp.getgrgid(int(group)) if group.isdigit() else grp.getgrnam(group)).gr_gid
    except KeyError:
        remedy = "name one that exists (getent group)"
        raise Refused("invalid", f"there is no group {group}", "engine.group", remedy) from None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def needed(config: Config) -> Iterator[str]:
    """The capabilities that the configuration cannot do without."""
    try:
        lowest_free = int(LOWEST_FREE_PORT.read_text())
    except (OSError, ValueError):
        lowest_free = 1024  # as it was before it could be changed
    firsts = [split_bind(bind).first for listener in config.listeners.values() for bind in listener.bind]
    firsts += [
        parse_ports(listener.ftp.data_ports)[0] for listener in config.listeners.values() if listener.ftp
    ]
    if any(0 < first < lowest_free for first in firsts):
        yield "net_bind_service"
    if any(cluster.transparent for cluster in config.clusters.values()):
        yield "net_raw"  # the lesser of the two that IP_TRANSPARENT takes (ip(7))


def _readable(file: Path | None) -> set[str]:
    """The configuration's folder, Python and what it may still load, and the system's own."""
    python = {path for path in (sys.prefix, sys.base_prefix, *sys.path) if path and Path(path).exists()}
    own = set() if file is None else {str(file.absolute().parent), str(file.resolve().parent)}
    return {*SYSTEM, *python, *own}


def _certificates(config: Config) -> set[str]:
    """The folders of certificates and keys: renewed ones take their files' places."""
    pairs = (path for _, each in certificates(config) for path in (each.certificate, each.key))
    files = [Path(file) for file in (*pairs, *(file for _, file in authorities(config)))]
    return {str(folder) for file in files for folder in (file.absolute().parent, file.resolve().parent)}


def _writable(config: Config, admin_path: Path | None) -> set[str]:
    """Where we keep state, log and answer."""
    paths = {"/dev/null"} if admin_path is None else {"/dev/null", str(admin_path.parent)}
    if config.engine.state_dir is not None:
        paths.add(config.engine.state_dir)
    log = log_file(config)
    if log is not None:
        # Its folder too, for the file that takes its place after a rotation; a device has none.
        paths |= {str(log), str(log.parent)} - {"/dev", "/"}
    return {path for path in paths if not _may_have_been_led_astray(Path(path).absolute(), paths)}


def _may_have_been_led_astray(path: Path, writable: set[str]) -> bool:
    """Whether there is a link on the way that a balancer before us could have made: with the rights of this
    one it would write where that leads.
    """
    folders = [Path(folder).resolve() for folder in writable]
    # Where we may not look is no link of ours.
    links = [step for step in (path, *path.parents) if os.path.islink(step)]  # noqa: PTH114 - Path's would raise
    return any(link.parent.resolve().is_relative_to(folder) for link in links for folder in folders)


def _python_is_within_reach() -> None:
    """Much is loaded later, and a user may be shut out from what root could read."""
    for file in (os.__file__, __file__):
        if not os.access(file, os.R_OK):
            raise Refused(
                "engine",
                f"{_user_name(os.geteuid())} cannot read {Path(file).parent}, where the program is",
                "engine.user",
                "install it where that user may read it, such as /opt",
            )
