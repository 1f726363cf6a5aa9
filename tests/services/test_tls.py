"""TLS that ends here, and begins anew. docs/services/tls.md"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from peers.authority import Authority
from peers.certificate import Certificate
from peers.example import example
from peers.nginx import Nginx, nginx
from protobalance import Balancer


def with_files(table: Any, files: dict[str, Path]) -> Any:
    """The same example with other files in the place of those in /etc/protobalance; each of them is used."""
    match table:
        case dict():
            return {key: with_files(value, files) for key, value in table.items()}
        case list():
            return [with_files(value, files) for value in table]
        case str() if table.startswith("/etc/protobalance/"):
            return str(files[Path(table).name])
        case _:
            return table


def named(prefix: str, made: Certificate) -> dict[str, Path]:
    return {f"{prefix}.pem": made.file, f"{prefix}.key": made.key}


def fetched(balancer: Balancer, authority: Authority, name: str, *options: str) -> tuple[bytes, str]:
    """What curl got, and from which node."""
    host, port = balancer.address("https")
    command = ["curl", "-sS", "--fail", "--cacert", str(authority.file), "--resolve", f"{name}:{port}:{host}"]
    command += ["-w", "%{stderr}%header{x-node}", *options, f"https://{name}:{port}/small"]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=10)
    return answer.stdout, answer.stderr.decode()


def test_two_names_are_served_by_nodes_in_the_clear(authority: Authority, nginx: Nginx) -> None:
    files = named("shop", authority.signs("shop.example.org"))
    files |= named("tenants", authority.signs("*.example.net", file="tenants"))
    nodes = {f"web/{name}": nginx.nodes[name] for name in "ab"}
    with Balancer(with_files(example("tls-termination", nodes), files)) as balancer:
        for name in ("shop.example.org", "one.example.net"):
            served = {fetched(balancer, authority, name, "--http2")[1] for _ in nodes}
            assert served == {"a", "b"}
            assert fetched(balancer, authority, name)[0] == nginx.small


def test_tls_ends_and_begins_anew_with_certificates_of_all(authority: Authority, tmp_path: Path) -> None:
    inside, staff = Authority(tmp_path, "inside"), Authority(tmp_path, "staff")
    files = named("shop", authority.signs("shop.example.org")) | named("balancer", inside.signs("balancer"))
    files |= {"staff-ca.pem": staff.file, "inside-ca.pem": inside.file}

    def certify(folder: Path, name: str) -> Certificate:
        return inside.signs("web.internal", file=f"web-{name}")

    with nginx("ab", certify) as servers:
        nodes = {f"web/{name}": address for name, address in servers.secure.items()}
        with Balancer(with_files(example("tls-reencryption", nodes), files)) as balancer:
            name = "shop.example.org"
            mine = staff.signs("me.example.org")
            shown = ("--cert", str(mine.file), "--key", str(mine.key))
            assert {fetched(balancer, authority, name)[1] for _ in nodes} == {"a", "b"}
            assert fetched(balancer, authority, name, *shown)[0] == servers.small
            strange = inside.signs("me.example.org", file="strange")
            with pytest.raises(subprocess.CalledProcessError):
                fetched(balancer, authority, name, "--cert", str(strange.file), "--key", str(strange.key))
