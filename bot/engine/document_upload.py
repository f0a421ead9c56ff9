"""Puts the document of a verdict into the thread of its message, as Markdown and as HTML."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from bot.documents import Document
from bot.engine.pictures import PictureAttacher
from bot.errors import SlackError
from bot.language import Localizer
from bot.messages import ChannelMessages, Files, People, Place, Posted
from bot.slackrules.refusal_codes import OWN_FAILURE
from bot.text import Text, join
from bot.view.blocks import build_message, section, write
from bot.view.document_files import DocumentWriter, render_html, render_markdown
from bot.view.refusal_notes import describe_refusal, describe_remedy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DocumentPoster:
    """Posts documents. Never raises: what could not be posted is said in the thread."""

    files: Files
    people: People
    pictures: PictureAttacher
    channel_messages: ChannelMessages
    say: Localizer

    async def attach(self, posted: Posted, document: Document | None) -> None:
        """Put a document into the thread of a message; do nothing without one."""
        if document is None:
            return
        try:
            await self._share(posted, document)
        except SlackError as problem:
            log.warning("a document could not be uploaded: %s", problem)
            await self._tell_failure(posted, problem.code)
        except Exception:
            # It runs beside the verdict, which stands; whoever waits for the files is told whose
            # fault it was, and nobody that Slack refused them.
            log.exception("a document could not be made")
            await self._tell_failure(posted, OWN_FAILURE)

    async def _share(self, posted: Posted, document: Document) -> None:
        names = await self._find_names(document.people)
        writer = DocumentWriter(self.say, names)
        shown = (
            self.pictures.list_shown(posted.channel, document.since) if document.pictures else []
        )
        title = writer.write(document.title)
        markdown = render_markdown(writer, document, shown)
        html = render_html(writer, document, shown, language=self.say.language)
        for ending, text in (("md", markdown), ("html", html)):
            name = f"{document.name}.{ending}"
            await self.files.share(name, text.encode(), title=f"{title} ({ending})", thread=posted)

    async def _find_names(self, users: Collection[str]) -> dict[str, str]:
        """Return the names of people; who has none stays an id."""
        return {user: name for user in users if (name := await self.people.find_name(user))}

    async def _tell_failure(self, posted: Posted, code: str) -> None:
        """Say in the thread that the files are missing."""
        missing = Text("The files are not here: {why}.", why=describe_refusal(code))
        words = join("sentences", missing, describe_remedy(code))
        message = build_message(self.say(words), [section(write(self.say, words))])
        try:
            await self.channel_messages.post(posted.channel, message, Place(thread=posted.ts))
        except SlackError as problem:
            log.info("nor could that be said: %s", problem)
