"""The commands that do the same as buttons."""

from __future__ import annotations

from bot.messages import ButtonPress
from bot.view.schedule_views import PREFIX


def is_schedule_action(action: str) -> bool:
    """Tell whether an action_id is one of a schedule's buttons."""
    return action.startswith(PREFIX)


def get_button_command(pressed: ButtonPress) -> str:
    """Return the command that does the same as a button.

    That is the button's value, or the `schedule` command for a schedule's button.
    """
    verb = pressed.action.removeprefix(PREFIX)
    return pressed.value if verb == pressed.action else f"schedule {verb} {pressed.value}"
