"""Opens what a message leaves out, for whoever presses its *Details*."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import SlackError, UserError
from bot.language import Localizer
from bot.messages import ButtonPress, Modal, Outbox, Views
from bot.text import Text, in_context
from bot.view.folding import DETAILS_LABEL

GONE = (
    Text("The details of this message are not kept any more."),
    Text("Type its command again to see how it stands now."),
)
TOO_LATE = (
    Text("The details could not be opened: Slack gives three seconds for that."),
    Text("Press again."),
)


@dataclass(frozen=True)
class DetailsWindow:
    """Shows the details of messages, which the outbox keeps as long as the messages."""

    outbox: Outbox
    views: Views
    say: Localizer

    async def open(self, pressed: ButtonPress) -> None:
        """Open the details of the message that the button stands in, as a modal.

        Raises UserError when there are none any more, or Slack does not open it in time.
        """
        entry = await self.outbox.find(pressed.posted) if pressed.posted is not None else None
        if entry is None or not entry.message.details:
            raise UserError(*GONE)
        modal = Modal(
            title=self.say(DETAILS_LABEL),
            blocks=entry.message.details,
            close=self.say(in_context("button", "Close")),
        )
        try:
            await self.views.open(pressed.key, modal)
        except SlackError as problem:
            raise UserError(*TOO_LATE) from problem
