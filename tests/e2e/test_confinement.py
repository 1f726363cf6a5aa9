"""What a balancer gives up before it serves, seen from outside and tried from within."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from signal import SIGHUP, SIGKILL, SIGTERM, SIGUSR1
from typing import Any

import pytest

from peers import pbload
from peers.authority import table
from peers.certificate import Certificate, self_signed, shown_to, trusting_all
from peers.command import ended
from peers.confined import EVERYBODY, NOBODY, as_root, program_for_everybody, threads, threads_of
from peers.joined import PATIENCE
from peers.process import Address, accepts, wait_until, workplace
from peers.records import logged
from peers.root import need_root
from peers.wish import Config, wish, written
from protobalance.config import from_mapping
from protobalance.control.ownership import hand_over


@pytest.fixture
def folder() -> Iterator[Path]:
    """The configuration's folder, which every user may enter."""
    need_root("a balancer that starts as root, to become nobody,")
    with workplace("confined") as path:
        (path / "log").mkdir()
        os.chown(path / "log", NOBODY.pw_uid, NOBODY.pw_gid)
        yield path


def low_address() -> str:
    """An address of this machine's own whose ports below 1024 nobody has."""
    return f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}"


def wished(nodes: Mapping[str, Address], folder: Path, *binds: str, **engine: Any) -> Config:
    config = wish(dict(nodes))
    config["listeners"]["in"]["bind"] = ["127.0.0.1:0", *binds]
    config["engine"] = {"state_dir": str(folder / "state"), "workers": 2} | engine
    return logged(config, folder / "log/sessions.log")


def served(address: Address) -> bool:
    result = pbload.connect(address, 5)
    return not result["errors"]


def test_root_becomes_a_user_with_what_it_needs(folder: Path) -> None:
    """One capability for the low port, for every thread; no group but one, no way back."""
    low = low_address()
    with (
        pbload.nodes("echo", name="n") as nodes,
        as_root(wished(nodes, folder, f"{low}:80", user="nobody"), folder) as command,
    ):
        ids = {
            "Uid": " ".join([str(NOBODY.pw_uid)] * 4),
            "Gid": " ".join([str(NOBODY.pw_gid)] * 4),
            "Groups": str(NOBODY.pw_gid),
            "CapInh": "0" * 16,
            "CapPrm": "0" * 13 + "400",
            "CapEff": "0" * 13 + "400",
            "CapBnd": "0" * 13 + "400",
            "CapAmb": "0" * 16,
            "NoNewPrivs": "1",
            "Seccomp": "2",
        }
        found = list(threads(command))
        assert len(found) >= 3, "the main thread and the workers"
        for thread in found:
            assert {name: thread[name] for name in ids} == ids
        confinement = command.status().confinement
        assert confinement
        assert (confinement.user, confinement.capabilities) == ("nobody", ["net_bind_service"])
        assert confinement.no_new_privs
        assert confinement.seccomp
        assert confinement.landlock >= 1, "this kernel has no Landlock: the test needs one that has"
        assert command.said("confined: user nobody, group nogroup; capabilities net_bind_service; ")
        assert served((low, 80))


def test_a_state_folder_out_of_reach_is_said(folder: Path) -> None:
    """Behind a folder that its user may not enter: nothing is kept there, and it serves."""
    closed = folder / "closed"
    closed.mkdir(mode=0)
    os.chown(closed, NOBODY.pw_uid, NOBODY.pw_gid)
    without_rights = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    with pbload.nodes("echo", name="n") as nodes:
        config = wish(dict(nodes)) | {"engine": {"state_dir": str(closed / "in/state"), "workers": 2}}
        with as_root(config, folder, *without_rights) as command:
            assert command.said("history is kept in memory only: ")
            assert served(command.address())


def test_no_capability_is_kept_that_nothing_needs(folder: Path) -> None:
    with (
        pbload.nodes("echo", name="n") as nodes,
        as_root(wished(nodes, folder, user="nobody"), folder) as command,
    ):
        assert {thread["CapPrm"] for thread in threads(command)} == {"0" * 16}


