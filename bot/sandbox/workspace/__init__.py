"""An embedded Slack workspace: Web API, Socket Mode, signed HTTP delivery and a page."""

from bot.sandbox.workspace.delivery import Typed
from bot.sandbox.workspace.http import signed
from bot.sandbox.workspace.installed import SCOPES, Installed
from bot.sandbox.workspace.page import Completion, Side
from bot.sandbox.workspace.server import DEFAULT_CHANNEL, Workspace
from bot.sandbox.workspace.state import Change, Channel, Message, User, View

__all__ = [
    "DEFAULT_CHANNEL",
    "SCOPES",
    "Change",
    "Channel",
    "Completion",
    "Installed",
    "Message",
    "Side",
    "Typed",
    "User",
    "View",
    "Workspace",
    "signed",
]
