"""Certificates renewed while the balancer runs: for who comes next, and refused where they cannot serve."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peers import pbload
from peers.authority import Authority, table
from peers.certificate import Certificate, shown_to
from peers.joined import PATIENCE, read_exactly
from peers.process import Address
from peers.wish import wish, written
from protobalance import ConfigError
from protobalance.config import load
from protobalance.control.background import FilesRound
from protobalance.control.supervisor import Supervisor

NAME = "shop.test"


@contextmanager
def supervised(certificate: Certificate, path: Path) -> Iterator[tuple[Supervisor, Address]]:
    """A supervisor of a balancer with this certificate, in front of a node that echoes."""
    with pbload.nodes("echo") as nodes:
        config = wish(nodes)
        config["listeners"]["in"]["tls"] = {"certificates": table(certificate)}
        file = written(config, path)
        supervisor = Supervisor()
        supervisor.start(load(file), str(file), file)
        try:
            (address,) = supervisor.status().listeners[0].addresses
            host, _, port = address.rpartition(":")
            yield supervisor, (host, int(port))
        finally:
            supervisor.stop()


def connected(entry: Address, authority: Authority) -> ssl.SSLSocket:
    plain = socket.create_connection(entry, timeout=PATIENCE)
    return authority.trusting().wrap_socket(plain, server_hostname=NAME)


def shown(entry: Address, authority: Authority) -> str:
    with connected(entry, authority) as client:
        return shown_to(client)


def test_a_renewed_certificate_is_for_who_comes_next(authority: Authority, tmp_path: Path) -> None:
    """`apply` reads files again though the configuration says the same; open sessions go on."""
    first = authority.signs(NAME)
    before = first.fingerprint
    with supervised(first, tmp_path / "pb.toml") as (supervisor, entry), connected(entry, authority) as old:
        assert shown_to(old) == before
        assert not supervisor.apply().changed
        renewed = authority.signs(NAME)
        planned = [change.path for change in supervisor.plan().changes]
        assert planned == [f"file {first.file}", f"file {first.key}"]
        result = supervisor.apply()
        assert result.changed
        assert f"for {NAME}, valid until" in result.changes[0].after
        assert shown(entry, authority) == renewed.fingerprint != before
        old.sendall(b"still here")
        said = b""
        while not said.endswith(b"still here"):
            said += read_exactly(old, 1)
        told = "\n".join(line for entry in supervisor.history() for line in (entry.summary, *entry.details))
    assert "file" in told
    assert "BEGIN" not in told


def test_what_cannot_serve_is_refused_and_the_old_one_stays(authority: Authority, tmp_path: Path) -> None:
    pair = authority.signs(NAME)
    in_force, key = pair.fingerprint, pair.key.read_text()
    other = authority.signs("other.test")
    with supervised(pair, tmp_path / "pb.toml") as (supervisor, entry):
        for reason in (
            "is not the key of",
            "no private key",
            "cannot be read",
            "no certificate",
            "expired on",
        ):
            match reason:
                case "is not the key of":
                    pair.key.write_text(other.key.read_text())
                case "no private key":
                    pair.key.write_text("")
                case "cannot be read":
                    pair.key.unlink()
                case "no certificate":
                    pair.key.write_text(key)
                    pair.file.write_text("")
                case _:
                    authority.signs(NAME, days=-1)
            with pytest.raises(ConfigError, match=reason) as refused:
                supervisor.apply()
            supervisor.renew_certificates()
            assert str(pair.file.parent) in str(refused.value)
            assert "BEGIN" not in str(refused.value)
            assert shown(entry, authority) == in_force
        told = supervisor.history(1)[0]
        assert (told.subject, told.summary) == (
            "certificates",
            "not renewed, those read before stay in force",
        )
        (standing,) = (each for each in supervisor.status().warnings if "not renewed" in each)
        assert "expired on" in standing
        authority.signs(NAME)
        supervisor.renew_certificates()
        assert not any("not renewed" in each for each in supervisor.status().warnings)


def test_an_expired_certificate_serves_at_a_start_and_is_warned_about(
    authority: Authority, tmp_path: Path
) -> None:
    """None at all would help nobody. One that will expire is warned about a fortnight ahead."""
    for days, word in ((-1, "expired on"), (13, "expires on"), (90, "")):
        with supervised(authority.signs(NAME, days=days), tmp_path / "pb.toml") as (supervisor, entry):
            checked = supervisor.check()
            warnings = supervisor.status().warnings
            assert checked.ok
            assert any(word in each for each in warnings) == bool(word), warnings
            assert warnings == checked.warnings
            with connected(entry, authority) if days > 0 else pytest.raises(ssl.SSLCertVerificationError):
                if days < 0:
                    connected(entry, authority)


def test_files_are_read_once_they_stay_the_same(authority: Authority, tmp_path: Path) -> None:
    """A certificate whose key is still being written is nobody's business."""
    pair = authority.signs(NAME)
    with supervised(pair, tmp_path / "pb.toml") as (supervisor, entry):
        files = FilesRound(supervisor)
        before = pair.fingerprint
        asyncio.run(files.look())
        renewed = authority.signs(NAME)
        asyncio.run(files.look())
        assert shown(entry, authority) == before, "seen, and not yet for a whole round"
        asyncio.run(files.look())
        assert shown(entry, authority) == renewed.fingerprint
        generation = supervisor.running.generation
        asyncio.run(files.look())
        assert supervisor.running.generation == generation


def test_certificates_change_under_load_and_nobody_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Two clients all the time, thirty renewals."""
    failed: list[Exception] = []
    seen: set[str] = set()
    over = threading.Event()
    pair = authority.signs(NAME)
    made = [(pair.file.read_bytes(), pair.key.read_bytes())]
    for _ in range(3):
        again = authority.signs(NAME)
        made.append((again.file.read_bytes(), again.key.read_bytes()))

    def clients(entry: Address) -> None:
        while not over.is_set():
            try:
                seen.add(shown(entry, authority))
            except Exception as error:  # noqa: BLE001 - told below
                failed.append(error)

    with supervised(pair, tmp_path / "pb.toml") as (supervisor, entry):
        threads = [threading.Thread(target=clients, args=(entry,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(30):
            certificate, key = made[number % len(made)]
            pair.file.write_bytes(certificate)
            pair.key.write_bytes(key)
            supervisor.renew_certificates()
        over.set()
        for thread in threads:
            thread.join()
        generation = supervisor.running.generation
    assert not failed
    assert generation >= 30
    assert len(seen) > 1
