"""Posts the messages of runs, and shows their ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.catalog import Catalog
from bot.engine.runs.progress_message import ProgressMessage
from bot.engine.runs.undelivered import UndeliveredNotices
from bot.errors import MeshbotError, SlackError
from bot.language import Localizer
from bot.ledger import Ledger, Run, build_run_key
from bot.messages import CHANNEL, ChannelMessages, Message, Place, Posted
from bot.text import verbatim
from bot.view import result_messages
from bot.view.result_messages import Heading, RunProgress

log = logging.getLogger(__name__)


def build_heading(catalog: Catalog, run: Run) -> Heading:
    """Return the heading of each message of a run."""
    step = catalog.get(run.step)
    title = step.title if step is not None else verbatim(run.step)
    typed = f"{catalog.command} {run.arguments}"
    return Heading(
        run.id,
        title,
        run.user,
        typed=typed,
        attempt=run.attempt,
        request_key=run.request_key,
    )


@dataclass(frozen=True)
class RunMessages:
    """The messages of runs in channels; the ledger records where they are.

    `notify` is told of each run that is shown, asks or has ended; it returns at once.
    `undelivered` tells who asked for a run when its end is shown nowhere.
    """

    say: Localizer
    catalog: Catalog
    channel_messages: ChannelMessages
    ledger: Ledger
    notify: Callable[[Run], None]
    undelivered: UndeliveredNotices

    @property
    def command(self) -> str:
        """The slash command's name."""
        return self.catalog.command

    async def post(self, run: Run, place: Place = CHANNEL, *, keep: bool = False) -> Run:
        """Post the message of a run that begins; return the run with its address.

        Raises SlackError when Slack refuses it; with `keep`, not where the channel takes nothing
        for now.
        """
        heading = build_heading(self.catalog, run)
        message = result_messages.render_running(self.say, heading, RunProgress())
        # By this key the outbox knows it, also before it is posted.
        named = replace(place, key=build_run_key(run.id))
        posted = await self.channel_messages.post(run.channel, message, named, keep=keep)
        if not posted.is_pending:
            try:
                await self.ledger.runs.record_posted(run.id, posted.channel, posted.ts)
            except MeshbotError as problem:
                # Not worth ending the run: the outbox holds the place too, and other processes only
                # need it when this one dies.
                log.error("where run %s is shown was not recorded: %s", run.id, problem)
        run = replace(run, channel=posted.channel, ts=posted.ts)
        self.notify(run)
        return run

    def build_progress(self, run: Run) -> ProgressMessage:
        """Return the message of a run, to report its progress in."""
        return ProgressMessage(
            self.say,
            self.channel_messages,
            run.posted or Posted(run.channel, ""),
            build_heading(self.catalog, run),
            started=run.created_at.timestamp(),
        )

    async def show_end(
        self, run: Run, progress: ProgressMessage, message: Message
    ) -> Posted | None:
        """Show a message in place of the run's message, and return where it is shown.

        It goes into a new message when that was deleted or takes no edits. Who asked for the run
        is told when it is shown nowhere; then None is returned.
        """
        if await progress.show_final(message):
            return progress.posted
        try:
            posted = await self.channel_messages.post(run.channel, message)
        except SlackError as problem:
            log.error("the end of run %s is not shown in its channel: %s", run.id, problem)
            ended = await self._read_state(run)
            await self.undelivered.tell_asker(ended, message, problem.code, kept=False)
            return None
        try:
            await self.ledger.runs.record_posted(run.id, posted.channel, posted.ts)
        except MeshbotError as problem:
            log.error("where run %s is shown was not recorded: %s", run.id, problem)
        return posted

    async def _read_state(self, run: Run) -> Run:
        """Return the run as it stands in the ledger; as it was, when that is away."""
        try:
            return await self.ledger.run_queries.get_run(run.id) or run
        except MeshbotError:
            return run