def test_everything_goes_on_working(folder: Path) -> None:
    """Applying with another low port, a reload, a rotated log, state written and found again."""
    low = low_address()
    log, old = folder / "log/sessions.log", folder / "log/sessions.log.1"
    with pbload.nodes("echo", name="n") as nodes:
        config = wished(nodes, folder, f"{low}:80", user="nobody")
        config["clusters"]["c"]["affinity"] = True
        # A name, to be looked up by a process that may open few files.
        config["clusters"]["c"]["nodes"]["n"]["address"] = f"localhost:{nodes['n'][1]}"
        with as_root(config, folder) as command:
            assert served((low, 80))
            config["listeners"]["in"]["bind"].append(f"{low}:81")
            command.rewrite(config)
            command.ask("apply")
            assert served((low, 81))
            config["listeners"]["in"]["idle_timeout"] = "5m"
            command.rewrite(config)
            command.signal(SIGHUP)
            wait_until(lambda: command.status().generation == 3, "the reload is in force")
            log.rename(old)
            command.signal(SIGUSR1)
            wait_until(log.exists, "the log is opened anew")
            assert served((low, 80))
            before = command.status().balancer_pid
            os.kill(before, SIGKILL)
            wait_until(lambda: command.status().balancer_pid != before, "the keeper has started another")
            assert {thread["Seccomp"] for thread in threads(command)} == {"2"}
            assert served((low, 81))
            command.ask("upgrade")
            assert {thread["Uid"] for thread in threads(command)} == {" ".join([str(NOBODY.pw_uid)] * 4)}
            assert served((low, 81))
            command.ask("node", "set", "c/n", "draining")
        with as_root(config, folder) as command:
            assert command.status().clusters[0].nodes[0].admin_state == "draining"
            affinity = command.status().clusters[0].affinity
            assert affinity
            assert affinity.clients == 1
        for file in (folder / "state").iterdir():
            assert file.stat().st_uid == NOBODY.pw_uid, file


def test_without_an_admin_interface_everything_goes_on_working_too(folder: Path) -> None:
    """Confined, killed, reloaded, its log rotated and ended, by signals alone and without an event loop."""
    low = low_address()
    log, old = folder / "log/sessions.log", folder / "log/sessions.log.1"
    with pbload.nodes("echo", name="n") as nodes:
        config = wished(nodes, folder, f"{low}:80", user="nobody") | {"admin": {"socket": "off"}}
        with as_root(config, folder) as command:

            def balancer() -> int:
                """The one process beside the keeper, confined."""
                wait_until(lambda: len(command.processes()) == 2, "there is a balancer")
                (process,) = set(command.processes()) - {command.child.pid}
                assert served((low, 80))
                assert {(thread["Uid"], thread["Seccomp"]) for thread in threads_of(process)} == {
                    (" ".join([str(NOBODY.pw_uid)] * 4), "2")
                }
                assert "asyncio" not in Path(f"/proc/{process}/maps").read_text()
                return process

            def next_balancer(before: int) -> int:
                os.kill(before, SIGKILL)
                wait_until(lambda: before not in command.processes(), "it has ended")
                return balancer()

            second = next_balancer(balancer())
            config["listeners"]["in"]["bind"].append(f"{low}:81")
            # Whether somebody may ask is what the start said, whatever is applied later.
            command.rewrite(config | {"admin": {"socket": str(folder / "state/admin.sock")}})
            command.signal(SIGHUP)
            wait_until(lambda: served((low, 81)), "the reload is in force")
            log.rename(old)
            command.signal(SIGUSR1)
            wait_until(log.exists, "the log is opened anew")
            next_balancer(second)
            assert served((low, 81))
            assert not any(path.is_socket() for path in folder.rglob("*"))
            command.signal(SIGTERM)
            assert ended(command) == 0


def test_certificates_elsewhere_are_read_and_renewed(folder: Path) -> None:
    """Behind links, as programs that renew them leave them."""
    with pbload.nodes("echo", name="n") as nodes, workplace("certificates") as elsewhere:
        live, archive = elsewhere / "live", elsewhere / "archive"
        live.mkdir()
        archive.mkdir()
        links = Certificate(live / "cert.pem", live / "key.pem")

        def renew(name: str) -> str:
            made = self_signed(archive, name)
            for link, file in ((links.file, made.file), (links.key, made.key)):
                link.unlink(missing_ok=True)
                link.symlink_to(file)
            return made.fingerprint

        first = renew("first")
        config = wished(nodes, folder, user="nobody")
        config["listeners"]["in"]["tls"] = {"certificates": [table(links)]}

        def shown() -> str:
            with (
                socket.create_connection(command.address(), timeout=PATIENCE) as plain,
                trusting_all().wrap_socket(plain) as client,
            ):
                return shown_to(client)

        with as_root(config, folder) as command:
            assert shown() == first
            second = renew("second")
            command.signal(SIGHUP)
            wait_until(lambda: shown() == second, "the renewed certificate is shown")


