"""The Web API's methods by name, gathered from the modules that hold them by subject."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.workspace.methods import chat, conversations, files, people, views
from sandbox.workspace.methods.call import Method

METHODS: Mapping[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **people.METHODS,
    **views.METHODS,
}
"""Every method that is answered; any other gets `unknown_method`."""
