"""`demo`: a balancer at work, in a quarter of a minute."""

from __future__ import annotations

import argparse
import asyncio
import signal

from protobalance.cli.demo.theatre import perform

EXAMPLE = "protobalance demo --once"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--once", action="store_true", help="end after the last act; exit code 1 if a client saw an error"
    )


def run(arguments: argparse.Namespace) -> int:
    asyncio.run(_until_a_signal(once=arguments.once))
    return 0


async def _until_a_signal(*, once: bool) -> None:
    """Ctrl-C, a closed terminal and a polite kill all end it alike: everything that was started is ended."""
    performance = asyncio.create_task(perform(once=once))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, performance.cancel)
    try:
        await performance
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
