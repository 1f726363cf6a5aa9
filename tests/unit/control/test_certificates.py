"""Files of certificates, before anything looks into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from protobalance import ConfigError
from protobalance.config import loads
from protobalance.control.certificates import LONGEST, read


def test_a_file_that_cannot_be_one_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "long.pem").write_bytes(b"x" * (LONGEST + 1))
    config = loads(f"""
[listeners.in]
bind = ":443"
cluster = "c"
tls = {{ certificates = {{ certificate = "{tmp_path}/long.pem", key = "{tmp_path}/none.key" }} }}
[clusters.c]
nodes.a = "10.0.0.1:80"
""")
    with pytest.raises(ConfigError) as refused:
        read(config, "x.toml", 0.0)
    long, absent = refused.value.problems
    assert f"longer than {LONGEST} bytes" in long.message
    assert "none.key: cannot be read: No such file" in absent.message
