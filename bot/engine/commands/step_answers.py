"""Runs the steps that answer at once, for the one person who asked or for the whole channel."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from bot.catalog import Catalog, Invocation
from bot.diagnosis.verdicts import complete_verdict
from bot.engine.pictures import PictureAttacher
from bot.engine.runs.audit_writer import Auditor
from bot.engine.runs.error_messages import explain_post_error
from bot.engine.world.context import ContextBuilder
from bot.errors import SlackError, UserError
from bot.language import Localizer
from bot.messages import ChannelMessages, Command, Message, Place, Posted, Reply
from bot.steps import Caller, Shared
from bot.text import Text
from bot.view import result_messages


@dataclass(frozen=True)
class Answers:
    """Answers the commands of callers who were checked before."""

    catalog: Catalog
    contexts: ContextBuilder
    channel_messages: ChannelMessages
    pictures: PictureAttacher
    audit: Auditor
    say: Localizer

    async def answer(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        """Run the step and show its verdict.

        Raises UserError when it is to be shared where the bot cannot post.
        """
        since = time.time()
        step, options = invocation.step, invocation.options
        context = replace(self.contexts.build_context(invocation, caller), channel=asked.channel)
        verdict = await complete_verdict(context, step, await step.run(context, options))
        shared = isinstance(options, Shared) and options.share
        # A modal has room for all of it; and only what is posted is kept, with its details.
        again = "" if shared else None if asked.away else invocation.text
        message = result_messages.render_answer(
            self.say, step.title, verdict, command=self.catalog.command, again=again
        )
        if shared:
            posted = await self._share(asked, message, reply)
            # Added later: in a channel Slack shows a new file only after a second or two.
            await self.pictures.attach(posted, message, verdict.picture)
        else:
            await reply.say(await self.pictures.add_to_message(message, verdict.picture))
        await self.audit.record_answer(asked, invocation, verdict, since)

    async def _share(self, asked: Command, message: Message, reply: Reply) -> Posted:
        place = Place(thread=asked.thread)
        try:
            return await self.channel_messages.post(asked.channel, message, place)
        except SlackError as problem:
            # What the step did and found is not lost with the place to show it in.
            await reply.say(message)
            told = explain_post_error(problem)
            words = Text(
                "I cannot post in this channel ({code}); only you see the answer.",
                code=problem.code,
            )
            raise UserError(words, told.hint) from problem
