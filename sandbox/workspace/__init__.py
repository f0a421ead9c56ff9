"""An embedded Slack workspace: Web API, Socket Mode, signed HTTP delivery and a page."""

from sandbox.workspace.delivery import ActionResult
from sandbox.workspace.http import sign_request
from sandbox.workspace.installed_app import SCOPES, InstalledApp
from sandbox.workspace.page import Completion, Sidebar
from sandbox.workspace.state import Change, Channel, Message, User, View
from sandbox.workspace.workspace_server import DEFAULT_CHANNEL, Workspace

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
