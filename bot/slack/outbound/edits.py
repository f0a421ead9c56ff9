"""Queue of chat.update calls within Slack's limit.

It holds the newest edit of each message, and sends a run's last edit first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.language import ENGLISH, Localizer
from bot.messages import Message, Posted
from bot.slack.outbound.files import list_file_blocks
from bot.slack.outbound.fit import build_plain_payload, fit_message
from bot.slack.webapi.errors import (
    NOT_TAKEN,
    RateLimited,
    SlackUnavailable,
    await_slack_call,
    compute_backoff,
)
from bot.slack.webapi.rate_limit import EditLimits, RateLimitPause, TokenBucket

log = logging.getLogger(__name__)


@dataclass
class _PendingEdits:
    """Edits that wait for one message.

    `final` goes before `edit`, and only one call is under way at a time.
    """

    edit: Message | None = None
    news: bool = False
    final: Message | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    under_way: bool = False
    not_before: float = 0.0
    failures: int = 0
    failing_since: float = 0.0

    @property
    def is_waiting(self) -> bool:
        return self.edit is not None or self.final is not None


@dataclass(frozen=True)
class _EditCall:
    """One edit that was taken from the queue to be sent."""

    posted: Posted
    slot: _PendingEdits
    message: Message
    waiters: list[asyncio.Future[None]] | None


class EditQueue:
    """The queue of edits. `gate.waits` counts 429s; `sent`, `coalesced` and `lost` count edits."""

    def __init__(self, client: AsyncWebClient, pace: EditLimits, say: Localizer = ENGLISH) -> None:
        self._client, self._pace, self._say = client, pace, say
        self._bucket = TokenBucket(pace.burst, pace.per_minute / 60)
        self.gate = RateLimitPause()
        self._slots: dict[Posted, _PendingEdits] = {}
        self._jobs = Jobs()
        self._dispatcher: asyncio.Task[None] | None = None
        self._wake, self._changed = asyncio.Event(), asyncio.Event()
        self.sent = self.coalesced = self.lost = 0

    @property
    def pending(self) -> int:
        """Number of messages with an edit that Slack does not have yet."""
        return sum(slot.is_waiting or slot.under_way for slot in self._slots.values())

    def delay_first_edit(self, posted: Posted) -> None:
        """Make the first edit of a message just posted wait as long as one after an edit."""
        self._slots.setdefault(posted, _PendingEdits()).not_before = (
            self._loop_time() + self._pace.interval
        )

    def enqueue(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Show this message as soon as the limits allow.

        A newer edit replaces a waiting one, and counts as news if that one did.
        """
        slot = self._slots.setdefault(posted, _PendingEdits())
        self.coalesced += slot.edit is not None
        slot.edit, slot.news = message, news or slot.news
        self._wake_dispatcher()

    async def send_final(self, posted: Posted, message: Message) -> None:
        """Send the last edit of a run, and return when Slack has it; raise SlackError.

        It goes before waiting edits and replaces them.
        """
        slot = self._slots.setdefault(posted, _PendingEdits())
        self.coalesced += (slot.edit is not None) + (slot.final is not None)
        slot.edit, slot.final = None, message
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        slot.waiters.append(done)
        self._wake_dispatcher()
        await done

    def discard_edit(self, posted: Posted) -> None:
        """Discard an edit that waits, but not a final one."""
        slot = self._slots.get(posted)
        if slot is not None:
            slot.edit = None

    async def aclose(self, grace: float) -> int:
        """Send what waits for up to `grace` seconds, final edits first.

        Returns the number of messages that lack their last edit.
        """
        deadline = self._loop_time() + grace
        self._wake_dispatcher()
        while self.pending and (left_of_it := deadline - self._loop_time()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_of_it):
                    await self._changed.wait()
        left = self.pending
        await self._jobs.drain(0)
        for slot in self._slots.values():
            _resolve_waiters(slot.waiters, SlackError("shutting_down", "chat.update"))
        self._slots.clear()
        return left

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    def _wake_dispatcher(self) -> None:
        self._wake.set()
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = self._jobs.spawn(self._dispatch_edits(), "edits")

    async def _dispatch_edits(self) -> None:
        while True:
            self._wake.clear()
            turn, wait = self._choose_next_edit()
            if turn is not None:
                self._jobs.spawn(self._send_edit(turn), "edit")
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _choose_next_edit(self) -> tuple[_EditCall | None, float | None]:
        """Return the edit to send now, or the seconds until one may be sent.

        Both are None when only something new can change that.
        """
        now = self._loop_time()
        self._remove_idle_slots(now)
        under_way = sum(slot.under_way for slot in self._slots.values())
        idle = [
            (posted, slot)
            for posted, slot in self._slots.items()
            if slot.is_waiting and not slot.under_way
        ]
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

    def _compute_ready_time(self, slot: _PendingEdits, now: float) -> float:
        if slot.final is not None:
            own = slot.not_before if slot.failures else 0.0
            return max(own, self.gate.open_at, self._bucket.compute_ready_time(now, 1))
        reserve = self._pace.reserve // 2 if slot.news else self._pace.reserve
        return max(
            slot.not_before, self.gate.open_at, self._bucket.compute_ready_time(now, 1 + reserve)
        )

    def _take_edit(self, posted: Posted, now: float) -> _EditCall:
        """Take the edit out of its slot, and move the slot to the end of the queue."""
        slot = self._slots.pop(posted)
        self._slots[posted] = slot
        self._bucket.take_token(now)
        slot.under_way, slot.news = True, False
        if slot.final is not None:
            turn = _EditCall(posted, slot, slot.final, slot.waiters)
            slot.final, slot.waiters = None, []
            return turn
        message, slot.edit = slot.edit, None
        assert message is not None, "only a slot with something waiting is taken"
        return _EditCall(posted, slot, message, None)

    async def _send_edit(self, turn: _EditCall) -> None:
        slot = turn.slot
        try:
            await self._call_chat_update(turn)
        except RateLimited as limited:
            self.gate.pause_for(self._loop_time(), limited.retry_after)
            self._requeue_edit(turn)
        except SlackUnavailable as away:
            self._retry_or_give_up(turn, away)
        except SlackError as refusal:
            self._give_up(turn, refusal)
        except asyncio.CancelledError:
            self._requeue_edit(turn)
            raise
        except Exception:
            # Whoever waits for this edit must hear of it, and the other messages go on.
            log.exception("an edit could not be sent")
            self._give_up(turn, SlackError("internal_error", "chat.update"))
        else:
            self.sent += 1
            slot.failures, slot.not_before = 0, self._loop_time() + self._pace.interval
            _resolve_waiters(turn.waiters or [], None)
        finally:
            slot.under_way = False
            self._wake.set()
            self._changed.set()

    async def _call_chat_update(self, turn: _EditCall) -> None:
        channel, ts = turn.posted
        payload = fit_message(turn.message, self._say)
        try:
            await await_slack_call(
                "chat.update", self._client.chat_update(channel=channel, ts=ts, **payload)
            )
        except SlackError as refusal:
            if refusal.code not in NOT_TAKEN or list_file_blocks(payload["blocks"]):
                raise
            log.error("Slack refused the blocks of an edit (%s): showing its text", refusal.code)
            await await_slack_call(
                "chat.update",
                self._client.chat_update(
                    channel=channel, ts=ts, **build_plain_payload(turn.message)
                ),
            )

    def _retry_or_give_up(self, turn: _EditCall, away: SlackUnavailable) -> None:
        slot, now = turn.slot, self._loop_time()
        slot.failing_since = slot.failing_since if slot.failures else now
        slot.failures += 1
        slot.not_before = now + compute_backoff(slot.failures)
        if now - slot.failing_since > self._pace.patience:
            self._give_up(turn, away)
        else:
            self._requeue_edit(turn)

    def _requeue_edit(self, turn: _EditCall) -> None:
        """Let the edit wait again, unless something newer does."""
        slot = turn.slot
        if turn.waiters is not None:
            slot.final = slot.final or turn.message
            slot.waiters[:0] = turn.waiters
        elif not slot.is_waiting:
            slot.edit = turn.message

    def _give_up(self, turn: _EditCall, problem: SlackError) -> None:
        turn.slot.failures = 0
        self.lost += 1
        if turn.waiters is None:
            log.warning("an edit was not shown: %s", problem)
        _resolve_waiters(turn.waiters or [], problem)

    def _remove_idle_slots(self, now: float) -> None:
        over = [
            posted
            for posted, slot in self._slots.items()
            if not slot.is_waiting and not slot.under_way and slot.not_before <= now
        ]
        for posted in over:
            del self._slots[posted]


def _resolve_waiters(waiters: list[asyncio.Future[None]], problem: SlackError | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