ATTEMPTS = """
import ctypes, errno, json, os, signal, socket, subprocess
from pathlib import Path

HERE = Path(__file__).parent
LIBC = ctypes.CDLL(None, use_errno=True)


def attempt(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"


def call(number, *arguments):
    if LIBC.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def everything(nodes):
    outside, neighbour = json.loads((HERE / "attempts.json").read_text())
    outcomes = {
        "read outside": attempt(lambda: Path(outside, "secret").read_text()),
        "write outside": attempt(lambda: Path(outside, "new").write_text("x")),
        "write the configuration": attempt(lambda: Path(HERE, "new").write_text("x")),
        "run a program": attempt(lambda: subprocess.run(["/bin/true"], check=True)),
        "fork": attempt(fork),
        "signal a neighbour": attempt(lambda: os.kill(neighbour, 0)),
        "become root": attempt(lambda: os.setuid(0)),
        "trace": attempt(lambda: call(101, 16, neighbour, 0, 0)),
        "unshare": attempt(lambda: call(272, 0x10000000)),
        "load a program into the kernel": attempt(lambda: call(321, 0, 0, 0)),
        "keys": attempt(lambda: call(250, 0, -3, 0)),
        "talk to the kernel's ciphers": attempt(lambda: socket.socket(38, socket.SOCK_SEQPACKET).close()),
    }
    (HERE / "state/outcomes.json").write_text(json.dumps(outcomes))
    return {name: 1.0 for name in nodes}
"""


def outcomes(folder: Path, nodes: Mapping[str, Address], **engine: Any) -> dict[str, str]:
    """What became of each attempt that a rating function made from within."""
    config = wished(nodes, folder, user="nobody", **engine)
    config["clusters"]["c"] |= {
        "policy": "minimum-load",
        "load_rating": {"function": "attempts:everything", "interval": "100ms"},
    }
    (folder / "attempts.py").write_text(ATTEMPTS)
    folder.chmod(0o777)
    neighbour = subprocess.Popen(["sleep", "60"], user="nobody", group=NOBODY.pw_gid, extra_groups=[])
    with neighbour, workplace("outside") as outside:
        try:
            outside.chmod(0o777)
            (outside / "secret").write_text("x")
            (folder / "attempts.json").write_text(json.dumps([str(outside), neighbour.pid]))
            result = folder / "state/outcomes.json"
            with as_root(config, folder):
                wait_until(result.exists, "the function has tried")
                wait_until(lambda: bool(result.read_text()), "and has said so")
                told: dict[str, str] = json.loads(result.read_text())
                return told
        finally:
            neighbour.kill()


def test_whoever_takes_it_over_can_do_little(folder: Path) -> None:
    """Tried by a function of the operator's own, which has all that a hijacked process has."""
    with pbload.nodes("echo", name="n") as nodes:
        told = outcomes(folder, nodes)
    assert told.pop("become root") in {"EPERM", "ENOSYS"}
    assert told == {
        "read outside": "EACCES",
        "write outside": "EACCES",
        "write the configuration": "EACCES",
        "run a program": "EPERM",
        "fork": "EPERM",
        "signal a neighbour": "EPERM",
        "trace": "EPERM",
        "unshare": "EPERM",
        "load a program into the kernel": "EPERM",
        "keys": "EPERM",
        "talk to the kernel's ciphers": "EPERM",
    }


def test_it_can_be_switched_off_for_functions_that_need_more(folder: Path) -> None:
    """And then the same attempts do succeed, so that the other test means something."""
    with pbload.nodes("echo", name="n") as nodes:
        told = outcomes(folder, nodes, confine=False)
    free = ("read outside", "write outside", "write the configuration", "run a program", "fork")
    assert {what: told[what] for what in (*free, "signal a neighbour")} == dict.fromkeys(
        (*free, "signal a neighbour"), "done"
    )
    assert told["become root"] == "EPERM", "who it is was no question of confinement"


