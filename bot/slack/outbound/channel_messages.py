"""Messages in channels: posted, edited within Slack's limits, kept until Slack has them.

With an outbox, a message is kept before Slack is asked, and so is each final edit;
while Slack is away, the caller that posts or ends a run goes on, and
`deliver_kept_messages` delivers later. Edits of what is under way are not kept: they
are worth nothing after a crash. Without an outbox, or while the database is away,
everything is sent all the same, and failures are reported to the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import LedgerError, SlackError
from bot.jobs import Jobs
from bot.language import ENGLISH, Localizer
from bot.messages import CHANNEL, WAITS, Message, Outbox, OutboxEntry, Place, Posted
from bot.metrics import Metric, counter
from bot.slack.outbound.edits import EditQueue
from bot.slack.outbound.posts import AcceptedPost, PostQueue, QueuedPost
from bot.slack.webapi.errors import SlackUnavailable, await_slack_call
from bot.slack.webapi.rate_limit import EditLimits

HOLD = 3.0
"""Seconds that whoever posts or ends waits for Slack before going on with what is kept."""

KEPT = 1.0
"""Seconds that an end waits to be kept before it is shown all the same."""

REMEMBERED = 5_000
"""Messages of which it is remembered where they came to stand, and what of them was shown last."""

UNEDITABLE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Refusals of an edit after which the same is shown in a new message."""

log = logging.getLogger(__name__)


