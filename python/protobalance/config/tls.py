"""TLS as frozen values: with clients (it ends here) and with nodes (it begins here). Files are named, not
read: what they hold is for the control plane, each time a plan is made. See `model.py`."""

from typing import Annotated, Any, Literal

import msgspec

from protobalance.config.kinds import Boolean, Choice, Kind, Refused, Schema, Text, what_came
from protobalance.config.schema import Array, Key

PEM_FILE = "a PEM file's path"


class CertificateFiles(msgspec.Struct, frozen=True):
    """A certificate, with those that lead to its authority behind it, and its key."""

    certificate: str
    key: str


class CertificatePair(Kind):
    """An inline table of two paths."""

    words = 'a table such as { certificate = "shop.pem", key = "shop.key" }'

    def read(self, raw: object) -> CertificateFiles:
        if not isinstance(raw, dict):
            raise self.refusal(raw)
        if set(raw) != {"certificate", "key"}:
            named = ", ".join(map(str, raw)) or "no key"
            raise Refused(f"got a table with {named}, expected {self.words}")
        for name, value in raw.items():
            if not isinstance(value, str) or not value or not value.isprintable():
                raise Refused(f"got {name} = {what_came(value)}, expected {self.words}")
        return CertificateFiles(raw["certificate"], raw["key"])

    def write(self, value: Any) -> object:
        return {"certificate": value.certificate, "key": value.key}

    def schema(self) -> Schema:
        path: Schema = {"type": "string", "minLength": 1}
        return {
            "type": "object",
            "properties": {"certificate": path, "key": path},
            "required": ["certificate", "key"],
            "additionalProperties": False,
        }


class ListenerTls(msgspec.Struct, frozen=True):
    """TLS with the clients, which ends here: the nodes get what was inside."""

    certificates: Annotated[
        tuple[CertificateFiles, ...],
        Key(
            Array(CertificatePair(), lone=True),
            "Certificates and their keys, in PEM; paths are relative to the configuration's file. A client "
            "is shown the first one that is for the name it asks for, exactly or by a wildcard; who asks for "
            "no name, or for another, is shown the first.",
        ),
    ]
    client_ca: Annotated[
        str | None,
        Key(Text(PEM_FILE), "The authorities that sign the clients' certificates."),
    ] = None
    client_certificates: Annotated[
        Literal["off", "optional", "required"],
        Key(
            Choice("off", "optional", "required"),
            "Whether clients are asked for a certificate signed by `client_ca`, and whether one without is "
            "served. A wrong one never is.",
            "most services know their clients by other means",
        ),
    ] = "off"
    minimum_version: Annotated[
        Literal["1.2", "1.3"],
        Key(Choice("1.2", "1.3"), "The oldest version of TLS that is spoken.", "RFC 9325, 3.1.1"),
    ] = "1.2"
    alpn: Annotated[
        tuple[str, ...],
        Key(
            Array(Text("a protocol's name", longest=255), 'an array of protocols such as ["h2", "http/1.1"]'),
            "The protocols that the nodes speak, the most wanted first: clients that speak none of them are "
            "refused. With `tls` to the nodes, the one agreed on is asked of the node as well.",
            "only you know what the nodes speak",
        ),
    ] = ()


class ClusterTls(msgspec.Struct, frozen=True):
    """TLS with the nodes. The handshake is part of an attempt: a node that fails it is passed over."""

    server_name: Annotated[
        str | None,
        Key(
            Text("a host name or address", longest=253),
            "The name that the nodes' certificates must be for, and that the nodes are asked for. Without "
            "it, the host of each node's `address`.",
        ),
    ] = None
    ca: Annotated[
        str | None,
        Key(
            Text(PEM_FILE),
            "The authorities that sign the nodes' certificates. Without it, those that this system trusts.",
        ),
    ] = None
    certificate: Annotated[
        str | None, Key(Text(PEM_FILE), "A certificate of our own, for nodes that ask for one.")
    ] = None
    key: Annotated[str | None, Key(Text(PEM_FILE), "Its key.")] = None
    verify: Annotated[
        bool,
        Key(
            Boolean(),
            "Whether the nodes' certificates are looked at. Without that, anybody in between may read along.",
            "encryption to nobody knows whom protects nobody",
        ),
    ] = True
