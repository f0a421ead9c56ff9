"""Adds the picture of a verdict to its message; on any failure the message stays as it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.drawings import Picture, Renderer
from bot.errors import SlackError
from bot.language import Localizer
from bot.messages import ChannelMessages, Files, Message, Place, Posted
from bot.text import Text
from bot.view.blocks import build_message, image, insert_picture

DRAW_SECONDS = 10.0
"""How long drawing and uploading may take together; an answer to one person waits for it."""

PAUSES = (1.0, 0.5, 1.0, 1.5, 2.0)
"""Seconds before each attempt to show a file in a channel: Slack finds it one or two seconds after
its upload."""

UNKNOWN_FILE = "invalid_blocks"
"""What Slack says of a file until then."""

FINAL_REFUSALS = frozenset(
    {"missing_scope", "no_permission", "not_allowed_token_type", "file_uploads_disabled"}
)
"""Refusals of an upload that the next one would get too; after one, nothing is drawn until the bot
is started again."""

MOST_KEPT = 24
"""Pictures that are kept for a report: one has some 60 kB."""

log = logging.getLogger(__name__)


class ShownPicture(NamedTuple):
    """A picture as a channel was shown it, `at` in epoch seconds, with the words that describe
    it."""

    channel: str
    at: float
    title: str
    words: str
    png: bytes


class PictureAttacher:
    """Draws pictures and adds them to messages. Never raises.

    `attached` counts messages that got one. `refused` is Slack's code when it will take no
    picture at all.
    """

    def __init__(
        self,
        renderer: Renderer,
        files: Files,
        channel_messages: ChannelMessages,
        *,
        say: Localizer,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._renderer, self._files, self._channel_messages = renderer, files, channel_messages
        self._say, self._pauses = say, pauses
        self.attached, self.refused = 0, ""
        self._shelf: deque[ShownPicture] = deque(maxlen=MOST_KEPT)

    def list_shown(self, channel: str, since: float) -> list[ShownPicture]:
        """Return the pictures that a channel was shown since then (epoch seconds), oldest first.

        Only those of this process: Slack has the files, and a bot may not read them there.
        """
        return [each for each in self._shelf if each.channel == channel and each.at >= since]

    async def add_to_message(self, message: Message, picture: Picture | None) -> Message:
        """Return the message with the picture, for an answer that one person sees.

        The message is unchanged when there is no picture.
        """
        drawn = await self._build_image_block(picture) if picture is not None else None
        if drawn is None:
            return message
        self.attached += 1
        return insert_picture(message, drawn[0])

    async def attach(self, posted: Posted, message: Message, picture: Picture | None) -> None:
        """Add the picture to a message that is posted in a channel.

        It goes into the message's thread first: Slack lets everyone in the channel see a
        file that was posted there, and shows one that is only edited into a message as not
        found (bolt-python issue 1295).
        """
        drawn = await self._build_image_block(picture) if picture is not None else None
        if picture is None or drawn is None:
            return
        block, png = drawn
        spoken = Text("{title}. {words}", title=picture.title, words=picture.words)
        alone = build_message(self._say(spoken), (block,))
        try:
            await self._post_in_thread(posted, alone)
            await self._channel_messages.settle(posted, insert_picture(message, block))
        except SlackError as problem:
            log.info("a picture is not shown: %s", problem)
        except Exception:
            # The verdict stands there in words already; a picture is never worth an error.
            log.exception("a picture could not be shown")
        else:
            self.attached += 1
            title, words = self._say(picture.title), self._say(picture.words)
            kept = ShownPicture(posted.channel, time.time(), title, words, png)
            self._shelf.append(kept)

    async def _post_in_thread(self, posted: Posted, alone: Message) -> None:
        """Post the picture, trying again while Slack does not find the file.

        Raises SlackError when it never does.
        """
        # Under one key, so that all tries are the same message of the outbox.
        place = Place(thread=posted.ts, key=f"picture:{posted.ts}")
        for pause in self._pauses:
            await asyncio.sleep(pause)
            try:
                await self._channel_messages.post(posted.channel, alone, place)
                return
            except SlackError as refusal:
                if refusal.code != UNKNOWN_FILE:
                    raise
        raise SlackError(UNKNOWN_FILE, "chat.postMessage")

    async def _build_image_block(self, picture: Picture) -> tuple[dict[str, Any], bytes] | None:
        """Return the block that shows a picture, and the picture; None when that cannot be."""
        if self.refused:
            return None
        try:
            async with asyncio.timeout(DRAW_SECONDS):
                drawn = await self._renderer.draw(picture, self._say)
                if drawn is None:
                    return None
                file = await self._files.upload(
                    drawn.name,
                    drawn.png,
                    title=self._say(picture.title),
                    alt=self._say(picture.words),
                )
        except SlackError as problem:
            self.refused = problem.code if problem.code in FINAL_REFUSALS else ""
            log.warning(
                "a picture could not be uploaded: %s%s",
                problem,
                "; no more are tried" if self.refused else "",
            )
            return None
        except TimeoutError:
            log.warning("a picture could not be drawn and uploaded within %g s", DRAW_SECONDS)
            return None
        except Exception:
            # The same: what the picture shows stands in the evidence in words.
            log.exception("a picture could not be made")
            return None
        caption = f"{self._say(picture.title)} · {self._say(picture.caption)}"
        return image(file, self._say(picture.words), caption), drawn.png
