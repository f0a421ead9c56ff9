"""A process that only keeps schedules: run as a program by the tests that kill it.

Arguments: the database's URL, the name of this process, a file to which each slot is written when
it begins and when it has ended, a file that names the processes that are gone, and Slack's URL.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.catalog import Catalog
from bot.language import Localizer
from bot.ledger import Ledger, Schedule, SlotResult
from bot.schedule import (
    Limits,
    ScheduleMessages,
    ScheduleService,
    SlotCallbacks,
    SlotOutcome,
    SlotRunner,
)
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.steps import SlotContext
from bot.text import Text
from handlers import STEPS

TAKES = 0.05
"""Seconds that a slot takes, in which its process may be killed."""


async def main(url: str, owner: str, diary: Path, gone: Path, slack: str) -> None:
    """Keeps schedules until it is killed."""
    ledger = await Ledger.open(url)
    catalog = Catalog(STEPS)
    # Slack refuses each message at once. One that cannot be reached would be tried again for many
    # seconds, and a pass that ends schedules waits for each of their messages.
    channel_messages = SlackChannelMessages(AsyncWebClient(base_url=slack))
    schedule_service = ScheduleService(
        ledger.timetable,
        ScheduleMessages(ledger.timetable, channel_messages, catalog, Localizer()),
        owner=owner,
        zone="UTC",
        limits=Limits(),
    )
    file = os.open(diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def carry_out(schedule: Schedule, occasion: SlotContext) -> SlotOutcome:
        slot = f"{schedule.id} {datetime.fromtimestamp(occasion.at, UTC).isoformat()} {owner}"
        os.write(file, f"begun {slot}\n".encode())
        await asyncio.sleep(TAKES)
        os.write(file, f"ended {slot}\n".encode())
        return SlotOutcome(SlotResult("done", Text("well")))

    async def absent() -> Collection[str]:
        return (await asyncio.to_thread(gone.read_text)).split()

    slot_runner = SlotRunner(
        ledger.timetable,
        ledger.slots,
        schedule_service,
        SlotCallbacks(catalog.get_recurrence, carry_out, absent),
        owner=owner,
    )
    slot_runner.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5]))
