"""Timer on APScheduler in memory, which wakes the slot runner at the time of each slot.

The ledger says what is due, and who does it; a wake-up too many or too late changes
nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger


async def set_wake_event(wake: asyncio.Event) -> None:
    """Set the event; the one job of the scheduler."""
    wake.set()


class Timer:
    """Sets `wake` at each of the times that were set. Must be made inside a running loop."""

    def __init__(self, wake: asyncio.Event) -> None:
        quiet = logging.getLogger("meshbot.timer")
        quiet.setLevel(logging.ERROR)
        # A wake-up may be as late as it likes, which APScheduler's own second of grace would drop.
        late = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=late, logger=quiet)
        self._wake = wake
        self._set: dict[str, datetime] = {}

    def start(self) -> None:
        """Start the scheduler."""
        self._scheduler.start()

    def set_times(self, times: Mapping[str, datetime]) -> None:
        """Replace the times by these, each under its name."""
        for name in self._set.keys() - times.keys():
            # A job that has fired is gone from the scheduler by itself.
            if self._scheduler.get_job(name) is not None:
                self._scheduler.remove_job(name)
        for name, at in times.items():
            if self._set.get(name) != at:
                self._scheduler.add_job(
                    set_wake_event, DateTrigger(at), [self._wake], id=name, replace_existing=True
                )
        self._set = dict(times)

    async def close(self) -> None:
        """Stop the scheduler."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
            # The shutdown is carried out in the loop's next turn (APScheduler 3.11).
            await asyncio.sleep(0)
