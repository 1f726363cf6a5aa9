"""The configuration as frozen values: what the file wishes, parsed once, validated, complete.

Durations are seconds (float), sizes bytes (int). Defaults stand here and in `cluster.py` and nowhere else,
and so does what is said of a key: its kind, its meaning, and why its default is what it is.
"""

from typing import Annotated, Literal

import msgspec

from protobalance.config.address_kinds import Bind, Prefix, ServerName
from protobalance.config.cluster import (
    AdminState,
    Affinity,
    Check,
    Cluster,
    LoadRating,
    Node,
    PolicyName,
)
from protobalance.config.ftp import Ftp
from protobalance.config.kinds import Boolean, Choice, Duration, Integer, LogTarget, Name, SocketPath, Text
from protobalance.config.schema import Array, Key, Named, Pairs, Table
from protobalance.config.tls import ListenerTls

__all__ = [
    "INCLUDE",
    "INCLUDED_FILES",
    "AdminConfig",
    "AdminState",
    "Affinity",
    "Check",
    "Cluster",
    "Config",
    "EngineConfig",
    "Ftp",
    "Listener",
    "LoadRating",
    "LogConfig",
    "Node",
    "PolicyName",
]

INCLUDED_FILES = Array(
    Text("a file's name or pattern"), 'an array of files or patterns such as ["conf.d/*.toml"]'
)
INCLUDE = Key(
    INCLUDED_FILES,
    "Files to merge into this one, table by table: relative to this file's folder and inside it. `*`, `?` "
    "and `[…]` match names, which are read in alphabetical order. The same key in two files is an error.",
)


class EngineConfig(msgspec.Struct, frozen=True):
    """The part that moves the bytes, and what it may use."""

    workers: Annotated[
        int,
        Key(
            Integer(0, 256, zero="one per core"),
            "Threads that carry sessions.",
            "a session never leaves its worker, so more workers than cores only take turns",
        ),
    ] = 0
    max_sessions: Annotated[
        int,
        Key(
            Integer(0, 10_000_000, zero="what the descriptor limit allows"),
            "Sessions at a time, over all listeners. At the limit new clients wait in the kernel's queue.",
            "the descriptor limit is the operator's word already",
        ),
    ] = 0
    state_dir: Annotated[
        str | None,
        Key(
            Text("a folder's path"),
            "Where affinity, redirects and states set at run time are kept; without it a restart loses them.",
            "nothing is written to a disk that was not named",
        ),
    ] = None
    grace: Annotated[
        float,
        Key(
            Duration("1ms", "7d", zero="end them at once"),
            "How long sessions may go on after SIGTERM.",
            "Kubernetes gives a container as long",
        ),
    ] = 30.0

    user: Annotated[
        str | None,
        Key(
            Text("a user's name or number", longest=64),
            "Whom a balancer started as root becomes before it binds anything. It keeps the capabilities "
            "that the configuration needs, and hands this user the state folder, the admin socket's folder "
            "and the session log.",
            "only you know who may read the configuration and its certificates",
        ),
    ] = None
    group: Annotated[
        str | None,
        Key(
            Text("a group's name or number", longest=64),
            "The group it becomes; it is in no other.",
            "the user's own group",
        ),
    ] = None
    confine: Annotated[
        bool,
        Key(
            Boolean(),
            "Whether `run` gives up what it does not need: files outside the folders it was started with "
            "(Landlock), other programs and most system calls (seccomp), new privileges, capabilities. "
            "`false` for load functions in Python that start programs or read files elsewhere.",
            "a balancer needs none of it, and whoever takes it over should not have it",
        ),
    ] = True


class AdminConfig(msgspec.Struct, frozen=True):
    """How the balancer is asked and told while it runs."""

    socket: Annotated[
        str | None,
        Key(
            SocketPath(),
            "The Unix socket on which the commands reach it, for its owner alone (mode 0600). `off`: there "
            "is no admin interface, and nothing of one is loaded: less memory, signals instead of commands, "
            "a restart instead of an upgrade.",
            "each user has a place of their own, which `run` announces",
        ),
    ] = None


class LogConfig(msgspec.Struct, frozen=True):
    """The session log: one line for each session that ended."""

    sessions: Annotated[
        str,
        Key(
            LogTarget(),
            'Where the lines go. A file is opened anew on SIGUSR1; one in the working folder is "./name".',
            "service managers collect it",
        ),
    ] = "stderr"
    format: Annotated[
        Literal["text", "json"],
        Key(
            Choice("text", "json"),
            "How a line looks.",
            "it is read by a person before it is read by a program",
        ),
    ] = "text"


