"""`meshbot run`: the bot against a real workspace and a real cluster, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys

from bot.app import running
from bot.settings import Settings

log = logging.getLogger(__name__)

SWITCH = 0.0005
"""Seconds after which a thread that parses a large document must let the event loop go on (Python's default: 5 ms)."""


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serves until SIGINT or SIGTERM, then drains."""
    stop = stop_event()
    async with running(settings):
        stay_responsive()
        await stop.wait()
        log.info("stopping: runs get %.0f s to end", settings.drain_seconds)
    return 0


def stay_responsive() -> None:
    """For a process that serves: no pause of its own making is long enough to delay an acknowledgement.

    What start-up made stays for good, and a full garbage collection over it takes a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH)


def stop_event() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; a second one ends the process as usual."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once)
    return stop
