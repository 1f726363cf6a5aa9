"""What a balancer gives up before it serves, seen from outside; test_taken_over.py tries it from within."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from signal import SIGHUP, SIGKILL, SIGTERM, SIGUSR1

from peers import pbload
from peers.authority import table
from peers.certificate import Certificate, self_signed, shown_to, trusting_all
from peers.command import ended
from peers.confined import NOBODY, as_root, refused, served, threads, threads_of, wished
from peers.joined import PATIENCE
from peers.process import accepts, wait_until, workplace
from peers.wish import wish


def low_address() -> str:
    """An address of this machine's own whose ports below 1024 nobody has."""
    return f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}"


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


def test_a_state_folder_out_of_reach_is_refused(folder: Path) -> None:
    """Behind a folder that its user may not enter: what is kept there would be lost unseen."""
    closed = folder / "closed"
    closed.mkdir(mode=0)
    os.chown(closed, NOBODY.pw_uid, NOBODY.pw_gid)
    without_rights = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    state = closed / "in/state"
    config = wish({"n": ("127.0.0.1", 9)}) | {"engine": {"state_dir": str(state), "workers": 2}}
    assert f"{state} cannot be had: Permission denied" in refused(config, folder, *without_rights)


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


def test_without_root_it_is_confined_all_the_same(folder: Path) -> None:
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    user = ("setpriv", "--reuid=nobody", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    with pbload.nodes("echo", name="n") as nodes, as_root(wished(nodes, folder), folder, *user) as command:
        assert served(command.address())
        for thread in threads(command):
            assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2")
        assert command.status().confinement


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
