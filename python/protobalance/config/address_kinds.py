"""Kinds of addresses, ports and names of hosts. What is one, `addresses.py` knows; a refusal is worded here.

Values are canonical text, so that two ways to write an address compare equal; an agent's stands as written.
"""

from __future__ import annotations

from typing import Literal

from protobalance.config import addresses
from protobalance.config.kinds import Kind, Refused, Schema, what_came


class _Parsed(Kind):
    """Text that `addresses.py` takes apart."""

    def unparsed(self, raw: str, malformed: addresses.Malformed, meant: str | None = None) -> Refused:
        """Why it could not."""
        return Refused(f"got {what_came(raw)}: {malformed.why}; expected {self.words}", meant)


class Bind(_Parsed):
    """An address and its ports to listen on. One entry may stand for an address of each family."""

    words = 'an address to listen on such as "0.0.0.0:8080", "[::1]:8080", ":8080" or "127.0.0.1:30000-30099"'

    def read(self, raw: object) -> tuple[str, ...]:
        if not isinstance(raw, str):
            is_port = isinstance(raw, int) and 0 < raw <= 65_535
            raise self.refusal(raw, f":{raw}" if is_port else None)
        try:
            return tuple(map(str, addresses.parse_bind(raw)))
        except addresses.Malformed as malformed:
            is_port = raw.isascii() and raw.isdigit() and len(raw) <= 5
            meant = malformed.meant or (f":{raw}" if is_port else None)
            raise self.unparsed(raw, malformed, meant) from None

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^.*:[0-9]+(-[0-9]+)?$"}


class Ports(_Parsed):
    """A range of ports, both ends included."""

    words = 'a port or a range of ports such as "30000-30099"'

    def read(self, raw: object) -> str:
        if not isinstance(raw, str):
            raise self.refusal(raw, str(raw) if isinstance(raw, int) and 0 < raw <= 65_535 else None)
        try:
            first, last = addresses.parse_ports(raw)
        except addresses.Malformed as malformed:
            raise self.unparsed(raw, malformed) from None
        return str(first) if first == last else f"{first}-{last}"

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9]+(-[0-9]+)?$"}


class NumericAddress(Kind):
    """An address alone, of either family or of one."""

    def __init__(self, version: Literal[4, 6, None] = None) -> None:
        self.version = version
        family = f"IPv{version}" if version else "numeric"
        article = "an" if version else "a"
        example = "2001:db8::7" if version == 6 else "192.0.2.7"
        self.words = f'{article} {family} address such as "{example}"'

    def read(self, raw: object) -> str:
        numeric = addresses.numeric_host(raw) if isinstance(raw, str) else None
        if numeric is None or (self.version and (":" in numeric) != (self.version == 6)):
            raise self.refusal(raw)
        return numeric

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9a-fA-F:.]+$"}


class NodeAddress(_Parsed):
    """Where a node is: a host and a port, or a Unix-domain socket."""

    words = (
        'an address such as "10.0.0.1:80", "[2001:db8::1]:80", "db.internal:5432" or "unix:/run/app.socket"'
    )

    def read(self, raw: object) -> str:
        if not isinstance(raw, str) or not raw.isprintable():
            raise self.refusal(raw)
        try:
            return addresses.parse_node_address(raw)
        except addresses.Malformed as malformed:
            raise self.unparsed(raw, malformed, malformed.meant) from None

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^(.+:[0-9]+|unix:/.+)$"}


class Prefix(_Parsed):
    """Addresses of one network: `10.0.0.0/8`, or one of them."""

    words = 'an address or a prefix such as "10.0.0.5", "10.0.0.0/8" or "2001:db8::/32"'

    def read(self, raw: object) -> str:
        if not isinstance(raw, str):
            raise self.refusal(raw)
        try:
            return addresses.parse_prefix(raw)
        except addresses.Malformed as malformed:
            raise self.unparsed(raw, malformed, malformed.meant) from None

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$"}


class ServerName(Kind):
    """A name that TLS clients ask for, or all names one label below another."""

    words = 'a server name such as "shop.example.org" or "*.example.org"'

    def read(self, raw: object) -> str:
        if not isinstance(raw, str):
            raise self.refusal(raw)
        name = raw.removesuffix(".").lower()
        if not addresses.is_server_name(name):
            raise self.refusal(raw, addresses.as_server_name(name))
        return name

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^(\*\.)?[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*\.?$"}


class Agent(_Parsed):
    """Where a node reports its load. `{host}` stands for the node's own host."""

    words = 'an agent\'s address such as "tcp://{host}:9999" or "http://{host}:9999/load"'

    def read(self, raw: object) -> str:
        if not isinstance(raw, str) or not raw.isascii() or not raw.isprintable() or " " in raw:
            raise self.refusal(raw)
        scheme, separator, rest = raw.partition("://")
        address, slash, _ = rest.partition("/")
        if scheme not in {"tcp", "http"} or not separator or (scheme == "tcp" and slash):
            raise self.refusal(raw)
        try:
            addresses.parse_node_address(address.replace("{host}", "host"))
        except addresses.Malformed as malformed:
            raise self.unparsed(raw, malformed) from None
        return raw

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^(tcp://[^/]+|http://[^/]+(/.*)?)$"}
