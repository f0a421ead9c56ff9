"""Queues of messages on their way into channels: one after the other in each.

A queue is emptied by a task of its own. Whatever ends that task, and whatever is taken out of the
queue meanwhile, each message in it is posted, or whoever waits for it is told that it is not; a
task that ended too early is begun again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.messages import Message, OutboxEntry, Place, Posted
from bot.slack.outbound.deliveries import parse_outbox_number
from bot.slack.outbound.post_sender import PostSender
from bot.slack.outbound.queued_posts import AcceptedPost, PostDropped, QueuedPost
from bot.slackrules.refusal_codes import OWN_FAILURE

log = logging.getLogger(__name__)

Accepted = Callable[[QueuedPost, AcceptedPost], Awaitable[None]]
Refused = Callable[[QueuedPost, SlackError], Awaitable[bool]]


@dataclass(eq=False)
class Lane:
    """The messages for one channel, in their order, and the task that posts them."""

    posts: deque[QueuedPost] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None

    @property
    def is_stalled(self) -> bool:
        """Tell whether messages wait that nothing posts."""
        return bool(self.posts) and (self.task is None or self.task.done())


class PostQueue:
    """The queues of messages that are to be posted. `accepted` is told of each that Slack took, and
    `refused` of each that it did not, which answers whether it is kept for later."""

    def __init__(self, sender: PostSender, *, accepted: Accepted, refused: Refused) -> None:
        self._sender, self._accepted, self._refused = sender, accepted, refused
        self._lanes: dict[str, Lane] = {}
        self._numbered: dict[int, QueuedPost] = {}
        self._jobs = Jobs()

    @property
    def pending(self) -> int:
        """Number of messages that Slack does not have yet."""
        return sum(len(lane.posts) for lane in self._lanes.values())

    @property
    def stalled(self) -> list[str]:
        """The channels for which messages wait that nothing posts."""
        return [channel for channel, lane in self._lanes.items() if lane.is_stalled]

    def enqueue(
        self,
        channel: str,
        message: Message,
        place: Place,
        entry: OutboxEntry | None,
        *,
        keep: bool = False,
        doubtful: bool = False,
    ) -> QueuedPost:
        """Queue a message behind those that wait for the same channel.

        One that waits already stays where it is. `keep` and `doubtful` as in QueuedPost.
        """
        if entry is not None and (waiting := self._numbered.get(entry.number)) is not None:
            waiting.keep |= keep
            return waiting
        done: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        post = QueuedPost(channel, message, place, entry, done, keep=keep, doubtful=doubtful)
        if entry is not None:
            self._numbered[entry.number] = post
        self._lanes.setdefault(channel, Lane()).posts.append(post)
        self.restart_stalled()
        return post

    def restart_stalled(self) -> None:
        """Begin the task of each queue that has none; to be called now and then besides."""
        for channel in self.stalled:
            lane = self._lanes[channel]
            if lane.task is not None:
                log.error("posting in %s had stopped; it is begun again", channel)
            # One call at a time in a channel, as Slack takes about one message a second there, and
            # a reader sees them in the order in which they were meant.
            lane.task = self._jobs.spawn(
                self._send_channel_posts(channel, lane), f"posts for {channel}"
            )

    def find_waiting(self, posted: Posted) -> QueuedPost | None:
        """Return the message of that pending address, while Slack does not have it."""
        return self._numbered.get(parse_outbox_number(posted)) if posted.is_pending else None

    def is_queued(self, entry: OutboxEntry) -> bool:
        """Tell whether this message is on its way here."""
        return entry.number in self._numbered

    def drop_kept(self) -> None:
        """Drop the messages that the outbox keeps: they are another process's now."""
        for lane in self._lanes.values():
            for post in [post for post in lane.posts if post.entry is not None]:
                post.dropped.set()
                # One that Slack is being asked to take may be there already, and another process
                # would post it again: what Slack answers decides, and is noted.
                if not post.calling and not post.answered:
                    lane.posts.remove(post)
                    self._resolve_unsent(post)

    async def aclose(self, grace: float) -> int:
        """Wait up to `grace` seconds for what is to be posted.

        Returns the number of messages that were not posted.
        """
        await self._jobs.drain(grace)
        left = self.pending
        for lane in self._lanes.values():
            for post in lane.posts:
                self._resolve_unsent(post)
        self._lanes.clear()
        return left

    async def _send_channel_posts(self, channel: str, lane: Lane) -> None:
        try:
            while lane.posts:
                await self._send_one(lane, lane.posts[0])
        finally:
            # Another may stand there by now, after `aclose`.
            if not lane.posts and self._lanes.get(channel) is lane:
                del self._lanes[channel]

    async def _send_one(self, lane: Lane, post: QueuedPost) -> None:
        """Post a message, and take it out of its queue once it is decided what becomes of it."""
        try:
            outcome = await self._decide_outcome(post)
        except asyncio.CancelledError:
            # Slack has it, whether that could be noted or not: it must not be posted again.
            if post.taken is not None:
                self._end_post(lane, post, post.taken)
            raise
        except Exception:
            # Whoever waits for this post must hear of it, and the channel's next posts go on.
            log.exception("a message could not be posted")
            outcome = post.taken or SlackError(OWN_FAILURE, "chat.postMessage")
        self._end_post(lane, post, outcome)

    async def _decide_outcome(self, post: QueuedPost) -> Posted | SlackError | None:
        """Return where a post stands or will stand, why it does not, or None when it is left to
        another process."""
        try:
            taken = await self._sender.send_post(post)
        except PostDropped:
            return None
        except SlackError as refusal:
            post.answered = True
            kept = await self._refused(post, refusal)
            return post.entry.posted if kept and post.entry is not None else refusal
        post.answered, post.taken = True, taken.posted
        await self._accepted(post, taken)
        return taken.posted

    def _end_post(self, lane: Lane, post: QueuedPost, outcome: Posted | SlackError | None) -> None:
        # This very one: others may have been taken out of the queue meanwhile.
        if post in lane.posts:
            lane.posts.remove(post)
        self._forget_number(post)
        if outcome is None:
            self._resolve_unsent(post)
        elif post.done.done():
            return
        elif isinstance(outcome, SlackError):
            post.done.set_exception(outcome)
            post.done.exception()  # whoever posted may have gone on without it
        else:
            post.done.set_result(outcome)

    def _resolve_unsent(self, post: QueuedPost) -> None:
        """End the wait for a post that this process sends no more.

        One that is kept is pending; one that is not kept was not posted.
        """
        self._forget_number(post)
        if post.done.done():
            return
        if post.entry is not None:
            post.done.set_result(post.entry.posted)
        else:
            post.done.set_exception(SlackError("shutting_down", "chat.postMessage"))

    def _forget_number(self, post: QueuedPost) -> None:
        # Not that of a later post of the same message.
        if post.entry is not None and self._numbered.get(post.entry.number) is post:
            del self._numbered[post.entry.number]
