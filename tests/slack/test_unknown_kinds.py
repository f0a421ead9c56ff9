"""Whatever kind of request the app does not know is refused in words, and loses nothing."""

from __future__ import annotations

import json
from typing import Any

from slack_bolt.response import BoltResponse

from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.shapes import build_request
from bot.slackrules import check_view
from sandbox.workspace import Workspace
from tests.slack.conftest import RecordingRouter, eventually

USER = {"id": "U0ALICE", "team_id": "T0MESHTEAM"}
FIELD = {"type": "input", "block_id": "user", "element": {"type": "plain_text_input"}}


async def deliver(listeners: Listeners, **members: Any) -> BoltResponse:
    """Deliver an interaction of alice's, and do what is left for after its acknowledgement."""
    request = build_request({"user": USER, **members}, {})
    response = await listeners.build_acknowledgement(request)
    assert response.status == 200
    listeners.run_deferred_work(request)
    return response


async def test_a_form_that_nobody_reads_stays_open(
    listeners: Listeners, router: RecordingRouter
) -> None:
    """What was typed is kept, and the error under the first input says what to do."""
    view = {"type": "modal", "callback_id": "old:form", "blocks": [FIELD]}
    response = await deliver(listeners, type="view_submission", view=view)
    said = json.loads(response.body)
    assert said["response_action"] == "errors"
    assert "Type the command" in said["errors"]["user"]
    assert not router.submitted_


async def test_a_window_that_nobody_reads_says_so(listeners: Listeners) -> None:
    """One without inputs shows the words in place of what it held."""
    view = {"type": "modal", "callback_id": "old:form", "blocks": []}
    said = json.loads((await deliver(listeners, type="view_submission", view=view)).body)
    assert said["response_action"] == "update"
    assert check_view(said["view"]) == []
    assert "Type the command" in json.dumps(said["view"])


async def test_a_menu_that_asks_for_choices_gets_none(listeners: Listeners) -> None:
    """No menu of this app asks for them."""
    response = await deliver(listeners, type="block_suggestion", action_id="mesh:x", value="a")
    assert json.loads(response.body) == {"options": []}


async def test_an_unknown_shortcut_is_answered(
    workspace: Workspace, listeners: Listeners, router: RecordingRouter
) -> None:
    """One beside the messages opens a window that says so; it has no channel to answer in."""
    trigger = workspace._core.create_trigger("U0ALICE")
    await deliver(listeners, type="shortcut", callback_id="mesh:old", trigger_id=trigger)
    await eventually(lambda: bool(workspace.list_modals("alice")))
    assert "shortcut has expired" in json.dumps(workspace.list_modals("alice")[0].body)
    assert not router.asked
