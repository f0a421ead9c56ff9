"""Each step that changes the traffic shows it before and after, while requests go on."""

from __future__ import annotations

from functools import partial

import pytest

from sandbox.workspace import Message
from tests.scenarios.stage import Stage, words
from tests.slack.conftest import eventually

pytestmark = pytest.mark.long

LONGEST = 60.0
"""Seconds of the wall until a comparison is there at the latest."""
STEPS = (
    ("/mesh inject", "", "productpage → reviews: new"),
    ("/mesh route jason v2", "", "reviews → reviews-v3: no calls any more"),
    ("/mesh fault jason", "", "500 FI"),
    ("/mesh shift v1=50 v3=50", "", "reviews-v3"),
    ("/mesh ambient", 'click "Go ambient"', "TCP"),
    ("/mesh waypoint", "", "by the waypoint"),
)
"""What is typed and clicked, and what is told of the traffic then."""


def describe_pictures(message: Message) -> str:
    """The alt texts of the pictures that a message shows."""
    return " ".join(block["alt_text"] for block in message.blocks if block["type"] == "image")


def has_picture(message: Message) -> bool:
    """Whether a message shows a picture."""
    return bool(describe_pictures(message))


async def test_six_steps_show_what_they_did(stage: Stage) -> None:
    """In the message of each, in its words and in the picture's; its thread has the picture too."""
    pytest.importorskip("PIL", reason="the extra `graphs` is not installed")
    for step in ("install", "addons", "kiali", "bookinfo", "expose"):
        await stage.type(f"/mesh {step}")
    await stage.type("/mesh traffic start every=0.2s")
    await stage.type("/mesh traffic start every=0.2s as jason")
    # Without a rate of requests, which two scrapes make, there is no "before" to compare with.
    while "the graph is empty" in words(await stage.type("/mesh graph 45s")):
        pass
    for typed, clicked, told in STEPS:
        message = await stage.type(typed)
        message = await stage.type(clicked) if clicked else message
        await eventually(partial(has_picture, message), LONGEST)
        spoken = describe_pictures(message)
        assert "Two traffic graphs, before and after. Changed: " in spoken, typed
        assert told in spoken, typed
        await stage.unfold(message)
        assert " after:\n" in words(message), typed
        replies = [m for m in stage.workspace.list_messages() if m.thread_ts == message.ts]
        assert [each for each in replies if describe_pictures(each) == spoken], typed
