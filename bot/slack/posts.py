"""Messages on their way into channels: one after the other in each, and for as long as Slack cannot take them.

What the outbox keeps is tried until Slack takes or refuses it, also when an answer was lost, for a message that comes
twice is better than one that never comes. What it does not keep (the database is away) is tried a few times, and not
again when Slack may have taken it.
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
from bot.language import ENGLISH, Tongue
from bot.messages import Letter, Message, Place, Posted
from bot.slack.calls import NOT_TAKEN, Away, Limited, attempt, backoff
from bot.slack.files import files_in
from bot.slack.fitting import fit, plain
from bot.slack.pace import Gate

MOST_FAILURES = 4
"""How often a message is tried again that the outbox does not keep."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Post:
    """A message that Slack does not have yet. `message`, with its `letter`, may change until Slack takes it; `edit` is
    to be shown after that. `calling` while Slack is asked; `dropped` when this process is to leave it alone."""

    channel: str
    message: Message
    place: Place
    letter: Letter | None
    done: asyncio.Future[Posted]
    edit: Message | None = None
    news: bool = False
    calling: bool = False
    dropped: bool = False


@dataclass(frozen=True)
class Taken:
    """What Slack took: where it stands, the message, and its letter."""

    posted: Posted
    message: Message
    letter: Letter | None


Sent = Callable[[Post, Taken], Awaitable[None]]
Refused = Callable[[Post, SlackError], Awaitable[None]]
Thread = Callable[[Posted], Awaitable[str]]


class _Dropped(Exception):
    pass


class Posts:
    """The queues of messages that are to be posted. `sent` is told of each that Slack took, `refused` of each that it
    did not, and `thread` gives the `ts` of a thread; `doubts` counts repeats of calls whose answer was lost."""

    def __init__(
        self, client: AsyncWebClient, *, sent: Sent, refused: Refused, thread: Thread, tongue: Tongue = ENGLISH
    ) -> None:
        self._client, self._sent, self._refused, self._thread = client, sent, refused, thread
        self._tongue = tongue
        self.gate = Gate()
        self._lanes: dict[str, deque[Post]] = {}
        self._numbered: dict[int, Post] = {}
        self._jobs = Jobs()
        self.count = self.doubts = 0

    @property
    def pending(self) -> int:
        """Messages that Slack does not have yet."""
        return sum(len(lane) for lane in self._lanes.values())

    def add(self, channel: str, message: Message, place: Place, letter: Letter | None) -> Post:
        """A message behind those that wait for the same channel; one that waits already stays where it is."""
        if letter is not None and (waiting := self._numbered.get(letter.number)) is not None:
            return waiting
        post = Post(channel, message, place, letter, asyncio.get_running_loop().create_future())
        if letter is not None:
            self._numbered[letter.number] = post
        if channel in self._lanes:
            self._lanes[channel].append(post)
        else:
            self._lanes[channel] = deque([post])
            self._jobs.spawn(self._work(channel), f"posts for {channel}")
        return post

    def waiting(self, number: int) -> Post | None:
        """The message of that number, while Slack does not have it."""
        return self._numbered.get(number)

    def drop(self) -> None:
        """Lets go of what the outbox keeps: it is another process's now."""
        for lane in self._lanes.values():
            for post in [post for post in lane if post.letter is not None and not post.calling]:
                post.dropped = True
                lane.remove(post)
                self._over(post)

    async def aclose(self, grace: float) -> int:
        """Waits up to `grace` seconds for what is to be posted; gives how many messages were not."""
        await self._jobs.drain(grace)
        left = self.pending
        for lane in self._lanes.values():
            for post in lane:
                self._over(post)
        self._lanes.clear()
        return left

    def _over(self, post: Post) -> None:
        """Nobody waits for it here any more: what is kept is pending, and what is not was not posted."""
        if post.letter is not None:
            self._numbered.pop(post.letter.number, None)
        if post.done.done():
            return
        if post.letter is not None:
            post.done.set_result(post.letter.posted)
        else:
            post.done.set_exception(SlackError("shutting_down", "chat.postMessage"))

    async def _work(self, channel: str) -> None:
        lane = self._lanes[channel]
        while lane:
            post = lane[0]
            try:
                taken = await self._deliver(post)
                await self._sent(post, taken)
            except _Dropped:
                continue
            except SlackError as refusal:
                await self._refused(post, refusal)
                self._told(post, refusal)
            except Exception:
                log.exception("a message could not be posted")
                self._told(post, SlackError("internal_error", "chat.postMessage"))
            else:
                self._told(post, taken.posted)
            lane.popleft()
        del self._lanes[channel]

    def _told(self, post: Post, outcome: Posted | SlackError) -> None:
        if post.letter is not None:
            self._numbered.pop(post.letter.number, None)
        if post.done.done():
            return
        if isinstance(outcome, SlackError):
            post.done.set_exception(outcome)
            post.done.exception()  # whoever posted may have gone on without it
        else:
            post.done.set_result(outcome)

    async def _deliver(self, post: Post) -> Taken:
        """Tries until Slack takes it, its text where it refuses the blocks. Raises SlackError when it is refused."""
        failures, bare = 0, False
        while True:
            await self._pass(post)
            message, letter = post.message, post.letter
            said = self._tongue.message(message)
            payload = plain(said) if bare else fit(said)
            try:
                answer = await self._call(post, payload)
            except Limited as limited:
                self.gate.close(asyncio.get_running_loop().time(), limited.retry_after)
            except Away as away:
                failures += 1
                if letter is None and (away.unsure or failures > MOST_FAILURES):
                    raise
                self.doubts += away.unsure
                log.warning("a message waits for Slack: %s", away)
                await asyncio.sleep(backoff(failures))
            except SlackError as refusal:
                if refusal.code not in NOT_TAKEN or bare or files_in(payload["blocks"]):
                    raise  # of a file, Slack may only not know it yet
                log.error("Slack refused the blocks of a message (%s): posting its text", refusal.code)
                bare = True
            else:
                self.count += 1
                return Taken(Posted(str(answer["channel"]), str(answer["ts"])), message, letter)

    async def _call(self, post: Post, payload: dict[str, Any]) -> AsyncSlackResponse:
        post.calling = True
        try:
            return await attempt("chat.postMessage", self._send(post, payload))
        finally:
            post.calling = False

    async def _send(self, post: Post, payload: dict[str, Any]) -> AsyncSlackResponse:
        thread = await self._thread(Posted(post.channel, post.place.thread)) if post.place.thread else ""
        more: dict[str, Any] = {"thread_ts": thread, "reply_broadcast": post.place.broadcast} if thread else {}
        return await self._client.chat_postMessage(
            channel=post.channel, unfurl_links=False, unfurl_media=False, **more, **payload
        )

    async def _pass(self, post: Post) -> None:
        """Waits until Slack may be asked again."""
        while True:
            wait = self.gate.open_at - asyncio.get_running_loop().time()
            if wait <= 0:
                break
            await asyncio.sleep(wait)
        if post.dropped:
            raise _Dropped
