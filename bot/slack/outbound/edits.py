"""Queue of chat.update calls within Slack's limit.

It holds the newest edit of each message, and sends a run's last edit first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.language import ENGLISH, Localizer
from bot.messages import Message, Posted
from bot.slack.outbound.pending_edits import EditCall, PendingEdits, requeue_edit
from bot.slack.outbound.queued_posts import MessageForm
from bot.slack.outbound.refusing_places import RefusingPlaces
from bot.slack.webapi.rate_limit import EditLimits, RateLimitPause
from bot.slack.webapi.web_api_errors import (
    RateLimited,
    SlackUnavailable,
    await_slack_call,
    compute_backoff,
)
from bot.slackrules.refusal_codes import OWN_FAILURE

log = logging.getLogger(__name__)


class EditQueue:
    """The queue of edits. `gate.waits` counts 429s; `sent`, `coalesced` and `lost` count edits."""

    def __init__(
        self,
        client: AsyncWebClient,
        pace: EditLimits,
        say: Localizer = ENGLISH,
        *,
        places: RefusingPlaces | None = None,
    ) -> None:
        self._client, self._pace, self._say = client, pace, say
        self._places = places or RefusingPlaces()
        self.gate = RateLimitPause()
        self._edits = PendingEdits(pace, self.gate)
        self._jobs = Jobs()
        self._dispatcher: asyncio.Task[None] | None = None
        self._wake, self._changed = asyncio.Event(), asyncio.Event()
        self.sent = self.coalesced = self.lost = 0

    @property
    def pending(self) -> int:
        """Number of messages with an edit that Slack does not have yet."""
        return len(self._edits)

    @property
    def is_stalled(self) -> bool:
        """Tell whether edits wait that nothing sends."""
        return bool(self.pending) and (self._dispatcher is None or self._dispatcher.done())

    def restart_if_stalled(self) -> None:
        """Begin the task that sends edits when it has ended; to be called now and then."""
        if self.is_stalled:
            log.error("sending edits had stopped; it is begun again")
            self._wake_dispatcher()

    def delay_first_edit(self, posted: Posted) -> None:
        """Make the first edit of a message just posted wait as long as one after an edit."""
        self._edits.delay_first_edit(posted, self._loop_time())

    def enqueue(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Show this message as soon as the limits allow.

        A newer edit replaces a waiting one, and counts as news if that one did.
        """
        self.coalesced += self._edits.add_edit(posted, message, news=news)
        self._wake_dispatcher()

    async def send_final(self, posted: Posted, message: Message) -> None:
        """Send the last edit of a run, and return when Slack has it; raise SlackError.

        It goes before waiting edits and replaces them.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.coalesced += self._edits.add_final(posted, message, done)
        self._wake_dispatcher()
        await done

    def discard_edit(self, posted: Posted) -> None:
        """Discard an edit that waits, but not a final one."""
        self._edits.discard_edit(posted)

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
        _resolve_waiters(self._edits.clear(), SlackError("shutting_down", "chat.update"))
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
            turn, wait = self._edits.take_next_edit(self._loop_time())
            if turn is not None:
                self._jobs.spawn(self._send_edit(turn), "edit")
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    async def _send_edit(self, turn: EditCall) -> None:
        slot = turn.slot
        try:
            await self._call_chat_update(turn)
        except RateLimited as limited:
            # Slack counts calls by method and workspace, so every message has to wait.
            self.gate.pause_for(self._loop_time(), limited.retry_after)
            requeue_edit(turn)
        except SlackUnavailable as away:
            self._retry_or_give_up(turn, away)
        except SlackError as refusal:
            self._give_up(turn, refusal)
        except asyncio.CancelledError:
            # Closing cancels calls under way: who waits for this one is told by `aclose`, which
            # finds them in the slot.
            requeue_edit(turn)
            raise
        except Exception:
            # Whoever waits for this edit must hear of it, and the other messages go on.
            log.exception("an edit could not be sent")
            self._give_up(turn, SlackError(OWN_FAILURE, "chat.update"))
        else:
            self.sent += 1
            self._places.note_success(turn.posted.channel)
            slot.failures, slot.not_before = 0, self._loop_time() + self._pace.interval
            _resolve_waiters(turn.waiters or [], None)
        finally:
            slot.under_way = False
            self._wake.set()
            self._changed.set()

    async def _call_chat_update(self, turn: EditCall) -> None:
        """Edit the message, in the form in which Slack takes it."""
        channel, ts = turn.posted
        form = MessageForm(in_thread=False, marked=False)
        while True:
            payload = form.build_payload(turn.message, self._say)
            request = self._client.chat_update(channel=channel, ts=ts, **payload)
            try:
                await await_slack_call("chat.update", request)
            except (RateLimited, SlackUnavailable):
                raise
            except SlackError as refusal:
                # With a picture the same code means that Slack does not know the file yet; who
                # shows it tries again.
                if not form.simplify(refusal, payload):
                    self._places.note_refusal(channel, refusal)
                    raise
                log.error("Slack refused an edit (%s): a plainer form is tried", refusal.code)
            else:
                return

    def _retry_or_give_up(self, turn: EditCall, away: SlackUnavailable) -> None:
        slot, now = turn.slot, self._loop_time()
        slot.failing_since = slot.failing_since if slot.failures else now
        slot.failures += 1
        slot.not_before = now + compute_backoff(slot.failures)
        if now - slot.failing_since > self._pace.patience:
            self._give_up(turn, away)
        else:
            requeue_edit(turn)

    def _give_up(self, turn: EditCall, problem: SlackError) -> None:
        turn.slot.failures = 0
        self.lost += 1
        if turn.waiters is None:
            log.warning("an edit was not shown: %s", problem)
        _resolve_waiters(turn.waiters or [], problem)


def _resolve_waiters(waiters: list[asyncio.Future[None]], problem: SlackError | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if problem is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(problem)
