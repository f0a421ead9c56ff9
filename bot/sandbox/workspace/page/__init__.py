"""Web page of the channel: served to this machine alone, updated by Server-Sent Events,
rendered on the server.
"""

from bot.sandbox.workspace.page.page import Page
from bot.sandbox.workspace.page.side import Completion, Sidebar

__all__ = ["Completion", "Page", "Sidebar"]
