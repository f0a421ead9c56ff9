"""Messages about errors, for the one person whose command or button led to it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass

from bot.catalog import Catalog
from bot.engine.access.policy import AccessDenied
from bot.engine.runs.error_messages import explain_error
from bot.engine.runs.run_messages import build_heading
from bot.errors import MeshbotError
from bot.language import Localizer
from bot.ledger import Ledger, Run, ScopeLocked
from bot.messages import ChannelMessages, Message
from bot.text import Text
from bot.view import result_messages
from bot.view.denials import render_denial

ADDRESS_TRIES, ADDRESS_PAUSE = 10, 0.1
"""How often, and seconds between, a run that has just begun is asked where its message is."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErrorReplies:
    """Builds the messages about errors."""

    catalog: Catalog
    ledger: Ledger
    channel_messages: ChannelMessages
    say: Localizer

    async def build_message(self, problem: Exception) -> Message:
        """Return the message about any error; never raises."""
        try:
            if isinstance(problem, ScopeLocked):
                return await self._render_busy(problem.run, problem.wanted)
            return self._render_error(problem)
        except MeshbotError as another:
            return self._render_error(another)

    def _render_error(self, problem: Exception) -> Message:
        """Return the message about an error; plain text when its blocks cannot be built."""
        try:
            if isinstance(problem, AccessDenied):
                return render_denial(self.say, problem.denial, self.catalog.command)
            failure = explain_error(problem)
            typed = [f"{self.catalog.command} {fix}" for fix in failure.fixes]
            return result_messages.render_user_error(self.say, failure.summary, failure.turn, typed)
        except Exception as broken:
            # Nobody is left without an answer, even when the blocks of the answer are at fault.
            reference = secrets.token_hex(4)
            log.exception("an answer could not be built, reference %s", reference)
            return Message(self.say(describe_unbuilt(broken, reference)))

    async def _render_busy(self, run: Run, wanted: str) -> Message:
        """Return the message that another run is in the way, with a link to that run."""
        for _ in range(ADDRESS_TRIES):
            if run.posted is not None:
                break
            # It is entered before its message is posted.
            await asyncio.sleep(ADDRESS_PAUSE)
            run = await self.ledger.run_queries.get_run(run.id) or run
        link = await self.channel_messages.permalink(run.posted) if run.posted else ""
        title = build_heading(self.catalog, run).title
        seconds = time.time() - run.created_at.timestamp()
        typed = f"{self.catalog.command} {wanted}" if wanted else ""
        return result_messages.render_busy(self.say, title, run.user, seconds, link, wanted=typed)


def describe_unbuilt(broken: Exception, reference: str) -> Text:
    """Return the plain answer when the message about an error cannot be built."""
    return Text(
        "I could not build the answer to that ({error}). "
        "Tell the bot's administrator: reference `{reference}`.",
        error=type(broken).__name__,
        reference=reference,
    )
