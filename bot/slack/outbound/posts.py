"""Messages on their way into channels: one after the other in each, and for as long as Slack cannot
take them.

What the outbox keeps is tried until Slack takes or refuses it, also when an answer was lost, for a
message that comes twice is better than one that never comes. What it does not keep (the database is
away) is tried a few times, and not again when Slack may have taken it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.language import ENGLISH, Localizer
from bot.messages import Message, OutboxEntry, Place, Posted
from bot.slack.outbound.deliveries import parse_outbox_number
from bot.slack.outbound.files import list_file_blocks
from bot.slack.outbound.fit import build_plain_payload, fit_message
from bot.slack.webapi.errors import (
    NOT_TAKEN,
    RateLimited,
    SlackUnavailable,
    await_slack_call,
    compute_backoff,
)
from bot.slack.webapi.rate_limit import RateLimitPause

MOST_FAILURES = 4
"""How often a message is tried again that the outbox does not keep."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class QueuedPost:
    """A message that Slack does not have yet. `message`, with its `entry`, may change until Slack
    takes it; `edit` is to be shown after that. `calling` while Slack is asked; `dropped` when this
    process is to leave it alone."""

    channel: str
    message: Message
    place: Place
    entry: OutboxEntry | None
    done: asyncio.Future[Posted]
    edit: Message | None = None
    news: bool = False
    calling: bool = False
    dropped: bool = False


@dataclass(frozen=True)
class AcceptedPost:
    """A post that Slack accepted: where it stands, the message, and its entry."""

    posted: Posted
    message: Message
    entry: OutboxEntry | None


Sent = Callable[[QueuedPost, AcceptedPost], Awaitable[None]]
Refused = Callable[[QueuedPost, SlackError], Awaitable[None]]
FindPlace = Callable[[Posted], Awaitable[Posted | None]]


class _PostDropped(Exception):
    pass


