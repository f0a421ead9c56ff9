"""Final edits of messages: each is shown, in a new message where the old one is gone, or kept until
it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bot.errors import SlackError
from bot.jobs import Jobs
from bot.messages import Message, OutboxEntry, Posted
from bot.slack.outbound.deliveries import Deliveries
from bot.slack.outbound.edits import EditQueue
from bot.slack.outbound.posts import PostQueue
from bot.slack.outbound.refusal_records import RefusalRecords
from bot.slack.webapi.message_refusals import RefusalKind, classify_refusal
from bot.slack.webapi.web_api_errors import SlackUnavailable

KEPT = 1.0
"""Seconds that an end waits to be kept before it is shown all the same."""

Kept = asyncio.Task[OutboxEntry | None]


class FinalEdits:
    """Shows final edits: in the post that waits, where there is one, or by an edit of its own."""

    def __init__(
        self,
        posts: PostQueue,
        edits: EditQueue,
        deliveries: Deliveries,
        records: RefusalRecords,
        jobs: Jobs,
    ) -> None:
        self._posts, self._edits, self._deliveries, self._jobs = posts, edits, deliveries, jobs
        self._records = records
        self._reserved: Counter[Posted] = Counter()

    async def show_final_edit(
        self, posted: Posted, message: Message, kept: Kept
    ) -> SlackError | None:
        """Show a final edit once it is kept, or takes long to be kept; return the refusal.

        An edit that is kept is not given up.
        """
        with self._reserve_message(posted):
            # Kept first, so that a crash in between loses nothing; but a database that hangs must
            # not hold back a result that Slack could show.
            await asyncio.wait({kept}, timeout=KEPT)
            if (post := self._posts.find_waiting(posted)) is not None:
                post.message, post.edit = message, None
                post.entry = (kept.result() if kept.done() else None) or post.entry
                post.keep = True
                # The post itself shows the end then, and needs no edit after it.
                await asyncio.wait({post.done})
                problem = post.done.exception()
                return problem if isinstance(problem, SlackError) else None
            where = await self._deliveries.find_place(posted)
            if where is not None:
                with self._reserve_message(where):
                    return await self._send_final_edit(where, message, kept)
            entry = await kept
            if entry is None:
                return SlackError("message_not_found", "chat.update")
            await self._records.hold_where_refused(entry)
            return None

    def is_reserved(self, posted: Posted) -> bool:
        """Tell whether a final edit of this message is under way."""
        return posted in self._reserved

    def start_delivery(self, posted: Posted, message: Message, entry: OutboxEntry | None) -> None:
        """Show this message in a task."""

        async def show() -> None:
            with reservation:
                kept = self._jobs.spawn(_return_entry(entry), "kept before")
                await self._send_final_edit(posted, message, kept)

        # Reserved now and not when the task begins: the next look for kept messages may come
        # before.
        reservation = ExitStack()
        reservation.enter_context(self._reserve_message(posted))
        self._jobs.spawn(show(), "show later")

    @contextmanager
    def _reserve_message(self, posted: Posted) -> Iterator[None]:
        """Keep `deliver_kept_messages` away from this message while the context lasts."""
        self._reserved[posted] += 1
        try:
            yield
        finally:
            self._reserved[posted] -= 1
            if not self._reserved[posted]:
                del self._reserved[posted]

    async def _send_final_edit(
        self, where: Posted, message: Message, kept: Kept
    ) -> SlackError | None:
        try:
            await self._edits.send_final(where, message)
        except SlackError as problem:
            entry = await kept
            if entry is None:
                return problem
            return await self._handle_refusal(entry, message, problem)
        entry = await kept
        if entry is not None:
            await self._deliveries.record_delivery(entry, where)
        return None

    async def _handle_refusal(
        self, entry: OutboxEntry, message: Message, problem: SlackError
    ) -> SlackError | None:
        """Do what can still be done for a final edit that is kept, and that Slack did not take."""
        # What is kept is delivered later, by this process or the next: nobody has to be told.
        if isinstance(problem, SlackUnavailable) or problem.code == "shutting_down":
            return None
        if classify_refusal(problem.code) in (RefusalKind.CHANNEL, RefusalKind.WORKSPACE):
            await self._records.record_refusal(entry, problem, keep=True, told=False)
            return None
        if self._deliveries.is_shown(entry):
            return None
        # The message was deleted or takes no more edits: a new one shows the same.
        post = self._posts.enqueue(entry.channel, message, entry.place, entry, keep=True)
        await asyncio.wait({post.done})
        refused = post.done.exception()
        return refused if isinstance(refused, SlackError) else None


async def _return_entry(entry: OutboxEntry | None) -> OutboxEntry | None:
    return entry