class SlackChannelMessages:
    """`bot.messages.ChannelMessages` over chat.postMessage and chat.update; the counters are there
    for metrics."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        pace: EditLimits | None = None,
        outbox: Outbox | None = None,
        say: Localizer = ENGLISH,
    ) -> None:
        """`say` writes the notice in a message that is too long; all else is rendered already."""
        self._client, self._outbox = client, outbox
        self.edits = EditQueue(client, pace or EditLimits(), say)
        self.posts = PostQueue(
            client,
            sent=self._on_post_accepted,
            refused=self._on_post_refused,
            thread=self._resolve_thread_ts,
            say=say,
        )
        self._jobs = Jobs()
        self._hands: Counter[Posted] = Counter()
        self._shown: OrderedDict[int, tuple[Posted, int]] = OrderedDict()
        self._unkept: dict[int, tuple[OutboxEntry, Posted]] = {}

    @property
    def pending(self) -> int:
        """Number of messages with something that Slack does not have yet."""
        return self.posts.pending + self.edits.pending

    @property
    def posts_sent(self) -> int:
        """Number of messages that Slack took."""
        return self.posts.count

    @property
    def edits_sent(self) -> int:
        """Number of edits that Slack took."""
        return self.edits.sent

    @property
    def edits_coalesced(self) -> int:
        """Number of edits that a newer one replaced before they were sent."""
        return self.edits.coalesced

    @property
    def limit_waits(self) -> int:
        """Number of times that Slack answered 429."""
        return self.posts.gate.waits + self.edits.gate.waits

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield counter("posts", "Messages that Slack took.", self.posts_sent)
        yield counter(
            "posts_repeated",
            "Posts sent again after an answer was lost; each may be there twice.",
            self.posts.doubts,
        )
        yield counter("edits", "Edits that Slack took.", self.edits_sent)
        yield counter(
            "edits_coalesced",
            "Edits that a newer one replaced before they were sent.",
            self.edits_coalesced,
        )
        yield counter("edits_lost", "Edits that were refused or given up.", self.edits.lost)
        yield counter("slack_limit_waits", "How often Slack answered 429.", self.limit_waits)
        yield Metric(
            "messages_pending",
            "Messages here with something that Slack does not have yet.",
            self.pending,
        )

    async def post(self, channel: str, message: Message, place: Place = CHANNEL) -> Posted:
        """Post a message, waiting where Slack says so, and return its place.

        A post that takes longer than a moment is delivered later, and its place is pending.
        Raises SlackError when Slack refuses; without an outbox, also when Slack is away or may
        have posted unseen.
        """
        entry, new = await self._enter_in_outbox(channel, message, place)
        if entry is not None and not new:
            return await self._reuse_earlier_post(entry, message)
        return await _wait_for_post(self.posts.enqueue(channel, message, place, entry))

    async def _reuse_earlier_post(self, entry: OutboxEntry, message: Message) -> Posted:
        """Return where the message of that name stands or will stand.

        One that was refused is posted anew.
        """
        if not entry.ts and entry.refused:
            anew = await self._update_in_outbox(entry.posted, message)
            return await _wait_for_post(
                self.posts.enqueue(entry.channel, message, entry.place, anew)
            )
        post = None if entry.ts else self.posts.find_waiting(entry.number)
        return await _wait_for_post(post) if post is not None else entry.posted

    async def _enter_in_outbox(
        self, channel: str, message: Message, place: Place
    ) -> tuple[OutboxEntry | None, bool]:
        if self._outbox is None:
            return None, True
        try:
            return await self._outbox.enter(channel, message, place)
        except LedgerError as problem:
            log.error("a message is not kept before it is posted: %s", problem)
            return None, True

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Show this message as soon as the limits allow; a newer edit replaces a waiting one.

        `news` goes before the rest.
        """
        post = self._find_queued_post(posted)
        if post is not None:
            post.edit, post.news = message, news or post.news
        elif (where := self._find_known_place(posted)) is not None:
            self.edits.enqueue(where, message, news=news)

    async def settle(self, posted: Posted, message: Message) -> None:
        """Show the last edit of a run, before edits that wait.

        Returns when Slack has it, or after a moment when it is kept for later. Raises
        SlackError when Slack refuses it, or is away and it could not be kept.
        """
        kept = self._jobs.spawn(self._update_in_outbox(posted, message), "keep an end")
        settling = self._jobs.spawn(self._show_final_edit(posted, message, kept), "show an end")
        await asyncio.wait({settling}, timeout=HOLD)
        if not settling.done() and kept.done() and kept.result() is not None:
            return
        problem = await settling
        if problem is not None:
            raise problem

    async def _update_in_outbox(self, posted: Posted, message: Message) -> OutboxEntry | None:
        if self._outbox is None:
            return None
        try:
            return await self._outbox.want(posted, message)
        except LedgerError as problem:
            log.error("an end is not kept before it is shown: %s", problem)
            return None

    async def _show_final_edit(
        self, posted: Posted, message: Message, kept: asyncio.Task[OutboxEntry | None]
    ) -> SlackError | None:
        """Show a final edit once it is kept, or takes long to be kept; return the refusal.

        An edit that is kept is not given up.
        """
        with self._reserve_message(posted):
            await asyncio.wait({kept}, timeout=KEPT)
            post = self._find_queued_post(posted)
            if post is not None:
                post.message, post.edit = message, None
                post.entry = (kept.result() if kept.done() else None) or post.entry
                await asyncio.wait({post.done})
                problem = post.done.exception()
                return problem if isinstance(problem, SlackError) else None
            where = self._find_known_place(posted) or await self._find_in_outbox(posted)
            if where is None:
                return None if await kept else SlackError("message_not_found", "chat.update")
            return await self._deliver_final_edit(where, message, kept)

    @contextmanager
    def _reserve_message(self, posted: Posted) -> Iterator[None]:
        """Keep `deliver_kept_messages` away from this message while the context lasts."""
        self._hands[posted] += 1
        try:
            yield
        finally:
            self._hands[posted] -= 1
            if not self._hands[posted]:
                del self._hands[posted]

    async def _deliver_final_edit(
        self, where: Posted, message: Message, kept: asyncio.Task[OutboxEntry | None]
    ) -> SlackError | None:
        try:
            await self.edits.send_final(where, message)
        except SlackError as problem:
            entry = await kept
            later = isinstance(problem, SlackUnavailable) or problem.code == "shutting_down"
            if entry is not None and not later:
                await self._record_refusal(entry, problem)
            return None if entry is not None and later else problem
        entry = await kept
        if entry is not None:
            await self._record_delivery(entry, where)
        return None

    def forget(self, posted: Posted) -> None:
        """Drop the edit that waits to be shown there: the message is another process's now."""
        if (where := self._find_known_place(posted)) is not None:
            self.edits.discard_edit(where)

    def drop_kept_posts(self) -> None:
        """Drop the posts that wait and are kept: the process that takes over delivers them."""
        self.posts.drop_kept()

    async def deliver_kept_messages(self) -> None:
        """Deliver the messages that are kept and that nothing else here delivers.

        To be called now and then, and after taking something over.
        """
        if self._outbox is None:
            return
        for entry, posted in list(self._unkept.values()):
            await self._outbox.delivered(entry, posted)
            self._unkept.pop(entry.number, None)
        for entry in await self._outbox.waiting():
            _, version = self._shown.get(entry.number, (None, 0))
            if entry.version <= version or entry.posted in self._hands:
                continue
            if not entry.ts:
                self.posts.enqueue(entry.channel, entry.message, entry.place, entry)
            else:
                self._start_delivery(entry.posted, entry.message, entry)

    def _start_delivery(self, posted: Posted, message: Message, entry: OutboxEntry | None) -> None:
        """Show this message in a task.

        A kept one that can no longer be edited there is posted anew.
        """

        async def show() -> None:
            with hand:
                problem = await self._deliver_final_edit(
                    posted, message, self._jobs.spawn(_return_entry(entry), "kept before")
                )
            if problem is not None and problem.code in UNEDITABLE and entry is not None:
                self.posts.enqueue(entry.channel, message, entry.place, entry)

        hand = ExitStack()
        hand.enter_context(self._reserve_message(posted))
        self._jobs.spawn(show(), "show later")

    async def permalink(self, posted: Posted) -> str:
        """Return a link to the message, or "" when Slack does not give one."""
        where = self._find_known_place(posted) or await self._find_in_outbox(posted)
        if where is None:
            return ""
        request = self._client.chat_getPermalink(channel=where.channel, message_ts=where.ts)
        try:
            answer = await await_slack_call("chat.getPermalink", request)
        except SlackError as problem:
            log.warning("no link to a message: %s", problem)
            return ""
        return str(answer.get("permalink") or "")

    async def aclose(self, grace: float) -> int:
        """Send what waits for up to `grace` seconds.

        Returns the number of messages that lack something, kept or not.
        """
        began = asyncio.get_running_loop().time()
        left = await self.posts.aclose(grace)
        left += await self.edits.aclose(max(0.0, began + grace - asyncio.get_running_loop().time()))
        await self._jobs.drain(KEPT)
        return left

    # What became of messages

    def _find_queued_post(self, posted: Posted) -> QueuedPost | None:
        return self.posts.find_waiting(_parse_outbox_number(posted)) if posted.is_pending else None

    def _find_known_place(self, posted: Posted) -> Posted | None:
        if not posted.is_pending:
            return posted
        return self._shown.get(_parse_outbox_number(posted), (None, 0))[0]

    async def _find_in_outbox(self, posted: Posted) -> Posted | None:
        """Return the place of a message that another process, or an earlier one, has posted."""
        if self._outbox is None:
            return None
        try:
            entry = await self._outbox.find(posted)
        except LedgerError:
            return None
        return entry.posted if entry is not None and entry.ts else None

    async def _resolve_thread_ts(self, posted: Posted) -> str:
        where = self._find_known_place(posted) or await self._find_in_outbox(posted)
        return where.ts if where is not None else ""

    async def _on_post_accepted(self, post: QueuedPost, taken: AcceptedPost) -> None:
        """Show in a message that Slack took the changes that came meanwhile."""
        self.edits.delay_first_edit(taken.posted)
        if taken.entry is not None:
            await self._record_delivery(taken.entry, taken.posted)
        if post.message is not taken.message:
            self._start_delivery(
                taken.posted, post.message, post.entry if post.entry is not taken.entry else None
            )
        elif post.edit is not None:
            self.edits.enqueue(taken.posted, post.edit, news=post.news)

    async def _on_post_refused(self, post: QueuedPost, refusal: SlackError) -> None:
        if post.entry is not None:
            await self._record_refusal(post.entry, refusal)

    async def _record_refusal(self, entry: OutboxEntry, refusal: SlackError) -> None:
        assert self._outbox is not None, "only an outbox makes entries"
        log.error("message %d is not shown: %s", entry.number, refusal)
        try:
            await self._outbox.refuse(entry, refusal.code)
        except LedgerError as problem:
            log.error("that Slack refused message %d is not kept: %s", entry.number, problem)

    async def _record_delivery(self, entry: OutboxEntry, posted: Posted) -> None:
        """Record that Slack has the version in `entry`.

        What cannot be recorded at once is recorded later, so that only a crash in between
        doubles the message.
        """
        assert self._outbox is not None, "only an outbox makes entries"
        self._shown[entry.number] = (posted, entry.version)
        self._shown.move_to_end(entry.number)
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        try:
            await self._outbox.delivered(entry, posted)
        except LedgerError as problem:
            self._unkept[entry.number] = (entry, posted)
            log.error("that Slack has message %d is not kept yet: %s", entry.number, problem)


async def _wait_for_post(post: QueuedPost) -> Posted:
    """Return where the message stands; after a moment, if it is kept, where it will."""
    await asyncio.wait({post.done}, timeout=HOLD if post.entry is not None else None)
    if not post.done.done() and post.entry is not None:
        return post.entry.posted
    return await post.done


async def _return_entry(entry: OutboxEntry | None) -> OutboxEntry | None:
    return entry


def _parse_outbox_number(posted: Posted) -> int:
    number = posted.ts.removeprefix(WAITS)
    return int(number) if number.isdecimal() else -1
