"""What the outbox is told of messages: what they are to show, and what of it Slack has.

A database that is away stops no message: what could not be written is logged, and what Slack has
is written later.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TypeVar

from bot.errors import LedgerError, SlackError
from bot.messages import WAITS, Message, Outbox, OutboxEntry, Place, Posted

REMEMBERED = 5_000
"""Messages of which it is remembered where they came to stand, and what of them was shown last."""

Key = TypeVar("Key")
Value = TypeVar("Value")

log = logging.getLogger(__name__)


class Deliveries:
    """Records of what was delivered, over an outbox or, without one, in memory alone."""

    def __init__(self, outbox: Outbox | None) -> None:
        self._outbox = outbox
        self._shown: OrderedDict[int, tuple[Posted, int]] = OrderedDict()
        self._unrecorded: dict[int, tuple[OutboxEntry, Posted]] = {}
        self._moved: OrderedDict[Posted, Posted] = OrderedDict()
        self._own: OrderedDict[int, None] = OrderedDict()
        self.held: dict[int, str] = {}
        """The code with which each message is refused for now that waits for its channel."""

    async def enter_message(
        self, channel: str, message: Message, place: Place
    ) -> tuple[OutboxEntry | None, bool]:
        """Keep a message that is to be posted, or return the earlier one of its name.

        The entry is None when the message could not be kept; the flag tells whether it is new.
        """
        if self._outbox is None:
            return None, True
        try:
            entry, new = await self._outbox.enter(channel, message, place)
        except LedgerError as problem:
            # Posted all the same: a message that a crash may lose is better than none.
            log.error("a message is not kept before it is posted: %s", problem)
            return None, True
        if new:
            _remember(self._own, entry.number, None)
        return entry, new

    async def update_message(self, posted: Posted, message: Message) -> OutboxEntry | None:
        """Keep what a message is to show from now on; return None when it could not be kept."""
        if self._outbox is None:
            return None
        try:
            return await self._outbox.want(posted, message)
        except LedgerError as problem:
            log.error("an end is not kept before it is shown: %s", problem)
            return None

    def find_known_place(self, posted: Posted) -> Posted | None:
        """Return where a message stands that this process posted, without asking the outbox."""
        if not posted.is_pending:
            return self._moved.get(posted, posted)
        return self._shown.get(parse_outbox_number(posted), (None, 0))[0]

    async def find_place(self, posted: Posted) -> Posted | None:
        """Return where a message stands, also one that another or an earlier process has posted."""
        where = self.find_known_place(posted)
        if where is not None or self._outbox is None:
            return where
        try:
            entry = await self._outbox.find(posted)
        except LedgerError:
            return None
        return entry.posted if entry is not None and entry.ts else None

    def may_be_posted_already(self, entry: OutboxEntry) -> bool:
        """Tell whether a message may have been posted that nobody could note as shown."""
        return entry.number not in self._own and not entry.held and not entry.shown

    def note_doubt(self, entry: OutboxEntry) -> None:
        """Note that Slack may have taken a message unseen."""
        self._own.pop(entry.number, None)

    def is_shown(self, entry: OutboxEntry) -> bool:
        """Tell whether this process has shown this version of a message, or a newer one."""
        return self._shown.get(entry.number, (None, 0))[1] >= entry.version

    def note_move(self, before: Posted, after: Posted) -> None:
        """Note that a new message shows what the one before showed."""
        _remember(self._moved, before, after)

    async def record_hold(self, entry: OutboxEntry, code: str) -> None:
        """Record that the channel of a message takes nothing for now."""
        assert self._outbox is not None, "only an outbox makes entries"
        log.warning("message %d waits: Slack refuses it now (%s)", entry.number, code)
        self.held[entry.number] = code
        try:
            await self._outbox.hold(entry, code)
        except LedgerError as problem:
            # It waits all the same: what is not noted as shown is delivered.
            log.error("that message %d waits is not kept: %s", entry.number, problem)

    async def record_refusal(self, entry: OutboxEntry, refusal: SlackError) -> None:
        """Record that Slack refused the version in `entry` for good."""
        assert self._outbox is not None, "only an outbox makes entries"
        log.error("message %d is not shown: %s", entry.number, refusal)
        self.held.pop(entry.number, None)
        try:
            await self._outbox.refuse(entry, refusal.code)
        except LedgerError as problem:
            log.error("that Slack refused message %d is not kept: %s", entry.number, problem)

    async def record_delivery(self, entry: OutboxEntry, posted: Posted) -> None:
        """Record that Slack has the version in `entry`.

        What cannot be recorded at once is recorded later, so that only a crash in between
        doubles the message.
        """
        assert self._outbox is not None, "only an outbox makes entries"
        # Before the database is asked: if that fails, nothing here sends the same version again.
        _remember(self._shown, entry.number, (posted, entry.version))
        self.held.pop(entry.number, None)
        try:
            await self._outbox.delivered(entry, posted)
        except LedgerError as problem:
            # Without this another process, or this one, would take it for undelivered and post it
            # twice.
            self._unrecorded[entry.number] = (entry, posted)
            log.error("that Slack has message %d is not kept yet: %s", entry.number, problem)

    async def list_undelivered(self) -> list[OutboxEntry]:
        """Return the messages of this process that Slack does not show as wanted.

        Records first what Slack has and the database did not take. Raises LedgerError.
        """
        if self._outbox is None:
            return []
        for entry, posted in list(self._unrecorded.values()):
            await self._outbox.delivered(entry, posted)
            self._unrecorded.pop(entry.number, None)
        waiting = [entry for entry in await self._outbox.waiting() if not self.is_shown(entry)]
        self.held = {entry.number: entry.held for entry in waiting if entry.held}
        return waiting


def _remember(memory: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keep a value, and forget the oldest ones beyond those that are remembered."""
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)


def parse_outbox_number(posted: Posted) -> int:
    """Return the outbox's number of a message whose address is pending, or -1."""
    number = posted.ts.removeprefix(WAITS)
    return int(number) if number.isdecimal() else -1
