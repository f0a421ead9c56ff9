"""Edits that wait: the newest of each message, and which of them goes next.

Nothing here waits or calls: the times are given, in seconds of the event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.messages import Message, Posted
from bot.slack.webapi.rate_limit import EditLimits, RateLimitPause, TokenBucket


@dataclass
class EditSlot:
    """Edits that wait for one message.

    `final` goes before `edit`, and only one call is under way at a time. `dropped`: an edit under
    way that fails is not tried again.
    """

    edit: Message | None = None
    news: bool = False
    final: Message | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    under_way: bool = False
    not_before: float = 0.0
    failures: int = 0
    failing_since: float = 0.0
    dropped: bool = False

    @property
    def is_waiting(self) -> bool:
        """Tell whether an edit waits to be sent."""
        return self.edit is not None or self.final is not None


@dataclass(frozen=True)
class EditCall:
    """One edit that was taken to be sent; `waiters` is None unless it is a final one."""

    posted: Posted
    slot: EditSlot
    message: Message
    waiters: list[asyncio.Future[None]] | None


class PendingEdits:
    """The edits of all messages, within `pace` and behind `gate`."""

    def __init__(self, pace: EditLimits, gate: RateLimitPause) -> None:
        self._pace, self._gate = pace, gate
        self._bucket = TokenBucket(pace.burst, pace.per_minute / 60)
        self._slots: dict[Posted, EditSlot] = {}

    def __len__(self) -> int:
        """Number of messages with an edit that Slack does not have yet."""
        return sum(slot.is_waiting or slot.under_way for slot in self._slots.values())

    def delay_first_edit(self, posted: Posted, now: float) -> None:
        """Make the first edit of a message just posted wait as long as one after an edit."""
        self._slots.setdefault(posted, EditSlot()).not_before = now + self._pace.interval

    def add_edit(self, posted: Posted, message: Message, *, news: bool) -> int:
        """Add an edit, and return how many that waited it replaces.

        It counts as news if one that it replaces did.
        """
        slot = self._slots.setdefault(posted, EditSlot())
        replaced = int(slot.edit is not None)
        slot.edit, slot.news, slot.dropped = message, news or slot.news, False
        return replaced

    def add_final(self, posted: Posted, message: Message, waiter: asyncio.Future[None]) -> int:
        """Add the last edit of a run, and return how many that waited it replaces."""
        slot = self._slots.setdefault(posted, EditSlot())
        replaced = (slot.edit is not None) + (slot.final is not None)
        slot.edit, slot.final = None, message
        slot.waiters.append(waiter)
        return replaced

    def discard_edit(self, posted: Posted) -> None:
        """Discard an edit that waits or is under way, but not a final one."""
        slot = self._slots.get(posted)
        if slot is not None:
            slot.edit, slot.dropped = None, True

    def take_next_edit(self, now: float) -> tuple[EditCall | None, float | None]:
        """Take the edit to send now, or return the seconds until one may be sent.

        Both are None when only something new can change that.
        """
        self._remove_idle_slots(now)
        under_way = sum(slot.under_way for slot in self._slots.values())
        idle = [
            (posted, slot)
            for posted, slot in self._slots.items()
            if slot.is_waiting and not slot.under_way
        ]
        # A slot under way is not looked at: two calls for one message may reach Slack in either
        # order.
        if not idle or under_way >= self._pace.at_once:
            return None, None
        times = [
            (self._compute_ready_time(slot, now), slot.final is None, posted)
            for posted, slot in idle
        ]
        ready = [(plain_edit, posted) for at, plain_edit, posted in times if at <= now]
        if not ready:
            return None, min(at for at, _, _ in times) - now
        chosen = next((posted for plain_edit, posted in ready if not plain_edit), ready[0][1])
        return self._take_edit(chosen, now), None

    def clear(self) -> list[asyncio.Future[None]]:
        """Drop all edits, and return the futures of those who wait for one."""
        waiters = [waiter for slot in self._slots.values() for waiter in slot.waiters]
        self._slots.clear()
        return waiters

    def _compute_ready_time(self, slot: EditSlot, now: float) -> float:
        if slot.final is not None:
            # People wait for a final edit: it keeps no distance to the one before, and may take the
            # last token.
            own = slot.not_before if slot.failures else 0.0
            return max(own, self._gate.open_at, self._bucket.compute_ready_time(now, 1))
        reserve = self._pace.reserve // 2 if slot.news else self._pace.reserve
        return max(
            slot.not_before, self._gate.open_at, self._bucket.compute_ready_time(now, 1 + reserve)
        )

    def _take_edit(self, posted: Posted, now: float) -> EditCall:
        """Take the edit out of its slot, and move the slot to the end of the queue."""
        # To the end, so that a message which changes all the time does not keep the others waiting.
        slot = self._slots.pop(posted)
        self._slots[posted] = slot
        self._bucket.take_token(now)
        slot.under_way, slot.news = True, False
        if slot.final is not None:
            turn = EditCall(posted, slot, slot.final, slot.waiters)
            slot.final, slot.waiters = None, []
            return turn
        message, slot.edit = slot.edit, None
        assert message is not None, "only a slot with something waiting is taken"
        return EditCall(posted, slot, message, None)

    def _remove_idle_slots(self, now: float) -> None:
        over = [
            posted
            for posted, slot in self._slots.items()
            # Kept until then: a new edit must find how long it has to wait.
            if not slot.is_waiting and not slot.under_way and slot.not_before <= now
        ]
        for posted in over:
            del self._slots[posted]


def requeue_edit(turn: EditCall) -> None:
    """Let the edit wait again, unless something newer does."""
    slot = turn.slot
    if turn.waiters is not None:
        slot.final = slot.final or turn.message
        slot.waiters[:0] = turn.waiters
    elif not slot.is_waiting and not slot.dropped:
        slot.edit = turn.message