class Listener(msgspec.Struct, frozen=True):
    """Sockets that clients connect to, feeding one cluster."""

    name: str
    bind: Annotated[
        tuple[str, ...],
        Key(
            Array(Bind(), lone=True),
            'Where to listen: one address and port, or an array. `"0.0.0.0:3000-3099"` is a range of ports, '
            '`":8080"` every address of both families, `"localhost:8080"` is 127.0.0.1. For port 0 the '
            "kernel chooses one, which `status` shows.",
        ),
    ]
    cluster: Annotated[str, Key(Name("cluster"), "The cluster it feeds. A redirect changes it at run time.")]
    protocol: Annotated[
        Literal["tcp", "tls", "ftp"],
        Key(
            Choice("tcp", "tls", "ftp"),
            "What the sessions speak. `tls`: the ClientHello is read for `server_names` before a node is "
            "chosen, and passed on untouched like all that follows; what is no TLS is refused. `ftp`: "
            "the replies to PASV and EPSV are rewritten, see `ftp`; every other byte passes as it is.",
            "bytes are passed on unread, whatever they say",
        ),
    ] = "tcp"
    server_names: Annotated[
        dict[str, str],
        Key(
            Pairs(
                ServerName(),
                Name("cluster"),
                'a table of clusters by name such as { "shop.example.org" = "shop", "*.example.org" = "a" }',
            ),
            "Clusters for TLS clients that ask for a name: the exact one first, then `*.` for one label. "
            "Without a name, or with any other, it is `cluster`; a redirect changes only that.",
            "all names lead to `cluster`",
        ),
    ] = {}
    ftp: Annotated[Ftp | None, Key(Table(Ftp), 'For `protocol = "ftp"`, which needs it.')] = None
    proxy_protocol: Annotated[
        Literal["off", "optional", "required"],
        Key(
            Choice("off", "optional", "required"),
            "Whether connections from `proxy_protocol_from` begin with a PROXY header (version 1 or 2) that "
            "says who the client is. `required`: nobody else may connect, and nothing else may come first. "
            "`optional`: others are served as they are, and their headers are not believed.",
            "most clients come without anybody in between",
        ),
    ] = "off"
    proxy_protocol_from: Annotated[
        tuple[str, ...],
        Key(
            Array(Prefix(), 'an array of addresses or prefixes such as ["10.0.0.5", "2001:db8::/32"]'),
            "The balancers and proxies in front whose PROXY headers are believed.",
            "anybody can send a header, so nobody's is believed unasked",
        ),
    ] = ()
    preface_timeout: Annotated[
        float,
        Key(
            Duration("1ms", "1h"),
            "How long a client may take for what must come before a node is chosen: a PROXY header, a TLS "
            "ClientHello.",
            "a header travels with the connection; the protocol's authors ask for at least 3 s",
        ),
    ] = 5.0
    tls: Annotated[
        ListenerTls | None,
        Key(Table(ListenerTls), "TLS with the clients, ended here; `preface_timeout` bounds the handshake."),
    ] = None
    idle_timeout: Annotated[
        float,
        Key(
            Duration(zero="never"),
            "A session on which neither side speaks for this long is ended.",
            "Envoy's default for TCP; database pools are quiet for minutes",
        ),
    ] = 3600.0
    first_byte_timeout: Annotated[
        float,
        Key(
            Duration(zero="never"),
            "A session on which nobody has spoken this long after it was opened is ended.",
            "a pooled connection may be opened long before it is needed",
        ),
    ] = 0.0
    half_close_timeout: Annotated[
        float,
        Key(
            Duration(zero="never"),
            "After one side has ended its direction, the other may stay silent this long.",
            "an answer may take as long as any other silence",
        ),
    ] = 3600.0
    max_sessions: Annotated[
        int,
        Key(
            Integer(0, 10_000_000, zero="no limit of its own"),
            "Sessions at a time. At the limit new clients wait in the kernel's queue.",
            "one limit is enough",
        ),
    ] = 0
    max_sessions_per_client: Annotated[
        int,
        Key(
            Integer(0, 1_000_000, zero="no limit"),
            "Sessions at a time of one client: an IPv4 address or an IPv6 /64. Beyond it the client's new "
            "connections are reset and counted as `refused`.",
            "many people may share an address, and only you know how many",
        ),
    ] = 0
    new_sessions_per_second_per_client: Annotated[
        int,
        Key(
            Integer(0, 10_000, zero="no limit"),
            "New sessions a second of one client, on average. Beyond it its new connections are reset and "
            "counted as `refused`.",
            "many people may share an address, and only you know how many",
        ),
    ] = 0
    new_session_burst_per_client: Annotated[
        int,
        Key(
            Integer(0, 1_000_000, zero="as many as its rate allows a second"),
            "New sessions that one client may open at once before its rate counts.",
            "a browser opens six connections at once",
        ),
    ] = 0
    new_sessions_per_second: Annotated[
        int,
        Key(
            Integer(0, 1_000_000, zero="as many as come"),
            "New sessions a second of all clients together. Beyond it they wait in the kernel's queue.",
            "only you know what the nodes can bear",
        ),
    ] = 0
    backlog: Annotated[
        int,
        Key(
            Integer(1, 65_535),
            "Connections that the kernel may hold before they are accepted; it caps this at `somaxconn`.",
            "Linux's `somaxconn` since 5.4",
        ),
    ] = 4096
    keepalive: Annotated[
        float,
        Key(
            # TCP_KEEPIDLE takes whole seconds up to 32,767.
            Duration("1s", "9h", zero="no probes"),
            "Silence after which the kernel probes the peer.",
            "boxes that translate addresses forget after 350 s",
        ),
    ] = 120.0
    user_timeout: Annotated[
        float,
        Key(
            # TCP_USER_TIMEOUT takes milliseconds in 31 bits.
            Duration("1ms", "24d", zero="the kernel's own limits"),
            "Sent data unacknowledged, or a closed window, for this long ends the connection.",
            "keepalive notices neither; the global default of RFC 9293, 3.9.1.1",
        ),
    ] = 300.0


class Config(msgspec.Struct, frozen=True):
    """The whole file."""

    listeners: Annotated[
        dict[str, Listener], Key(Named(Listener, "listener"), "Where clients connect; at least one.")
    ]
    clusters: Annotated[dict[str, Cluster], Key(Named(Cluster, "cluster"), "The nodes that serve them.")]
    engine: Annotated[EngineConfig, Key(Table(EngineConfig), EngineConfig.__doc__ or "")] = msgspec.field(
        default_factory=EngineConfig
    )
    admin: Annotated[AdminConfig, Key(Table(AdminConfig), AdminConfig.__doc__ or "")] = msgspec.field(
        default_factory=AdminConfig
    )
    log: Annotated[LogConfig, Key(Table(LogConfig), LogConfig.__doc__ or "")] = msgspec.field(
        default_factory=LogConfig
    )
