"""Bulk goes through pipes, unseen: every byte arrives, endings are passed on, and no program dies of it."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from peers.joined import PATIENCE, accepted, listening, reset
from peers.records import logged, records
from peers.wish import wish
from protobalance import Balancer

PIPE = 1024 * 1024  # the engine's
MANY = 48 * 1024 * 1024
BLOCK = bytes(range(256)) * 4096


def _send(connection: socket.socket) -> int:
    """Sends bulk until all of it is taken or the connection breaks; how much was."""
    sent = 0
    with suppress(OSError):
        while sent < MANY:
            sent += connection.send(BLOCK[sent % len(BLOCK) :])
    return sent


def _pipes() -> int:
    """This process's pipes that are as large as the engine's."""
    sizes = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            sizes.append(fcntl.fcntl(int(descriptor.name), fcntl.F_GETPIPE_SZ))
    return sizes.count(PIPE) // 2


def test_bulk_is_not_copied_and_arrives_whole() -> None:
    with listening() as server, Balancer(wish({"n": server.getsockname()[:2]})) as balancer:
        before = _pipes()
        client = socket.create_connection(balancer.address("in"), PATIENCE)
        node = accepted(server)
        for sender, reader in ((client, node), (node, client)):
            sending = threading.Thread(target=_send, args=(sender,))
            sending.start()
            received = 0
            while received < MANY:
                piece = reader.recv(PIPE)
                place = received % len(BLOCK)
                assert piece
                assert (BLOCK + BLOCK)[place : place + len(piece)] == piece
                received += len(piece)
            sending.join()
            assert _pipes() > before
        client.close()
        assert node.recv(1) == b""
        node.close()


def test_what_a_client_that_left_did_not_take_is_not_in_the_record(tmp_path: Path) -> None:
    """Bytes that were in a pipe when its sink failed were not delivered (law 13)."""
    log = tmp_path / "sessions.log"
    with listening() as server, Balancer(logged(wish({"n": server.getsockname()[:2]}), log)) as balancer:
        client = socket.create_connection(balancer.address("in"), PATIENCE)
        client.send(b"go")
        node = accepted(server)
        node.settimeout(0.3)  # for so long nothing is taken: the pipe is held
        sent = _send(node)
        reset(client)
        (record,) = records(log, 1)
        node.close()
    assert record["reason"] == "client-reset"
    assert 0 < record["bytes_to_client"] < sent < MANY


SCRIPT = """
import signal, socket, sys
from protobalance import Balancer
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
node = socket.create_server(("127.0.0.1", 0))
with Balancer({"listeners": {"in": {"bind": "127.0.0.1:0", "cluster": "c"}},
               "clusters": {"c": {"nodes": {"n": "127.0.0.1:%d" % node.getsockname()[1]}}}}) as balancer:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    for _ in range(20):
        client = socket.create_connection(balancer.address("in"))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server, _ = node.accept()
        server.settimeout(0.2)
        try:
            while True:
                server.send(bytes(1 << 20), socket.MSG_NOSIGNAL)
        except OSError:
            pass
        client.close()
        try:
            server.settimeout(10)
            while True:
                server.send(bytes(1 << 20), socket.MSG_NOSIGNAL)
        except OSError:
            pass
        server.close()
print("alive")
"""


def test_a_client_that_leaves_in_the_middle_kills_no_program() -> None:
    """Writing through a pipe cannot be told to spare us SIGPIPE, which a program may have left deadly."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "alive\n"), ran.stderr


INTERRUPTED = """
import signal, sys
from protobalance import Balancer
signal.signal(signal.SIGUSR1, lambda *_: None)
with Balancer({"listeners": {"in": {"bind": "127.0.0.1:0", "cluster": "c"}},
               "clusters": {"c": {"nodes": {"n": "127.0.0.1:" + sys.argv[1]}}}}) as balancer:
    print(balancer.address("in")[1], flush=True)
    sys.stdin.read()
"""


def test_signals_do_not_stop_bulk() -> None:
    """A signal, be it that of a stop and its end, may stop a write through a pipe while its sink has room:
    then nothing would tell of that room.
    """
    with listening() as server:
        command = [sys.executable, "-c", INTERRUPTED, str(server.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as balancer:
            assert balancer.stdout
            client = socket.create_connection(("127.0.0.1", int(balancer.stdout.readline())), PATIENCE)
            client.send(b"go")
            node = accepted(server)
            threads = [int(task.name) for task in Path(f"/proc/{balancer.pid}/task").iterdir()]
            over = threading.Event()

            def interrupt() -> None:
                while not over.is_set():
                    for thread in threads:
                        os.kill(thread, signal.SIGUSR1)  # which the kernel would give to that thread

            tasks = [threading.Thread(target=interrupt), threading.Thread(target=_send, args=(node,))]
            for task in tasks:
                task.start()
            try:
                received = 0
                while received < MANY:
                    received += len(client.recv(PIPE))
            finally:
                over.set()
                node.close()
                client.close()
                for task in tasks:
                    task.join()
            balancer.communicate()