class PostQueue:
    """The queues of messages that are to be posted. `sent` is told of each that Slack took,
    `refused` of each that it did not, and `find_place` gives the message of a thread; `doubts`
    counts repeats of calls whose answer was lost."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        sent: Sent,
        refused: Refused,
        find_place: FindPlace,
        say: Localizer = ENGLISH,
    ) -> None:
        self._client, self._sent, self._refused = client, sent, refused
        self._find_place = find_place
        self._say = say
        self.gate = RateLimitPause()
        self._lanes: dict[str, deque[QueuedPost]] = {}
        self._numbered: dict[int, QueuedPost] = {}
        self._jobs = Jobs()
        self.count = self.doubts = 0

    @property
    def pending(self) -> int:
        """Number of messages that Slack does not have yet."""
        return sum(len(lane) for lane in self._lanes.values())

    def enqueue(
        self, channel: str, message: Message, place: Place, entry: OutboxEntry | None
    ) -> QueuedPost:
        """Queue a message behind those that wait for the same channel.

        One that waits already stays where it is.
        """
        if entry is not None and (waiting := self._numbered.get(entry.number)) is not None:
            return waiting
        post = QueuedPost(
            channel, message, place, entry, asyncio.get_running_loop().create_future()
        )
        if entry is not None:
            self._numbered[entry.number] = post
        if channel in self._lanes:
            self._lanes[channel].append(post)
        else:
            self._lanes[channel] = deque([post])
            # One call at a time in a channel, as Slack takes about one message a second there, and
            # a reader sees them in the order in which they were meant.
            self._jobs.spawn(self._send_channel_posts(channel), f"posts for {channel}")
        return post

    def find_waiting(self, posted: Posted) -> QueuedPost | None:
        """Return the message of that pending address, while Slack does not have it."""
        return self._numbered.get(parse_outbox_number(posted)) if posted.is_pending else None

    def drop_kept(self) -> None:
        """Drop the messages that the outbox keeps: they are another process's now."""
        for lane in self._lanes.values():
            # One that Slack is being asked to take may be there already, and another process would
            # post it again.
            for post in [post for post in lane if post.entry is not None and not post.calling]:
                post.dropped = True
                lane.remove(post)
                self._resolve_unsent(post)

    async def aclose(self, grace: float) -> int:
        """Wait up to `grace` seconds for what is to be posted.

        Returns the number of messages that were not posted.
        """
        await self._jobs.drain(grace)
        left = self.pending
        for lane in self._lanes.values():
            for post in lane:
                self._resolve_unsent(post)
        self._lanes.clear()
        return left

    def _resolve_unsent(self, post: QueuedPost) -> None:
        """End the wait for a post that this process sends no more.

        One that is kept is pending; one that is not kept was not posted.
        """
        if post.entry is not None:
            self._numbered.pop(post.entry.number, None)
        if post.done.done():
            return
        if post.entry is not None:
            post.done.set_result(post.entry.posted)
        else:
            post.done.set_exception(SlackError("shutting_down", "chat.postMessage"))

    async def _send_channel_posts(self, channel: str) -> None:
        lane = self._lanes[channel]
        while lane:
            post = lane[0]
            try:
                taken = await self._deliver_post(post)
                await self._sent(post, taken)
            except _PostDropped:
                continue
            except SlackError as refusal:
                await self._refused(post, refusal)
                self._resolve_post(post, refusal)
            except Exception:
                # Whoever waits for this post must hear of it, and the channel's next posts go on.
                log.exception("a message could not be posted")
                self._resolve_post(post, SlackError("internal_error", "chat.postMessage"))
            else:
                self._resolve_post(post, taken.posted)
            lane.popleft()
        del self._lanes[channel]

    def _resolve_post(self, post: QueuedPost, outcome: Posted | SlackError) -> None:
        if post.entry is not None:
            self._numbered.pop(post.entry.number, None)
        if post.done.done():
            return
        if isinstance(outcome, SlackError):
            post.done.set_exception(outcome)
            post.done.exception()  # whoever posted may have gone on without it
        else:
            post.done.set_result(outcome)

    async def _deliver_post(self, post: QueuedPost) -> AcceptedPost:
        """Try until Slack takes the message, as text where it refuses the blocks.

        Raises SlackError when it is refused.
        """
        failures, bare = 0, False
        while True:
            await self._wait_until_allowed(post)
            # Both may change while Slack is asked; what is recorded is what was sent.
            message, entry = post.message, post.entry
            payload = build_plain_payload(message) if bare else fit_message(message, self._say)
            try:
                answer = await self._attempt_post(post, payload)
            except RateLimited as limited:
                self.gate.pause_for(asyncio.get_running_loop().time(), limited.retry_after)
            except SlackUnavailable as away:
                failures += 1
                # A post has no key by which Slack would tell a repeat. Only what is kept is worth a
                # double.
                if entry is None and (away.unsure or failures > MOST_FAILURES):
                    raise
                self.doubts += away.unsure
                log.warning("a message waits for Slack: %s", away)
                await asyncio.sleep(compute_backoff(failures))
            except SlackError as refusal:
                if refusal.code not in NOT_TAKEN or bare or list_file_blocks(payload["blocks"]):
                    raise  # of a file, Slack may only not know it yet
                log.error(
                    "Slack refused the blocks of a message (%s): posting its text", refusal.code
                )
                bare = True
            else:
                self.count += 1
                return AcceptedPost(
                    Posted(str(answer["channel"]), str(answer["ts"])), message, entry
                )

    async def _attempt_post(self, post: QueuedPost, payload: dict[str, Any]) -> AsyncSlackResponse:
        post.calling = True
        try:
            return await await_slack_call(
                "chat.postMessage", self._call_post_message(post, payload)
            )
        finally:
            post.calling = False

    async def _call_post_message(
        self, post: QueuedPost, payload: dict[str, Any]
    ) -> AsyncSlackResponse:
        thread = None
        # Asked at each try: the message of the thread may have been posted meanwhile. One that is
        # not known leaves the reply in the channel rather than nowhere.
        if post.place.thread:
            thread = await self._find_place(Posted(post.channel, post.place.thread))
        more: dict[str, Any] = (
            {"thread_ts": thread.ts, "reply_broadcast": post.place.broadcast} if thread else {}
        )
        return await self._client.chat_postMessage(
            channel=post.channel, unfurl_links=False, unfurl_media=False, **more, **payload
        )

    async def _wait_until_allowed(self, post: QueuedPost) -> None:
        """Wait until Slack may be asked again."""
        while True:
            wait = self.gate.open_at - asyncio.get_running_loop().time()
            if wait <= 0:
                break
            await asyncio.sleep(wait)
        if post.dropped:
            raise _PostDropped
