"""How somebody asked for something: typed, clicked, or chosen in a form.

The request key of a run or a schedule tells it, also after a restart: between colons stands
`click` when a button was pressed, and `form` when a modal was submitted. Slack's own ids have no
colons.
"""

from __future__ import annotations

from bot.text import Text
from bot.view.blocks import escape_code, mention_user

CLICKED = "click:"
"""Stands before the id of a button's press in a request key."""
FILLED = "form:"
"""Stands before the id of a submitted form in a request key."""


def describe_request(user: str, command: str, request_key: str) -> Text:
    """Return who asked for a whole command, and how: `@host clicked `/mesh install``."""
    person, shown = mention_user(user), escape_code(command)
    parts = request_key.split(":")
    if CLICKED[:-1] in parts:
        return Text("{person} clicked `{command}`", person=person, command=shown)
    if FILLED[:-1] in parts:
        return Text("{person} chose `{command}` in its form", person=person, command=shown)
    return Text("{person} typed `{command}`", person=person, command=shown)
