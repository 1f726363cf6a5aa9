"""What a listener with `protocol = "ftp"` must know, as frozen values. See `model.py`."""

from typing import Annotated

import msgspec

from protobalance.config.address_kinds import NumericAddress, Ports
from protobalance.config.kinds import Duration
from protobalance.config.schema import Key


class Ftp(msgspec.Struct, frozen=True):
    """Passive FTP with its replies rewritten. See [FTP](../services/ftp.md)."""

    data_ports: Annotated[
        str,
        Key(
            Ports(),
            "Where clients' data connections are awaited, at the address that the client knows us by: as "
            "many ports as there may be transfers that begin at a time. No listener may bind one of them.",
        ),
    ]
    public_address: Annotated[
        str | None,
        Key(
            NumericAddress(4),
            "What replies to PASV name, where clients reach the balancer by another address than it has "
            "itself. Replies to EPSV name none.",
        ),
    ] = None
    data_timeout: Annotated[
        float,
        Key(
            Duration("1s", "1h"),
            "How long a data connection is awaited after its announcement.",
            "a client connects at once, or has asked for nothing since",
        ),
    ] = 30.0
