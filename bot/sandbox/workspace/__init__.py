"""An embedded Slack workspace: Web API, Socket Mode, signed HTTP delivery and a page."""

from bot.sandbox.workspace.delivery import ActionResult
from bot.sandbox.workspace.http import sign_request
from bot.sandbox.workspace.installed import SCOPES, InstalledApp
from bot.sandbox.workspace.page import Completion, Sidebar
from bot.sandbox.workspace.server import DEFAULT_CHANNEL, Workspace
from bot.sandbox.workspace.state import Change, Channel, Message, User, View

__all__ = [
    "DEFAULT_CHANNEL",
    "SCOPES",
    "Change",
    "Channel",
    "Completion",
    "InstalledApp",
    "Message",
    "Sidebar",
    "ActionResult",
    "User",
    "View",
    "Workspace",
    "sign_request",
]
