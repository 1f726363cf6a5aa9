"""One system a file, and the list of them."""

from __future__ import annotations

from conformance.system import System
from conformance.systems.direct import Direct
from conformance.systems.envoy import Envoy
from conformance.systems.haproxy import HAProxy
from conformance.systems.nginx import Nginx
from conformance.systems.pen import Pen
from conformance.systems.protobalance import ProtoBalance

SYSTEMS: tuple[System, ...] = (ProtoBalance(), HAProxy(), Nginx(), Envoy(), Pen(), Direct())
