"""The channel in a browser: served to this machine alone, alive by Server-Sent Events, rendered on the server."""

from bot.sandbox.workspace.page.page import Page
from bot.sandbox.workspace.page.side import Completion, Side

__all__ = ["Completion", "Page", "Side"]
