"""`meshbot run`: the bot against a real workspace and a real cluster, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys

from bot.app import run_bot
from bot.settings import Settings

log = logging.getLogger(__name__)

SWITCH = 0.0005
"""Seconds after which a thread that parses a large document must let the event loop go on (Python's
default: 5 ms)."""


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM, then drain; return the exit code."""
    stop = create_stop_event()
    async with run_bot(settings):
        avoid_long_pauses()
        await stop.wait()
        log.info("stopping: runs get %.0f s to end", settings.drain_seconds)
    return 0


def avoid_long_pauses() -> None:
    """Keep pauses of the process's own making too short to delay an acknowledgement.

    Objects made at start-up stay for good, and a full garbage collection over them takes a
    tenth of a second each time.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH)


def create_stop_event() -> asyncio.Event:
    """Return an event that the first SIGINT or SIGTERM sets.

    A second one ends the process as usual.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once)
    return stop
