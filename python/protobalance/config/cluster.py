"""A cluster as frozen values: its nodes, how one is chosen, what counts as their failure. See `model.py`."""

from typing import Annotated, Literal, get_args

import msgspec

from protobalance.config.address_kinds import Agent, NodeAddress, NumericAddress, Ports
from protobalance.config.kinds import (
    STATISTICS,
    Boolean,
    Choice,
    Duration,
    Expression,
    Function,
    Integer,
    Name,
    Text,
)
from protobalance.config.schema import Array, Key, Named, Table
from protobalance.config.tls import ClusterTls

PolicyName = Literal[
    "round-robin",
    "random",
    "connection-rate",
    "traffic-rate",
    "minimum-load",
    "client-hash",
    "least-sessions",
    "two-choices",
]
AdminState = Literal["available", "draining", "offline"]


class LoadRating(msgspec.Struct, frozen=True):
    """Where the numbers for `minimum-load` come from: exactly one of `expression`, `function` and `agent`."""

    expression: Annotated[
        str | None,
        Key(
            Expression(),
            "Arithmetic (`+ - * /`, `min`, `max`, parentheses) that the engine does at each choice, over "
            f"the node's statistics: {', '.join(f'`{name}`' for name in STATISTICS)}.",
        ),
    ] = None
    function: Annotated[
        str | None,
        Key(Function(), "A Python function `module:function`, called every `interval`; never waited for."),
    ] = None
    agent: Annotated[
        str | None,
        Key(
            Agent(),
            "Where each node reports its own number, asked every `interval`: one line over TCP, or JSON over "
            "HTTP. `{host}` stands for the node's host.",
        ),
    ] = None
    interval: Annotated[
        float,
        Key(
            Duration("100ms", "1h"),
            "How often the function or the agents are asked.",
            "loads that are averaged over seconds do not change faster",
        ),
    ] = 1.0
    timeout: Annotated[
        float,
        Key(
            Duration("1ms", "1h"),
            "An answer later than this is a failure.",
            "the next question is due by then",
        ),
    ] = 1.0
    ttl: Annotated[
        float,
        Key(
            Duration("100ms", "1d"),
            "A rating older than this is ignored, as if the node had none.",
            "ten missed answers are no accident",
        ),
    ] = 10.0


class Affinity(msgspec.Struct, frozen=True):
    """Same client, same node. A client is an address, or the leading bits of one."""

    idle: Annotated[
        float,
        Key(
            Duration("1s", "3650d"),
            "A client unseen for this long is forgotten.",
            "longer than a holiday",
        ),
    ] = 30 * 86400.0
    capacity: Annotated[
        int,
        Key(
            Integer(1, 100_000_000),
            "Clients that are remembered; beyond it the longest unseen is forgotten.",
            "a million take at most 100 MB",
        ),
    ] = 1_000_000
    prefix_v4: Annotated[
        int,
        Key(Integer(1, 32), "Leading bits of an IPv4 address that make a client.", "one address, one client"),
    ] = 32
    prefix_v6: Annotated[
        int,
        Key(
            Integer(1, 128),
            "Leading bits of an IPv6 address that make a client.",
            "one subscriber has a /64 and moves about in it (RFC 8981)",
        ),
    ] = 64
    on_failover: Annotated[
        Literal["return", "move"],
        Key(
            Choice("return", "move"),
            "When the client's node could not take it: `return` to it once it is back, or `move` for good.",
            "a short failure does not scatter the clients for a month",
        ),
    ] = "return"


class Check(msgspec.Struct, frozen=True):
    """An active check: a TCP connect, on a timer. Never needed for failover."""

    interval: Annotated[
        float,
        Key(Duration("100ms", "1d"), "How often each node is connected to.", "the same as `retry_interval`"),
    ] = 5.0
    timeout: Annotated[
        float,
        Key(
            Duration("1ms", "1h"), "A connect that takes longer has failed.", "the same as `connect_timeout`"
        ),
    ] = 2.0


class Node(msgspec.Struct, frozen=True):
    """One server of a cluster. `a = "10.0.0.1:80"` is short for a table with the address alone."""

    name: str
    address: Annotated[
        str,
        Key(
            NodeAddress(),
            'Where it is: `"10.0.0.1:80"`, `"[2001:db8::1]:80"`, `"db.internal:5432"` (looked up every '
            '`resolve_interval`) or `"unix:/run/app.socket"`.',
        ),
    ]
    weight: Annotated[
        int,
        Key(
            Integer(0, 256, zero="takes clients only as a fallback"),
            "Its share of the load, relative to the other nodes'. While it cannot take clients (draining, "
            "offline, down, full), the first of its `fallbacks` that can has its share as well.",
            "equal shares",
        ),
    ] = 1
    fallbacks: Annotated[
        tuple[str, ...],
        Key(
            Array(Name("node"), "an array of names of nodes of this cluster"),
            "Nodes of the same cluster that take over when it cannot, in order; after them, the others. "
            "A session whose attempt fails tries them next. While it is known that it cannot, the first that "
            "can inherits its weight; with `client-hash`, its clients. Their own fallbacks inherit nothing: "
            "write the whole chain. A weight with those inherited ends at 511.",
            "without a wish any node is as good as the next",
        ),
    ] = ()
    admin_state: Annotated[
        AdminState,
        Key(
            Choice(*get_args(AdminState)),
            "`available` takes clients; `draining` takes none and keeps its sessions; `offline` ends them.",
            "a node is listed to be used",
        ),
    ] = "available"
    max_sessions: Annotated[
        int,
        Key(
            Integer(0, 10_000_000, zero="no limit"),
            "Sessions at a time; a full node is passed over.",
            "one limit is enough",
        ),
    ] = 0
    ports: Annotated[
        str | None,
        Key(
            Ports(),
            "The listeners' ports that are this node's alone. Whoever connects to one of them goes to this "
            "node, at the same port, whatever the client's address, its home or the policy say; also while "
            "the node is draining. Such a session has no failover and blames nobody. For "
            "[passive FTP](../services/ftp.md).",
        ),
    ] = None


