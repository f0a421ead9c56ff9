"""Posts one message: for as long as Slack cannot take it, in the form in which Slack takes it, and
once, as far as that can be found out.

What the outbox keeps is tried until Slack takes or refuses it, also when an answer was lost: where
the bot may read the channel it looks first whether the message is there, and elsewhere a message
that comes twice is better than one that never comes. What the outbox does not keep (the database is
away) is tried a few times, and not again when Slack may have taken it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.language import ENGLISH, Localizer
from bot.messages import Message, Posted
from bot.slack.outbound.deliveries import Deliveries
from bot.slack.outbound.message_lookup import MessageLookup, build_marker_metadata
from bot.slack.outbound.queued_posts import AcceptedPost, MessageForm, PostDropped, QueuedPost
from bot.slack.outbound.refusing_places import RefusingPlaces
from bot.slack.webapi.rate_limit import RateLimitPause
from bot.slack.webapi.web_api_errors import (
    RateLimited,
    SlackUnavailable,
    await_slack_call,
    compute_backoff,
)

MOST_FAILURES = 4
"""How often a message is tried again that the outbox does not keep."""


log = logging.getLogger(__name__)


@dataclass
class Attempts:
    """What was tried with one post: in which form, and since when (seconds of the epoch)."""

    form: MessageForm = field(default_factory=MessageForm)
    failures: int = 0
    since: float = field(default_factory=time.time)
    thread: str = ""


class PostSender:
    """Posts messages one by one, those of `deliveries`. `is_fenced` tells whether what is kept is
    another process's now.

    `gate.waits` counts 429s and `count` posts. `unsure` counts posts that Slack may have taken
    unseen, by what became of them: `found` there, `absent` and posted again, `repeated` without
    knowing, `given_up` because they are not kept, `left` to another process.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        deliveries: Deliveries,
        places: RefusingPlaces,
        lookup: MessageLookup,
        is_fenced: Callable[[], bool],
        say: Localizer = ENGLISH,
    ) -> None:
        self._client, self._deliveries, self._say = client, deliveries, say
        self._places, self._lookup, self._is_fenced = places, lookup, is_fenced
        self.gate = RateLimitPause()
        self.count = 0
        self.unsure: Counter[str] = Counter()

    async def send_post(self, post: QueuedPost) -> AcceptedPost:
        """Try until Slack takes the message.

        Raises SlackError when it is refused, and PostDropped when it is another process's now.
        """
        attempts = Attempts()
        if post.doubtful and (found := await self._find_earlier_post(post)) is not None:
            return found
        while True:
            await self._wait_until_allowed(post)
            taken = await self._try_post(post, attempts)
            if taken is not None:
                self._places.note_success(post.channel)
                return taken

    async def _try_post(self, post: QueuedPost, attempts: Attempts) -> AcceptedPost | None:
        """Ask Slack once; return None when it is to be asked again."""
        # Both may change while Slack is asked; what is recorded is what was sent.
        message, entry = post.message, post.entry
        payload = attempts.form.build_payload(message, self._say)
        attempts.thread = await self._find_thread(post) if attempts.form.in_thread else ""
        # The database was asked, which takes time.
        self._check_not_dropped(post)
        try:
            posted = await self._call_post_message(post, payload, attempts)
        except RateLimited as limited:
            self.gate.pause_for(asyncio.get_running_loop().time(), limited.retry_after)
            return None
        except SlackUnavailable as away:
            found = await self._handle_no_answer(post, attempts, away)
            return AcceptedPost(found, message, entry) if found is not None else None
        except SlackError as refusal:
            if not attempts.form.simplify(refusal, payload):
                self._places.note_refusal(post.channel, refusal)
                raise
            log.error("Slack refused a message (%s): it is tried in a plainer form", refusal.code)
            return None
        self.count += 1
        return AcceptedPost(posted, message, entry)

    async def _call_post_message(
        self, post: QueuedPost, payload: dict[str, Any], attempts: Attempts
    ) -> Posted:
        more: dict[str, Any] = {}
        if attempts.thread:
            more = {"thread_ts": attempts.thread, "reply_broadcast": post.place.broadcast}
        if attempts.form.marked and self._lookup.is_possible:
            more["metadata"] = build_marker_metadata(post.marker)
        request = self._client.chat_postMessage(
            channel=post.channel, unfurl_links=False, unfurl_media=False, **more, **payload
        )
        post.calling = True
        try:
            answer = await await_slack_call("chat.postMessage", request)
        except asyncio.CancelledError:
            # Whoever goes on with this post must know.
            self._doubt(post)
            raise
        finally:
            post.calling = False
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def _doubt(self, post: QueuedPost) -> None:
        """Note that Slack may have taken a post unseen."""
        post.doubtful = True
        if post.entry is not None:
            self._deliveries.note_doubt(post.entry)

    async def _find_thread(self, post: QueuedPost) -> str:
        # Asked at each try: the message of the thread may have been posted meanwhile. One that is
        # not known leaves the reply in the channel rather than nowhere.
        if not post.place.thread:
            return ""
        found = await self._deliveries.find_place(Posted(post.channel, post.place.thread))
        return found.ts if found is not None else ""

    async def _handle_no_answer(
        self, post: QueuedPost, attempts: Attempts, away: SlackUnavailable
    ) -> Posted | None:
        """Return where a post stands whose answer was lost, or None when it is to be tried again.

        Raises the error when it is not to be.
        """
        attempts.failures += 1
        log.warning("a message waits for Slack: %s", away)
        if not away.unsure:
            if post.entry is None and attempts.failures > MOST_FAILURES:
                raise away
            await self._pause(post, compute_backoff(attempts.failures))
            return None
        self._doubt(post)
        try:
            # Slack may be at work on it still.
            if post.entry is not None or self._lookup.is_possible:
                await self._pause(post, compute_backoff(attempts.failures))
            found = await self._look_up(post, attempts)
        except PostDropped:
            self.unsure["left"] += 1
            raise
        except SlackError as unknown:
            # A post has no key by which Slack would tell a repeat. Only what is kept is worth a
            # double.
            if post.entry is None:
                self.unsure["given_up"] += 1
                raise away from unknown
            log.warning("a message may be posted twice: %s", unknown)
            self.unsure["repeated"] += 1
            return None
        self.unsure["found" if found is not None else "absent"] += 1
        return found

    async def _find_earlier_post(self, post: QueuedPost) -> AcceptedPost | None:
        """Return a message that was perhaps posted before: by a process that is gone, or in a call
        that was broken off.

        Raises SlackUnavailable for one that is not kept, when that cannot be found out.
        """
        entry = post.entry
        since = entry.created if entry is not None else post.since
        attempts = Attempts(since=since, thread=await self._find_thread(post))
        try:
            found = await self._look_up(post, attempts)
        except SlackError as unknown:
            if entry is None:
                self.unsure["given_up"] += 1
                raise SlackUnavailable("chat.postMessage", unsure=True) from unknown
            self.unsure["repeated"] += 1
            return None
        if found is None:
            self.unsure["absent"] += 1
            return None
        self.unsure["found"] += 1
        # In which version it stands there is not known: it is shown anew, by an edit.
        return AcceptedPost(found, Message(""), entry.at_version(0) if entry is not None else None)

    async def _look_up(self, post: QueuedPost, attempts: Attempts) -> Posted | None:
        """Look whether a post stands in its channel; wait while Slack is away.

        Raises SlackError when that cannot be found out.
        """
        while True:
            try:
                return await self._lookup.find_message(
                    post.channel, post.marker, thread=attempts.thread, since=attempts.since
                )
            except RateLimited as limited:
                await self._pause(post, limited.retry_after)
            except SlackUnavailable:
                attempts.failures += 1
                if post.entry is None and attempts.failures > MOST_FAILURES:
                    raise
                await self._pause(post, compute_backoff(attempts.failures))

    async def _wait_until_allowed(self, post: QueuedPost) -> None:
        """Wait until Slack may be asked again. Raises PostDropped."""
        self._check_not_dropped(post)
        while (wait := self.gate.open_at - asyncio.get_running_loop().time()) > 0:
            await self._pause(post, wait)

    async def _pause(self, post: QueuedPost, seconds: float) -> None:
        """Wait, but no longer than until the post is dropped. Raises PostDropped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await post.dropped.wait()
        self._check_not_dropped(post)

    def _check_not_dropped(self, post: QueuedPost) -> None:
        # What is not kept is nobody else's, and goes on.
        if post.entry is not None and (post.dropped.is_set() or self._is_fenced()):
            raise PostDropped
