"""Handles buttons: each goes to the part that its message belongs to."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.catalog import Catalog
from bot.engine.access.callers import CallerResolver
from bot.engine.button_commands import is_schedule_action
from bot.engine.commands.command_handler import CommandHandler
from bot.engine.details import DetailsWindow
from bot.engine.greeter import Welcome
from bot.engine.home.tabs import HomeTabs
from bot.engine.runs.confirmation_buttons import ConfirmationButtons
from bot.engine.tour.buttons import TourButtons
from bot.errors import UserError
from bot.language import Localizer
from bot.messages import ButtonPress, Command, Reply
from bot.text import Text
from bot.view import result_messages
from bot.view.folding import DETAILS, WHOLE
from bot.view.form_inputs import OPEN
from bot.view.home import REFRESH
from bot.view.lesson import TOUR
from bot.view.origins import CLICKED
from bot.view.welcome import REHEARSE

COMMAND_BUTTON = re.compile(
    rf"({re.escape(result_messages.TYPE)}|{re.escape(OPEN)})(:[\w-]+)?|{re.escape(WHOLE)}"
)
"""Buttons that stand for the command, or the step's form, in their value."""

UNKNOWN = (
    Text("This button is of another release of mine: nothing was done."),
    Text("Type the command instead."),
)


@dataclass(frozen=True)
class ButtonHandler:
    """Handles buttons as they are pressed."""

    catalog: Catalog
    callers: CallerResolver
    say: Localizer
    commands: CommandHandler
    home_tabs: HomeTabs
    tour_buttons: TourButtons
    welcome: Welcome
    confirmation_buttons: ConfirmationButtons
    details: DetailsWindow

    async def handle_button(self, pressed: ButtonPress, reply: Reply) -> None:
        """Carry out what a button is for. Raises MeshbotError that says why it was not."""
        if (handle := self._find_handler(pressed.action)) is not None:
            await handle(pressed)
        elif pressed.action.startswith(TOUR):
            caller = await self.callers.resolve_caller(pressed.user)
            asked = await self.tour_buttons.handle_button(pressed, caller, reply)
            if asked is not None:
                await self.commands.handle_command(asked, reply)
                await self.tour_buttons.refresh_after_answer(pressed)
        elif is_schedule_action(pressed.action):
            await self.commands.schedule_commands.handle_button(pressed)
        elif COMMAND_BUTTON.fullmatch(pressed.action):
            await self._handle_command_button(pressed, reply)
        else:
            raise UserError(*UNKNOWN)

    def _find_handler(self, action: str) -> Callable[[ButtonPress], Awaitable[None]] | None:
        """Return what handles the button of that very action_id."""
        return {
            REFRESH: self._refresh_home,
            REHEARSE: self._start_rehearsal,
            DETAILS: self.details.open,
            result_messages.CONFIRM: self.confirmation_buttons.handle_button,
            result_messages.CANCEL: self.confirmation_buttons.handle_button,
        }.get(action)

    async def _refresh_home(self, pressed: ButtonPress) -> None:
        await self.home_tabs.show_tab(pressed.user)

    async def _start_rehearsal(self, pressed: ButtonPress) -> None:
        caller = await self.callers.resolve_caller(pressed.user)
        await self.welcome.start_rehearsal(pressed, caller)

    async def _handle_command_button(self, pressed: ButtonPress, reply: Reply) -> None:
        """Carry out the command in a button's value, or open the form of the step it names."""
        text = pressed.value.removeprefix(self.catalog.command).strip()
        asked = Command(
            pressed.user,
            await self._find_channel(pressed),
            text,
            f"{CLICKED}{pressed.key}",
            pressed.thread,
            pressed.key,
            away=pressed.away,
            view=pressed.view,
        )
        form = self.catalog.get(text) if pressed.action.startswith(OPEN) else None
        if form is not None:
            await self.commands.open_form(form, asked)
            return
        if pressed.away and self.commands.forms.find_requested_form(asked) is None:
            # A modal must be opened within three seconds (Slack limit), and the answer may take
            # longer.
            await reply.say(result_messages.render_loading(self.say))
        await self.commands.handle_command(asked, reply)

    async def _find_channel(self, pressed: ButtonPress) -> str:
        """Return the channel of the button, or "" when it is in App Home and none is known."""
        if pressed.channel or not pressed.away:
            return pressed.channel
        return await self.commands.home_channel.find()
