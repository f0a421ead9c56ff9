"""Tells those who wait of messages that Slack does not take: directly, where a channel cannot."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.errors import SlackError
from bot.language import Localizer
from bot.ledger import SCHEDULE, Ledger, Run, RunState, parse_message_key
from bot.messages import ChannelMessages, Message, Place, Reply, UndeliveredMessage
from bot.view.refusal_notes import render_undelivered_message

REPLY_SECONDS = 29 * 60.0
"""How long the reply to a command is kept: Slack takes answers to it for half an hour."""

MOST_REMEMBERED = 1_000
"""Replies that are kept, and runs of which it is remembered that somebody was told."""

log = logging.getLogger(__name__)


class RunReplies:
    """The replies to those who began runs, for as long as they can be used."""

    def __init__(self) -> None:
        self._replies: OrderedDict[str, tuple[float, Reply]] = OrderedDict()

    def remember(self, run_id: str, reply: Reply) -> None:
        """Keep the reply to the command that began a run."""
        self._replies[run_id] = (asyncio.get_running_loop().time(), reply)
        while len(self._replies) > MOST_REMEMBERED:
            self._replies.popitem(last=False)

    def find(self, run_id: str) -> Reply | None:
        """Return the reply to who began the run, None when it cannot be used any more."""
        since, reply = self._replies.get(run_id, (0.0, None))
        age = asyncio.get_running_loop().time() - since
        return reply if reply is not None and age < REPLY_SECONDS else None


@dataclass(frozen=True)
class UndeliveredNotices:
    """Tells the asker of a run, or the maker of a schedule, what their channel does not show.

    `pause_schedule` is called with the id of a schedule whose channel takes nothing, and the code.
    """

    ledger: Ledger
    channel_messages: ChannelMessages
    say: Localizer
    pause_schedule: Callable[[str, str], Awaitable[None]]
    replies: RunReplies = field(default_factory=RunReplies)
    _told: OrderedDict[str, None] = field(default_factory=OrderedDict, init=False)

    async def handle_undelivered(self, message: UndeliveredMessage) -> None:
        """Tell who waits for a message that is not shown now. Raises LedgerError."""
        owner = parse_message_key(message.entry.place.key)
        if owner is None:
            return
        if owner.kind == SCHEDULE:
            # Where nothing is taken at all, the schedule is not at fault and goes on.
            if not message.everywhere:
                await self.pause_schedule(owner.id, message.code)
            return
        run = await self.ledger.run_queries.get_run(owner.id)
        # What goes on is told of at its end.
        if run is not None and run.state is not RunState.RUNNING:
            await self.tell_asker(run, message.entry.message, message.code, kept=message.kept)

    async def tell_asker(self, run: Run, message: Message, code: str, *, kept: bool) -> None:
        """Show who asked for a run the message that their channel does not show, once."""
        key = f"told:run:{run.id}:{run.state}"
        if key in self._told:
            return
        self._told[key] = None
        while len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        shown = render_undelivered_message(
            self.say,
            message,
            channel=run.channel,
            code=code,
            kept=kept,
            asks=run.state is RunState.ASKS,
        )
        try:
            # Under a key of its own, so that other processes do not tell them again.
            await self.channel_messages.post(run.user, shown, Place(key=key))
        except SlackError as problem:
            log.warning("%s could not be told of run %s: %s", run.user, run.id, problem)
            # The answer to a command needs no token, and no channel that takes messages.
            if (reply := self.replies.find(run.id)) is not None:
                await reply.say(shown)
