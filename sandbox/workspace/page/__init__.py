"""Web page of the channel: served to this machine alone, updated by Server-Sent Events,
rendered on the server.
"""

from sandbox.workspace.page.page import Page
from sandbox.workspace.page.sidebar import Completion, Sidebar

__all__ = ["Completion", "Page", "Sidebar"]