def test_without_root_it_is_confined_all_the_same(folder: Path) -> None:
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    user = ("setpriv", "--reuid=nobody", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    with pbload.nodes("echo", name="n") as nodes, as_root(wished(nodes, folder), folder, *user) as command:
        assert served(command.address())
        for thread in threads(command):
            assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2")
        assert command.status().confinement


def refused(config: Config, folder: Path, *under: str) -> str:
    """What it says when it does not start."""
    file, socket = written(config, folder / "refused.toml"), folder / "run/admin.sock"
    done = subprocess.run(
        [
            *under,
            program_for_everybody(folder),
            "run",
            str(file),
            "--socket",
            str(socket),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env=os.environ | EVERYBODY,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_user_that_cannot_be_had_is_refused(folder: Path) -> None:
    """Nothing is served with more rights than were asked for."""
    node = {"n": ("127.0.0.1", 9)}
    assert "there is no user nonesuch" in refused(wished(node, folder, user="nonesuch"), folder)
    assert "there is no group nonesuch" in refused(
        wished(node, folder, user="nobody", group="nonesuch"), folder
    )
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    under = ("setpriv", "--reuid=nobody", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    assert "only root can become daemon, and this is nobody" in refused(
        wished(node, folder, user="daemon"), folder, *under
    )


def test_what_is_not_ours_is_not_handed_over(folder: Path) -> None:
    """A link in the state folder must not make root give a file away."""
    state = folder / "state"
    state.mkdir()
    for name in ("by-link", "by-name"):
        (folder / name).write_text("root's")
    (state / "one").symlink_to(folder / "by-link")
    (state / "two").hardlink_to(folder / "by-name")
    (state / "history.jsonl").write_text("")
    (folder / "run").mkdir()
    (folder / "run/other").write_text("somebody's")
    config = wished({"n": ("127.0.0.1", 9)}, folder, user="nobody")
    assert "no admin socket can be made here: Permission denied" in refused(config, folder)
    owners = {path: path.lstat().st_uid for path in (folder / "by-link", folder / "by-name", folder / "run")}
    assert set(owners.values()) == {0}, owners
    assert (state / "history.jsonl").stat().st_uid == NOBODY.pw_uid


@pytest.mark.parametrize("step", ["state", "state/inner"])
def test_what_a_link_of_the_user_leads_to_is_not_handed_over(folder: Path, step: str) -> None:
    """Whoever has taken the user over may put a link where the state folder was, or on the way to it, and
    another where the log was: root must neither give away nor make what they lead to.
    """
    secret, ours = folder / "secret", folder / "log"
    (secret / "inner").mkdir(parents=True)
    for name in ("shadow", "inner/shadow"):
        (secret / name).write_text("root's")
    link, log = ours / "state", ours / "sessions.log"
    link.symlink_to(secret)
    log.symlink_to(secret / "made")
    for each in (link, log):
        os.lchown(each, NOBODY.pw_uid, NOBODY.pw_gid)
    config = wished({"n": ("127.0.0.1", 9)}, folder, user="nobody", state_dir=str(ours / step))
    hand_over(from_mapping(config), folder / "run/admin.sock", NOBODY.pw_uid, NOBODY.pw_gid)
    assert {path.lstat().st_uid for path in (secret, *secret.rglob("*"))} == {0}
    assert not (secret / "made").exists()


@pytest.mark.parametrize("user", [{}, {"user": "nobody"}], ids=["root", "nobody"])
def test_a_link_where_the_log_was_opens_no_other_file(folder: Path, user: dict[str, str]) -> None:
    """One that was taken over may leave it to the next, which may write the log and nothing else."""
    victim = folder / "victim"
    victim.touch(mode=0o666)
    (folder / "log/sessions.log").symlink_to(victim)
    config = wished({"n": ("127.0.0.1", 9)}, folder, **user)
    assert f"cannot write {folder}/log/sessions.log: Permission denied" in refused(config, folder)
    (folder / "log/sessions.log").unlink()
    (folder / "log/sessions.log").symlink_to("today.log")
    with as_root(config, folder):
        assert (folder / "log/today.log").exists()


def test_roots_own_link_is_the_way_to_a_state_folder(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "link").symlink_to("data")
    config = wished({"n": ("127.0.0.1", 9)}, folder, user="nobody", state_dir=str(folder / "link/state"))
    hand_over(from_mapping(config), folder / "run/admin.sock", NOBODY.pw_uid, NOBODY.pw_gid)
    owners = {path: path.stat().st_uid for path in (folder / "data", folder / "data/state", folder / "run")}
    assert list(owners.values()) == [0, NOBODY.pw_uid, NOBODY.pw_uid], owners


def test_a_low_port_needs_the_capability_still(folder: Path) -> None:
    """Given up at the start, a low port that comes later is refused with what to do."""
    low = low_address()
    with pbload.nodes("echo", name="n") as nodes:
        config = wished(nodes, folder, user="nobody")
        with as_root(config, folder) as command:
            config["listeners"]["in"]["bind"].append(f"{low}:80")
            command.rewrite(config)
            command.signal(SIGHUP)
            wait_until(lambda: command.said("apply-failed") or command.said("not applied"), "it is refused")
            assert not accepts((low, 80))
            assert served(command.address())
