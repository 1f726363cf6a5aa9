"""Addresses as they are written. Where to listen is numeric; a node may have a name, resolved elsewhere.

Everything comes out in one canonical spelling, so that two ways to write an address compare equal.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

UNIX = "unix:"
UNIX_PATH_LIMIT = 107  # sun_path of unix(7), less its closing zero


class Malformed(Exception):  # noqa: N818 - an answer to the kind that asked, which says it to the operator
    """The text is no such address. Says why, and what was probably meant."""

    def __init__(self, why: str, meant: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.meant = meant


class PortRange(NamedTuple):
    """Ports of one address that a listener binds, both ends included. Port 0: the kernel chooses one."""

    host: str  # numeric, without brackets
    first: int
    last: int

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{bracketed(self.host)}:{ports}"

    def overlaps(self, other: PortRange) -> bool:
        """Whether both want the same port of the same address."""
        return (
            self.host == other.host
            and self.first != 0
            and self.first <= other.last
            and other.first <= self.last
        )


def bracketed(host: str) -> str:
    """The host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def parse_bind(text: str) -> tuple[PortRange, ...]:
    """Where to listen. `:8080` is every address of both families, `localhost` is 127.0.0.1."""
    host, port = _split(text)
    first, last = _ports(port)
    hosts = {"": ("0.0.0.0", "::"), "localhost": ("127.0.0.1",)}.get(host)  # noqa: S104 - as asked
    if hosts is None:
        numeric = numeric_host(host)
        if numeric is None:
            raise Malformed(f'"{host}" is not a numeric address of this machine')
        hosts = (numeric,)
    return tuple(PortRange(host, first, last) for host in hosts)


def parse_ports(text: str) -> tuple[int, int]:
    """A port, or a range of them: its first and its last."""
    first, last = _ports(text)
    if first == 0:
        raise Malformed("port 0 is no port")
    return first, last


def split_bind(text: str) -> PortRange:
    """One canonical entry of `Listener.bind`, taken apart."""
    return parse_bind(text)[0]


def parse_node_address(text: str) -> str:
    """Where a node is: `host:port` with a numeric host or a name, or `unix:/path`; canonical."""
    if text.startswith(UNIX):
        return _unix(text)
    host, port = _split(text)
    number = _port(port)
    if number == 0:
        raise Malformed("port 0 cannot be connected to")
    numeric = numeric_host(host)
    return f"{bracketed(numeric)}:{number}" if numeric else f"{_hostname(host)}:{number}"


# Every change asks it of every node, several times; as many as a large cluster has.
@lru_cache(maxsize=1 << 13)
def hostname_of(address: str) -> str | None:
    """The name in a node's address that must be resolved; None if it is numeric or a Unix socket."""
    if address.startswith(UNIX):
        return None
    host = split_host_port(address)[0]
    return host if numeric_host(host) is None else None


def parse_prefix(text: str) -> str:
    """A network as `address/bits`, or one address; canonical."""
    address, slash, bits = text.partition("/")
    numeric = numeric_host(address)
    if numeric is None:
        raise Malformed(f'"{address}" is not a numeric address')
    # Clients that come so are IPv4 to us: such a network would have nobody in it.
    mapped = ipaddress.IPv6Address(numeric).ipv4_mapped if ":" in numeric else None
    if not slash:
        if mapped:
            raise Malformed("an IPv4 address that is written as IPv6", str(mapped))
        return numeric
    most = 128 if ":" in numeric else 32
    if not (bits.isascii() and bits.isdigit() and len(bits) <= 3 and int(bits) <= most):
        raise Malformed(f'"{bits}" is not a number of bits from 0 to {most}')
    network = str(ipaddress.ip_network(f"{numeric}/{int(bits)}", strict=False))
    if network.partition("/")[0] != numeric:
        raise Malformed("bits behind the prefix are set", network)
    if mapped:
        raise Malformed("an IPv4 network that is written as IPv6", f"{mapped}/{int(bits) - 96}")
    return network


def split_host_port(address: str) -> tuple[str, int]:
    """A canonical `host:port`, taken apart; the host without brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def numeric_host(host: str) -> str | None:
    """The canonical spelling of a numeric address; None if it is none."""
    if (
        not host.isascii() or "%" in host
    ):  # scopes name interfaces of one machine: not portable, not supported
        return None
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]:")
        if not bracket or numeric_host(host) is None or ":" not in host:
            raise Malformed("brackets hold an IPv6 address and are followed by a colon and the port")
        return host, port
    if "://" in text:
        raise Malformed("a URL is no address", _without_scheme(text))
    host, colon, port = text.rpartition(":")
    if not colon:
        raise Malformed("the port is missing")
    if ":" in host:
        raise Malformed("an IPv6 address stands in brackets", _with_brackets(text))
    return host, port


def _without_scheme(text: str) -> str | None:
    bare = text.partition("://")[2].partition("/")[0]
    host, _, port = bare.rpartition(":")
    return bare if port.isdigit() and (numeric_host(host.strip("[]")) or is_server_name(host)) else None


def _with_brackets(text: str) -> str | None:
    host, _, port = text.rpartition(":")
    return f"[{host}]:{port}" if numeric_host(host) and port.isdigit() else None


def _ports(text: str) -> tuple[int, int]:
    first_text, dash, last_text = text.partition("-")
    first = _port(first_text)
    last = _port(last_text) if dash else first
    if last < first or (dash and first == 0):
        raise Malformed(f"the port range {text} does not run upwards from 1")
    return first, last


def _port(text: str) -> int:
    # Digits alone: what int() also takes ("+80", "8_0", other scripts) is no port anywhere else.
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise Malformed(f'"{text}" is not a port from 0 to 65535' if text else "the port is missing")
    return int(text)


def _unix(text: str) -> str:
    path = text.removeprefix(UNIX)
    if not path.startswith("/"):
        raise Malformed("the path of a Unix socket starts with /", f"unix:/{path}" if path else None)
    if len(path.encode()) > UNIX_PATH_LIMIT:
        raise Malformed(f"the path of a Unix socket has at most {UNIX_PATH_LIMIT} bytes")
    return text


def _hostname(host: str) -> str:
    """RFC 1123 names, with the underscores that internal zones use."""
    labels = host.removesuffix(".").split(".")
    if not all(map(_is_label, labels)) or len(host) > 253:
        raise Malformed(f'"{host}" is neither a numeric address nor a host name')
    if labels[-1].isdigit():
        raise Malformed(f'"{host}" is not an IPv4 address')
    return host.lower()


def is_server_name(name: str) -> bool:
    """Whether TLS clients can ask for it: a host's name, or `*.` before one."""
    labels = name.removeprefix("*.").split(".")
    return len(name) <= 253 and all(map(_is_label, labels))


def as_server_name(name: str) -> str | None:
    """A name in another script as clients send it (RFC 5891)."""
    star, bare = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        sent = star + bare.encode("idna").decode()
    except UnicodeError:
        return None
    return sent if is_server_name(sent) else None


def _is_label(label: str) -> bool:
    bare = label.replace("-", "").replace("_", "")
    edges = not (label.startswith("-") or label.endswith("-"))
    return 0 < len(label) <= 63 and edges and bare.isascii() and (bare.isalnum() or not bare)
