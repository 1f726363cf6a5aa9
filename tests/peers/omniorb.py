"""omniORB: nodes that serve one object under one key, omniNames, and clients that are asked to call.

The programs are small C++ in peers/iiop, compiled into `.make/iiop` when they have changed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peers.process import Address, Peer, accepts, running, text_of, workplace

SOURCES = Path(__file__).parent / "iiop"
BUILT = Path(__file__).parents[2] / ".make/iiop"


def built(program: str) -> str:
    """The program's path, compiled when it is older than what it is made from."""
    made = BUILT / program
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    if not made.exists() or made.stat().st_mtime < newest:
        BUILT.mkdir(parents=True, exist_ok=True)
        stubs = ["omniidl", "-bcxx", "-Wbh=.hh", "-Wbs=SK.cc", str(SOURCES / "teller.idl")]
        link = ["-lomniORB4", "-lomnithread", "-lpthread"]
        compiler = ["g++", "-O1", "-I.", "-o", program, str(SOURCES / f"{program}.cc"), "tellerSK.cc", *link]
        for command in (stubs, compiler):
            subprocess.run(command, cwd=BUILT, check=True)
    return str(made)


def _endpoints(at: Address, published: Address) -> list[str]:
    """Where an ORB listens, and what it writes into the references it makes."""
    return [
        "-ORBendPoint",
        f"giop:tcp:{text_of(at)}",
        "-ORBendPointPublish",
        f"giop:tcp:{text_of(published)}",
    ]


@contextmanager
def naming(at: Address, published: Address) -> Iterator[Peer]:
    """omniNames, which clients find at `published`."""
    with workplace("names") as folder:
        command = ["omniNames", "-always", "-start", str(at[1]), "-datadir", str(folder)]
        command += ["-ORBendPointPublish", f"giop:tcp:{text_of(published)}"]
        with running("names", command, lambda: accepts(at), folder) as peer:
            yield peer


@contextmanager
def teller(name: str, at: Address, published: Address, names: Address) -> Iterator[Peer]:
    """A node whose object is bound as `teller`; its reference is in its log."""
    with workplace(name) as folder:
        command = [built("server"), name, *_endpoints(at, published)]
        command += ["-ORBInitRef", f"NameService=corbaloc::{text_of(names)}/NameService"]
        log = folder / f"{name}.log"
        with running(name, command, lambda: log.exists() and "IOR:" in log.read_text(), folder) as peer:
            yield peer


class Caller:
    """A client with one reference, and so with one connection for all its calls."""

    def __init__(self, reference: str, *options: str) -> None:
        self._child = subprocess.Popen(
            [built("client"), reference, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        with self._child:
            self._child.kill()

    def call(self, text: str = "hello") -> str:
        """Who answered, or the exception that the client's program got."""
        assert self._child.stdin
        assert self._child.stdout
        print(text, file=self._child.stdin, flush=True)
        return self._child.stdout.readline().strip()
