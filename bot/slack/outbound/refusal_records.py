"""What becomes of messages that Slack refuses: kept for later, or given up; whoever waits for them
is told either way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.messages import OutboxEntry, UndeliveredMessage
from bot.slack.outbound.deliveries import Deliveries
from bot.slack.outbound.refusing_places import RefusingPlaces
from bot.slack.webapi.message_refusals import RefusalKind, classify_refusal

Undelivered = Callable[[UndeliveredMessage], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)


async def _tell_nobody(_message: UndeliveredMessage) -> None:
    pass


class RefusalRecords:
    """Records refusals of kept messages.

    `undelivered` is told of each message that is not shown now, unless somebody who waits for it
    hears of it anyway.
    """

    def __init__(self, deliveries: Deliveries, places: RefusingPlaces, jobs: Jobs) -> None:
        self._deliveries, self._places, self._jobs = deliveries, places, jobs
        self.undelivered: Undelivered = _tell_nobody

    async def record_refusal(
        self, entry: OutboxEntry, refusal: SlackError, *, keep: bool, told: bool
    ) -> bool:
        """Record the refusal of a message, and return whether it is kept for later.

        That holds, with `keep`, where the channel or the workspace takes nothing for now. `told`:
        somebody waits for it and hears of it.
        """
        kind = classify_refusal(refusal.code)
        kept = keep and kind in (RefusalKind.CHANNEL, RefusalKind.WORKSPACE)
        if kept:
            await self._deliveries.record_hold(entry, refusal.code)
        else:
            await self._deliveries.record_refusal(entry, refusal)
        if kept or not told:
            # Not awaited here: it may post, and this may be the queue that posts.
            everywhere = kind is RefusalKind.WORKSPACE
            message = UndeliveredMessage(entry, refusal.code, kept, everywhere)
            self._jobs.spawn(self.undelivered(message), "tell of a refusal")
        return kept

    async def hold_where_refused(self, entry: OutboxEntry) -> None:
        """Record that a message waits whose channel is known to take nothing for now."""
        if code := self._places.find_refusal(entry.channel):
            await self.record_refusal(
                entry, SlackError(code, "chat.postMessage"), keep=True, told=False
            )
