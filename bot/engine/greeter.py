"""Greets channels that the bot is invited to, and starts the rehearsal that the greeting offers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.catalog import Catalog
from bot.engine.access.policy import AccessPolicy
from bot.errors import MeshbotError, UserError
from bot.language import Localizer
from bot.messages import ButtonPress, ChannelMessages, Place
from bot.steps import Caller
from bot.text import Text
from bot.view.welcome import build_welcome

Rehearsal = Callable[[str], Awaitable[None]]
"""Begins to play the whole workshop in the channel of that id, and returns once it has begun.

Raises UserError when it cannot."""

FIRST_STEP = "install"
"""Who may run it may have everything played."""

NO_REHEARSAL = (
    Text("Nothing can be rehearsed here."),
    Text("`meshbot sandbox` plays the whole workshop without a cluster of yours."),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Welcome:
    """Greets channels; `rehearsal` is there where whoever started the bot can play everything."""

    catalog: Catalog
    policy: AccessPolicy
    channel_messages: ChannelMessages
    say: Localizer
    rehearsal: Rehearsal | None = None

    async def greet(self, channel: str, key: str) -> None:
        """Post the greeting in a channel in which commands are taken.

        `key` names the invitation: one that is delivered twice is greeted once.
        """
        if self.policy.channels and channel not in self.policy.channels:
            return
        message = build_welcome(
            self.say, self.catalog.command, rehearsable=self.rehearsal is not None
        )
        try:
            await self.channel_messages.post(channel, message, Place(key=f"welcome:{key}"))
        except MeshbotError as problem:
            log.warning("the greeting in %s was not shown: %s", channel, problem)

    async def start_rehearsal(self, pressed: ButtonPress, caller: Caller) -> None:
        """Begin the rehearsal for a caller who may install.

        Raises AccessDenied, or UserError when there is none or it is under way.
        """
        step = self.catalog.get(FIRST_STEP)
        if self.rehearsal is None or step is None:
            raise UserError(*NO_REHEARSAL)
        what = Text("The rehearsal")
        self.policy.check_step(step, caller, pressed.channel, what=what)
        await self.rehearsal(pressed.channel)
