"""Real servers for the whole run, each started when the first test asks for it; and their last words in the
report of a test that failed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from peers.authority import Authority
from peers.dovecot import Dovecot
from peers.dovecot import dovecot as run_dovecot
from peers.exim import exim as run_exim
from peers.mail_server import MailServer
from peers.nginx import Nginx
from peers.nginx import nginx as run_nginx
from peers.postfix import postfix as run_postfix
from peers.process import Peer, workplace
from peers.redis import Redis
from peers.redis import redis as run_redis
from peers.root import need_root


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for argument in getattr(item, "funcargs", {}).values():
            for one in argument if isinstance(argument, list) else [argument]:
                peer: Any = getattr(one, "peer", None)
                if isinstance(peer, Peer):
                    report.sections.append((f"log of {peer.name}", peer.log_tail()))
    return report


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs certificates for the tests of one file."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def nginx() -> Iterator[Nginx]:
    """Three web nodes."""
    with run_nginx(["a", "b", "c"]) as running:
        yield running


@pytest.fixture(scope="session")
def mail_servers() -> Iterator[list[MailServer]]:
    """Two Postfix and an Exim that take mail for anyone."""
    need_root("a mail server, whose parts run under several users,")
    with run_postfix("mx1") as one, run_postfix("mx2") as two, run_exim("mx3") as three:
        yield [one, two, three]


@pytest.fixture(scope="session")
def dovecots() -> Iterator[list[Dovecot]]:
    """Two servers of the same mailboxes."""
    need_root("a mail server, whose parts run under several users,")
    with workplace("mailboxes") as mail:
        mail.chmod(0o777)
        with run_dovecot("store1", mail) as one, run_dovecot("store2", mail) as two:
            yield [one, two]


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """One key-value store."""
    with run_redis() as running:
        yield running
