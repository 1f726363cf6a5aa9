"""A load agent for `minimum-load-agent.toml`, to run on each node: whoever connects gets one line, the load
average of the last minute per processor, and is let go.

    python3 load_agent.py [ADDRESS] [PORT]
"""

import os
import socketserver
import sys


class Answer(socketserver.StreamRequestHandler):
    """One number and a line's end."""

    def handle(self) -> None:
        self.wfile.write(f"{os.getloadavg()[0] / (os.cpu_count() or 1):.3f}\n".encode())


class Agent(socketserver.ThreadingTCPServer):
    """Comes back at once after a restart."""

    allow_reuse_address = True


def main() -> None:
    """Answers until it is ended."""
    address = sys.argv[1] if len(sys.argv) > 1 else "0.0.0.0"  # noqa: S104 - or the address given
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 9999
    with Agent((address, port), Answer) as agent:
        agent.serve_forever()


if __name__ == "__main__":
    main()