class Cluster(msgspec.Struct, frozen=True):
    """A set of interchangeable nodes, and how one is chosen."""

    name: str
    nodes: Annotated[
        dict[str, Node],
        Key(
            Named(Node, "node", shorthand="address"),
            "Its nodes by name, at least one, in the order they are chosen.",
        ),
    ]
    policy: Annotated[
        PolicyName,
        Key(
            Choice(*get_args(PolicyName)),
            "How the next node is chosen.",
            "what nginx, HAProxy and Envoy do unasked",
        ),
    ] = "round-robin"
    hash_key: Annotated[
        str,
        Key(
            Text("any text", least=0, longest=256),
            "For `client-hash`: balancers with the same key give the same client the same node. Empty: the "
            "cluster's name.",
            "balancers with the same file agree",
        ),
    ] = ""
    rate_window: Annotated[
        float,
        Key(
            Duration("100ms", "1h"),
            "For `connection-rate` and `traffic-rate`: the time in which a rate falls to 1/e.",
            "long enough to see a pattern, short enough to follow it",
        ),
    ] = 10.0
    load_rating: Annotated[
        LoadRating | None,
        Key(Table(LoadRating), "For `minimum-load`, which needs it: where load ratings come from."),
    ] = None
    connect_timeout: Annotated[
        float,
        Key(
            Duration("1ms", "1h"),
            "How long one attempt at a node may take.",
            "one lost SYN is sent again after 1 s and so survived",
        ),
    ] = 2.0
    failover_timeout: Annotated[
        float,
        Key(
            Duration("1ms", "1h"),
            "How long all attempts of one session may take together.",
            "people and programs give up at about that time",
        ),
    ] = 10.0
    retry_interval: Annotated[
        float,
        Key(
            Duration("1ms", "1d"),
            "How long a node that failed is left alone before one client tries it again.",
            "a service restarts in seconds",
        ),
    ] = 5.0
    early_close_window: Annotated[
        float,
        Key(
            Duration("1ms", "1h", zero="only a reset or a refusal is a failure"),
            "A node that closes so soon after connecting, before any byte, has failed.",
            "later it is more likely the node's own idle limit",
        ),
    ] = 2.0
    first_contact_pause: Annotated[
        float,
        Key(
            Duration("1ms", "1h", zero="they go at once"),
            "How long a client's first bytes wait at a node that has not proven itself: since the start, "
            "since it failed, or since it ended a session without an answer. If it ends meanwhile, as a "
            "proxy does whose service is gone, the session moves on and nothing was lost. Its first answer "
            "ends the wait.",
            "a broken node ends at once; nobody notices the pause",
        ),
    ] = 0.02
    replay_unanswered: Annotated[
        bool,
        Key(
            Boolean(),
            "Whether bytes already written to a node that gave no answer may be written to another one.",
            "only the protocol's owner knows whether a request may be carried out twice",
        ),
    ] = False
    send_proxy_protocol: Annotated[
        Literal["off", "v1", "v2"],
        Key(
            Choice("off", "v1", "v2"),
            "Send each node a PROXY header of this version before anything else: it names the client and "
            "where that connected to. The nodes must expect it.",
            "a node that does not expect a header takes it for the client's words",
        ),
    ] = "off"
    tls: Annotated[
        ClusterTls | None,
        Key(Table(ClusterTls, switch=True), "TLS with the nodes. `true` for the defaults."),
    ] = None
    affinity: Annotated[
        Affinity | None, Key(Table(Affinity, switch=True), "Same client, same node. `true` for the defaults.")
    ] = None
    check: Annotated[
        Check | None,
        Key(Table(Check, switch=True), "Connect to the nodes now and then. `true` for the defaults."),
    ] = None
    source_addresses: Annotated[
        tuple[str, ...],
        Key(
            Array(NumericAddress(), 'an array of addresses of this machine such as ["10.0.0.7", "10.0.0.8"]'),
            "Addresses that connections to the nodes come from, in turn: each has the kernel's whole range "
            "of ports to each node. For nodes of a family that none of them has, the kernel chooses. See "
            "[sources](../services/sources.md).",
            "the kernel knows by which address a node is reached",
        ),
    ] = ()
    transparent: Annotated[
        bool,
        Key(
            Boolean(),
            "Whether connections to the nodes come from the client's own address. Needs `CAP_NET_RAW`, and "
            "nodes whose answers come back through this machine. See [sources](../services/sources.md).",
            "it needs a network that is made for it",
        ),
    ] = False
    resolve_interval: Annotated[
        float,
        Key(
            Duration("1s", "1d"),
            "How often the names of nodes are looked up again.",
            "a usual short TTL in DNS",
        ),
    ] = 30.0
