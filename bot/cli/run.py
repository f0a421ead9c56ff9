"""`meshbot run`: the bot against a real workspace and a real cluster, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from bot.app import running
from bot.settings import Settings

log = logging.getLogger(__name__)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serves until SIGINT or SIGTERM, then drains."""
    stop = stop_event()
    async with running(settings):
        await stop.wait()
        log.info("stopping: runs get %.0f s to end", settings.drain_seconds)
    return 0


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
