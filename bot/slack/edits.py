"""Edits that wait for their turn: the newest of each message, a run's last word first, within chat.update's limit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.language import ENGLISH, Tongue
from bot.messages import Message, Posted
from bot.slack.calls import NOT_TAKEN, Away, Limited, attempt, backoff
from bot.slack.files import files_in
from bot.slack.fitting import fit, plain
from bot.slack.pace import Bucket, Gate, Pace

log = logging.getLogger(__name__)


@dataclass
class _Slot:
    """What waits to be shown in one message; `final` goes before `edit`, and only one call is under way at a time."""

    edit: Message | None = None
    news: bool = False
    final: Message | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    under_way: bool = False
    not_before: float = 0.0
    failures: int = 0
    failing_since: float = 0.0

    @property
    def waiting(self) -> bool:
        return self.edit is not None or self.final is not None


@dataclass(frozen=True)
class _Turn:
    """One edit that was taken from its slot to be sent."""

    posted: Posted
    slot: _Slot
    message: Message
    waiters: list[asyncio.Future[None]] | None


class Edits:
    """The queue of edits. `gate.waits` counts 429s; `sent`, `coalesced` and `lost` count edits."""

    def __init__(self, client: AsyncWebClient, pace: Pace, tongue: Tongue = ENGLISH) -> None:
        self._client, self._pace, self._tongue = client, pace, tongue
        self._bucket = Bucket(pace.burst, pace.per_minute / 60)
        self.gate = Gate()
        self._slots: dict[Posted, _Slot] = {}
        self._jobs = Jobs()
        self._dispatcher: asyncio.Task[None] | None = None
        self._wake, self._changed = asyncio.Event(), asyncio.Event()
        self.sent = self.coalesced = self.lost = 0

    @property
    def pending(self) -> int:
        """Messages with an edit that Slack does not have yet."""
        return sum(slot.waiting or slot.under_way for slot in self._slots.values())

    def posted(self, posted: Posted) -> None:
        """A message was just posted: its first edit waits as long as one after an edit."""
        self._slots.setdefault(posted, _Slot()).not_before = self._now() + self._pace.interval

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Shows this as soon as the limits allow; a newer edit replaces a waiting one, and is news if that was."""
        slot = self._slots.setdefault(posted, _Slot())
        self.coalesced += slot.edit is not None
        slot.edit, slot.news = message, news or slot.news
        self._stir()

    async def settle(self, posted: Posted, message: Message) -> None:
        """The last edit of a run: goes before waiting edits and returns when Slack has it; raises SlackError."""
        slot = self._slots.setdefault(posted, _Slot())
        self.coalesced += (slot.edit is not None) + (slot.final is not None)
        slot.edit, slot.final = None, message
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        slot.waiters.append(done)
        self._stir()
        await done

    def forget(self, posted: Posted) -> None:
        """Drops an edit that waits, but not an end."""
        slot = self._slots.get(posted)
        if slot is not None:
            slot.edit = None

    async def aclose(self, grace: float) -> int:
        """Sends what waits for up to `grace` seconds, finals first; gives how many messages lack their last edit."""
        deadline = self._now() + grace
        self._stir()
        while self.pending and (left_of_it := deadline - self._now()) > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_of_it):
                    await self._changed.wait()
        left = self.pending
        await self._jobs.drain(0)
        for slot in self._slots.values():
            _tell(slot.waiters, SlackError("shutting_down", "chat.update"))
        self._slots.clear()
        return left

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _stir(self) -> None:
        self._wake.set()
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = self._jobs.spawn(self._dispatch(), "edits")

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            turn, wait = self._next()
            if turn is not None:
                self._jobs.spawn(self._send(turn), "edit")
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _next(self) -> tuple[_Turn | None, float | None]:
        """The edit to send now; or how long until one may be sent, None when only something new can change that."""
        now = self._now()
        self._forget(now)
        under_way = sum(slot.under_way for slot in self._slots.values())
        idle = [(posted, slot) for posted, slot in self._slots.items() if slot.waiting and not slot.under_way]
        if not idle or under_way >= self._pace.at_once:
            return None, None
        times = [(self._ready_at(slot, now), slot.final is None, posted) for posted, slot in idle]
        ready = [(plain_edit, posted) for at, plain_edit, posted in times if at <= now]
        if not ready:
            return None, min(at for at, _, _ in times) - now
        chosen = next((posted for plain_edit, posted in ready if not plain_edit), ready[0][1])
        return self._take(chosen, now), None

    def _ready_at(self, slot: _Slot, now: float) -> float:
        if slot.final is not None:
            own = slot.not_before if slot.failures else 0.0
            return max(own, self.gate.open_at, self._bucket.ready_at(now, 1))
        reserve = self._pace.reserve // 2 if slot.news else self._pace.reserve
        return max(slot.not_before, self.gate.open_at, self._bucket.ready_at(now, 1 + reserve))

    def _take(self, posted: Posted, now: float) -> _Turn:
        """Takes the edit out of its slot, and moves the slot to the end of the queue."""
        slot = self._slots.pop(posted)
        self._slots[posted] = slot
        self._bucket.take(now)
        slot.under_way, slot.news = True, False
        if slot.final is not None:
            turn = _Turn(posted, slot, slot.final, slot.waiters)
            slot.final, slot.waiters = None, []
            return turn
        message, slot.edit = slot.edit, None
        assert message is not None, "only a slot with something waiting is taken"
        return _Turn(posted, slot, message, None)

    async def _send(self, turn: _Turn) -> None:
        slot = turn.slot
        try:
            await self._update(turn)
        except Limited as limited:
            self.gate.close(self._now(), limited.retry_after)
            self._put_back(turn)
        except Away as away:
            self._failed(turn, away)
        except SlackError as refusal:
            self._given_up(turn, refusal)
        except asyncio.CancelledError:
            self._put_back(turn)
            raise
        except Exception:
            log.exception("an edit could not be sent")
            self._given_up(turn, SlackError("internal_error", "chat.update"))
        else:
            self.sent += 1
            slot.failures, slot.not_before = 0, self._now() + self._pace.interval
            _tell(turn.waiters or [], None)
        finally:
            slot.under_way = False
            self._wake.set()
            self._changed.set()

    async def _update(self, turn: _Turn) -> None:
        channel, ts = turn.posted
        said = self._tongue.message(turn.message)
        payload = fit(said)
        try:
            await attempt("chat.update", self._client.chat_update(channel=channel, ts=ts, **payload))
        except SlackError as refusal:
            if refusal.code not in NOT_TAKEN or files_in(payload["blocks"]):
                raise
            log.error("Slack refused the blocks of an edit (%s): showing its text", refusal.code)
            await attempt("chat.update", self._client.chat_update(channel=channel, ts=ts, **plain(said)))

    def _failed(self, turn: _Turn, away: Away) -> None:
        slot, now = turn.slot, self._now()
        slot.failing_since = slot.failing_since if slot.failures else now
        slot.failures += 1
        slot.not_before = now + backoff(slot.failures)
        if now - slot.failing_since > self._pace.patience:
            self._given_up(turn, away)
        else:
            self._put_back(turn)

    def _put_back(self, turn: _Turn) -> None:
        """Lets it wait again, unless something newer does."""
        slot = turn.slot
        if turn.waiters is not None:
            slot.final = slot.final or turn.message
            slot.waiters[:0] = turn.waiters
        elif not slot.waiting:
            slot.edit = turn.message

    def _given_up(self, turn: _Turn, problem: SlackError) -> None:
        turn.slot.failures = 0
        self.lost += 1
        if turn.waiters is None:
            log.warning("an edit was not shown: %s", problem)
        _tell(turn.waiters or [], problem)

    def _forget(self, now: float) -> None:
        over = [
            posted
            for posted, slot in self._slots.items()
            if not slot.waiting and not slot.under_way and slot.not_before <= now
        ]
        for posted in over:
            del self._slots[posted]


def _tell(waiters: list[asyncio.Future[None]], problem: SlackError | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
