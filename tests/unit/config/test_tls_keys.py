"""What the keys of TLS say to each other, and what of them reaches the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protobalance import ConfigError
from protobalance.config import load, loads
from protobalance.config.advice import advise
from protobalance.config.plan import compile_plan

PAIR = '{ certificate = "a.pem", key = "a.key" }'


def text(listener: str = "", cluster: str = "", node: str = "db.internal:443") -> str:
    return (
        f'[listeners.in]\nbind = ":443"\ncluster = "c"\n{listener}\n'
        f'[clusters.c]\n{cluster}\nnodes = {{ a = "{node}" }}\n'
    )


@pytest.mark.parametrize(
    ("listener", "cluster", "node", "said"),
    [
        (f'tls = {{ certificates = {PAIR}, client_ca = "ca" }}', "", "h:1", "client_ca has no effect"),
        (
            f'tls = {{ certificates = {PAIR}, client_certificates = "required" }}',
            "",
            "h:1",
            "needs client_ca",
        ),
        (f'protocol = "tls"\ntls = {{ certificates = {PAIR} }}', "", "h:1", "leave one of them out"),
        (
            'server_names = { "a.test" = "c" }',
            "",
            "h:1",
            "(TLS passes) or a tls table",
        ),
        ("tls = { certificates = [] }", "", "h:1", "got an empty array"),
        ("tls = {}", "", "h:1", "certificates: missing"),
        ("", 'tls = { certificate = "a" }', "h:1", "needs key beside it"),
        ("", 'tls = { key = "a" }', "h:1", "needs certificate beside it"),
        ("", 'tls = { ca = "a", verify = false }', "h:1", "ca has no effect"),
        ("", "tls = true", "unix:/run/a", "needs server_name: the Unix sockets of a"),
        (
            'protocol = "ftp"\nftp = { data_ports = "3000-3009" }',
            "tls = true",
            "h:1",
            "needs nodes in the clear",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(listener: str, cluster: str, node: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loads(text(listener, cluster, node))
    assert said in str(refused.value)


def test_a_plan_carries_what_the_files_hold_and_whose_certificate_to_expect() -> None:
    config = loads(text(f"tls = {{ certificates = {PAIR} }}", "tls = true"))
    plan = json.loads(compile_plan(config, files={"a.pem": "PEM", "a.key": "KEY"}))
    (listener,), (cluster,) = plan["listeners"], plan["clusters"]
    assert listener["tls"]["certificates"] == [
        {"certificate": {"file": "a.pem", "pem": "PEM"}, "key": {"file": "a.key", "pem": "KEY"}}
    ]
    assert listener["preface"]["timeout_ms"] == 5000
    assert cluster["tls"] == {"ca": None, "certificate": None, "verify": True}
    assert cluster["nodes"][0]["server_name"] == "db.internal"


def test_who_looks_at_no_certificate_is_warned() -> None:
    assert advise(loads(text("", "tls = true"))) == []
    (warning,) = advise(loads(text("", "tls = { verify = false }")))
    assert warning.startswith("clusters.c.tls.verify: is false")


def test_pem_files_are_beside_the_configuration(tmp_path: Path) -> None:
    """Wherever the program was started: also one that starts it again may stand elsewhere."""
    file = tmp_path / "balancer.toml"
    listener = f'tls = {{ certificates = {PAIR}, client_ca = "/etc/ca", client_certificates = "required" }}'
    file.write_text(text(listener, 'tls = { ca = "nodes/ca", certificate = "c", key = "k" }'))
    config = load(file)
    inward, outward = config.listeners["in"].tls, config.clusters["c"].tls
    assert inward is not None
    assert outward is not None
    assert inward.certificates[0].certificate == f"{tmp_path}/a.pem"
    assert inward.certificates[0].key == f"{tmp_path}/a.key"
    assert inward.client_ca == "/etc/ca"
    assert (outward.ca, outward.certificate, outward.key) == tuple(
        f"{tmp_path}/{name}" for name in ("nodes/ca", "c", "k")
    )
