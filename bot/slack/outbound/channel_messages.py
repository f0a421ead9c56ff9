"""Messages in channels: posted, edited within Slack's limits, kept until Slack has them.

With an outbox, a message is kept before Slack is asked, and so is each final edit; while Slack is
away, the caller that posts or ends a run goes on, and `deliver_kept_messages` delivers later, also
where a channel takes nothing for a while. Edits of what is under way are not kept: they are worth
nothing after a crash. Without an outbox, or while the database is away, everything is sent all the
same, and failures are reported to the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.language import ENGLISH, Localizer
from bot.messages import CHANNEL, Message, Outbox, OutboxEntry, Place, Posted
from bot.metrics import Metric
from bot.slack.outbound.deliveries import Deliveries
from bot.slack.outbound.edits import EditQueue
from bot.slack.outbound.final_edits import KEPT, FinalEdits
from bot.slack.outbound.kept_messages import KeptMessages
from bot.slack.outbound.message_figures import collect_figures, describe_refusing_places
from bot.slack.outbound.message_lookup import MessageLookup
from bot.slack.outbound.post_sender import PostSender
from bot.slack.outbound.posts import PostQueue
from bot.slack.outbound.queued_posts import AcceptedPost, QueuedPost
from bot.slack.outbound.refusal_records import RefusalRecords
from bot.slack.outbound.refusing_places import RefusingPlaces
from bot.slack.webapi.rate_limit import EditLimits
from bot.slack.webapi.web_api_errors import await_slack_call

HOLD = 3.0
"""Seconds that whoever posts or ends waits for Slack before going on with what is kept."""

log = logging.getLogger(__name__)


class SlackChannelMessages:
    """`bot.messages.ChannelMessages` over chat.postMessage and chat.update."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        pace: EditLimits | None = None,
        outbox: Outbox | None = None,
        say: Localizer = ENGLISH,
        scopes: Collection[str] = (),
        is_fenced: Callable[[], bool] = lambda: False,
    ) -> None:
        """`say` writes the notice in a message that is too long; all else is rendered already.

        `scopes` are those of the bot's token, and `is_fenced` tells whether other processes may
        take over what is kept here.
        """
        self._client, self._is_fenced = client, is_fenced
        self._deliveries = Deliveries(outbox)
        self._jobs = Jobs()
        self.places = RefusingPlaces()
        self.refusals = RefusalRecords(self._deliveries, self.places, self._jobs)
        self.edits = EditQueue(client, pace or EditLimits(), say, places=self.places)
        self.sender = PostSender(
            client,
            deliveries=self._deliveries,
            places=self.places,
            lookup=MessageLookup(client, scopes),
            is_fenced=is_fenced,
            say=say,
        )
        self.posts = PostQueue(
            self.sender, accepted=self._on_post_accepted, refused=self._on_post_refused
        )
        self._final_edits = FinalEdits(
            self.posts, self.edits, self._deliveries, self.refusals, self._jobs
        )
        self._kept = KeptMessages(
            client, self.posts, self.edits, self._final_edits, self._deliveries, self.places
        )

    @property
    def pending(self) -> int:
        """Number of messages with something that Slack does not have yet."""
        return self.posts.pending + self.edits.pending

    @property
    def stalled(self) -> str:
        """What has stopped posting or editing and is not begun again yet, or ""."""
        parts = [f"posting in {channel}" for channel in self.posts.stalled]
        return ", ".join([*parts, *(["editing"] if self.edits.is_stalled else [])])

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield from collect_figures(self.sender, self.edits, self.pending, self._deliveries.held)
        yield from self.places.figures()

    def describe_refusals(self) -> str:
        """Return in words where Slack takes no messages just now, and how many wait; or ""."""
        return describe_refusing_places(self.places, len(self._deliveries.held))

    async def post(
        self, channel: str, message: Message, place: Place = CHANNEL, *, keep: bool = False
    ) -> Posted:
        """Post a message, waiting where Slack says so, and return its place.

        A post that takes longer than a moment is delivered later, and its place is pending; with
        `keep` also one that the channel or the workspace does not take for now. Raises SlackError
        when Slack refuses; without an outbox, also when Slack is away or may have posted unseen.
        """
        entry, new = await self._deliveries.enter_message(channel, message, place)
        if entry is not None and not new:
            return await self._reuse_earlier_post(entry, message, keep=keep)
        if entry is not None and self._is_fenced():
            return entry.posted  # whoever takes over posts it
        return await _wait_for_post(self.posts.enqueue(channel, message, place, entry, keep=keep))

    async def _reuse_earlier_post(
        self, entry: OutboxEntry, message: Message, *, keep: bool
    ) -> Posted:
        """Return where the message of that name stands or will stand.

        One that was refused is posted anew.
        """
        if not entry.ts and entry.refused:
            anew = await self._deliveries.update_message(entry.posted, message)
            return await _wait_for_post(
                self.posts.enqueue(entry.channel, message, entry.place, anew, keep=keep)
            )
        post = None if entry.ts else self.posts.find_waiting(entry.posted)
        return await _wait_for_post(post) if post is not None else entry.posted

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Show this message as soon as the limits allow; a newer edit replaces a waiting one.

        `news` goes before the rest.
        """
        post = self.posts.find_waiting(posted)
        if post is not None:
            post.edit, post.news = message, news or post.news
        elif (
            where := self._deliveries.find_known_place(posted)
        ) is not None and self.places.claim_attempt(where.channel):
            # Where the channel takes nothing, an edit of what goes on would cost those of others.
            self.edits.enqueue(where, message, news=news)

    async def settle(self, posted: Posted, message: Message) -> None:
        """Show the last edit of a run, before edits that wait.

        Returns when Slack has it, or after a moment when it is kept for later. Raises
        SlackError when Slack refuses it, or is away, and it could not be kept.
        """
        # In tasks of their own: when the run that waits here is cancelled, its end is shown all the
        # same.
        kept = self._jobs.spawn(self._deliveries.update_message(posted, message), "keep an end")
        settling = self._jobs.spawn(
            self._final_edits.show_final_edit(posted, message, kept), "show an end"
        )
        await asyncio.wait({settling}, timeout=HOLD)
        if not settling.done() and kept.done() and kept.result() is not None:
            return
        problem = await settling
        if problem is not None:
            raise problem

    def forget(self, posted: Posted) -> None:
        """Drop the edit that waits to be shown there: the message is another process's now."""
        if (where := self._deliveries.find_known_place(posted)) is not None:
            self.edits.discard_edit(where)

    def drop_kept_posts(self) -> None:
        """Drop the posts that wait and are kept: the process that takes over delivers them."""
        self.posts.drop_kept()

    async def deliver_kept_messages(self) -> None:
        """Deliver the messages that are kept and that nothing else here delivers.

        To be called now and then, and after taking something over.
        """
        await self._kept.deliver()

    async def permalink(self, posted: Posted) -> str:
        """Return a link to the message, or "" when Slack does not give one."""
        where = await self._deliveries.find_place(posted)
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
        # Posts first: one that Slack takes now may leave an edit behind it.
        left = await self.posts.aclose(grace)
        left += await self.edits.aclose(max(0.0, began + grace - asyncio.get_running_loop().time()))
        await self._jobs.drain(KEPT)
        return left

    async def _on_post_accepted(self, post: QueuedPost, taken: AcceptedPost) -> None:
        """Show in a message that Slack took the changes that came meanwhile."""
        self.edits.delay_first_edit(taken.posted)
        if taken.entry is not None:
            if taken.entry.ts:
                self._deliveries.note_move(taken.entry.posted, taken.posted)
            await self._deliveries.record_delivery(taken.entry, taken.posted)
        # It changed while Slack was asked, so Slack has the one before.
        if post.message is not taken.message:
            self._final_edits.start_delivery(
                taken.posted, post.message, post.entry if post.entry is not taken.entry else None
            )
        elif post.edit is not None:
            self.edits.enqueue(taken.posted, post.edit, news=post.news)

    async def _on_post_refused(self, post: QueuedPost, refusal: SlackError) -> bool:
        """Record that Slack refused a post, and return whether it is kept for later."""
        if post.entry is None:
            return False
        told = post.waiting > 0
        return await self.refusals.record_refusal(
            post.entry, refusal, keep=post.keep or not told, told=told
        )


async def _wait_for_post(post: QueuedPost) -> Posted:
    """Return where the message stands; after a moment, if it is kept, where it will."""
    post.waiting += 1
    try:
        await asyncio.wait({post.done}, timeout=HOLD if post.entry is not None else None)
    finally:
        post.waiting -= 1
    if not post.done.done() and post.entry is not None:
        return post.entry.posted
    return await post.done
