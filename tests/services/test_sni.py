"""TLS nodes behind one address, told apart by the name that clients ask for. docs/services/sni-routing.md"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peers.example import example
from peers.nginx import Nginx
from peers.openssl import s_client, s_server
from protobalance import Balancer

WAYS = [
    ("shop.example.org", "b"),
    ("SHOP.Example.Org", "b"),
    ("one.example.net", "c"),
    ("example.net", "a"),
    ("a.b.example.net", "a"),
    ("www.example.org", "a"),
]


@pytest.fixture(scope="module")
def balancer(nginx: Nginx) -> Iterator[Balancer]:
    nodes = {"web/a": nginx.secure["a"], "shop/b": nginx.secure["b"], "tenants/c": nginx.secure["c"]}
    with Balancer(example("sni", nodes)) as running:
        yield running


@pytest.mark.parametrize(("name", "node"), WAYS)
def test_curl_reaches_the_node_of_the_name(balancer: Balancer, name: str, node: str) -> None:
    """Over HTTP/1.1 and HTTP/2."""
    host, port = balancer.address("https")
    for version in ("--http1.1", "--http2"):
        command = ["curl", "-sk", version, "--resolve", f"{name.lower()}:{port}:{host}", "-o", "/dev/null"]
        command += ["-w", "%header{x-node}", f"https://{name}:{port}/small"]
        assert subprocess.check_output(command, text=True, timeout=10) == node


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_sees_the_certificate_of_the_name(version: str) -> None:
    """Also one that names nothing."""
    with ExitStack() as stack:
        names = {"web/a": "a", "shop/b": "b", "tenants/c": "c"}
        nodes = {place: stack.enter_context(s_server(name)).address for place, name in names.items()}
        entry = stack.enter_context(Balancer(example("sni", nodes))).address("https")
        for options, node in ((["-servername", "shop.example.org"], "b"), (["-noservername"], "a")):
            said = s_client(entry, "hello", [version, *options])
            assert f"subject=CN = {node}\n" in said
            assert "olleh" in said


def test_what_speaks_no_tls_is_refused(balancer: Balancer) -> None:
    host, port = balancer.address("https")
    said = subprocess.run(
        ["curl", "-s", f"http://{host}:{port}/"], capture_output=True, check=False, timeout=10
    )
    assert said.returncode != 0
    assert not said.stdout
