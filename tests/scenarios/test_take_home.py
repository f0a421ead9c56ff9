"""The end of a workshop: a recap for each, feedback in one press, and a report for the hosts."""

from __future__ import annotations

import re

import pytest

from sandbox.workspace import Message
from tests.scenarios.screens import says, until
from tests.scenarios.stage import Stage, words

pytestmark = pytest.mark.long


def find_file(stage: Stage, ending: str) -> str:
    """The text of the newest file of that ending."""
    found = [f for f in stage.workspace.state.files.values() if f["name"].endswith(ending)]
    return bytes(found[-1]["bytes"]).decode() if found and found[-1]["bytes"] else ""


async def routed(stage: Stage) -> None:
    """A mesh with a route, to which one detour led."""
    for line in ("install", "bookinfo", "route jason v2 -> not yet", "inject", "route jason v2"):
        await stage.type(f"/mesh {line}")


async def test_a_recap_has_what_was_done_and_the_rules(stage: Stage) -> None:
    """Privately: each step with its last verdict and by whom, the rules as YAML without the cluster's
    own fields, what the asker asked, and three commands for at home."""
    assert "nothing was done" in words(await stage.type("@alice: /mesh recap -> normal"))
    await routed(stage)
    await stage.type("@alice: /mesh status")
    await stage.type("/mesh fault jason")
    recap = await stage.type("@alice: /mesh recap")
    said = words(recap)
    assert recap.ephemeral_to
    assert said.count("route jason v2`") == 1
    assert re.search(r"<@\w+>: `inject`", said)
    assert "you asked: status" in said
    assert said.count("at home: `") == 3
    assert all(f"kind: {kind}" in said for kind in ("DestinationRule", "VirtualService"))
    assert "httpStatus: 500" in said
    assert not re.search(r"resourceVersion|managedFields|kind: Gateway", said)
    assert "you: `inject`" in words(await stage.type("/mesh recap"))


async def test_the_end_of_the_tour_asks_how_it_was(stage: Stage) -> None:
    """Three buttons and the recap; who presses twice counts once; attendees get no report."""
    await stage.type("/mesh install")
    tour = await stage.type("/mesh workshop")
    await stage.type("/mesh workshop off")
    await until(lambda: "How was it?" in words(tour))
    click = stage.workspace.actions.click_element
    await click("alice", tour, "👎 it lost me")
    await says(stage, "it lost me", "counts", user="alice")
    await click("alice", tour, "👍 learned a lot")
    await says(stage, "learned a lot", "counts", user="alice")
    await click("host", tour, "My recap")
    await says(stage, "you: `install`")
    assert "needs the role host" in words(await stage.type("@alice: /mesh report -> error"))
    assert "good, ok" in words(await stage.type("@alice: /mesh feedback wonderful -> error"))
    report = await stage.type("/mesh report")
    assert "👍 learned a lot: 1" in words(report)
    assert "👎 it lost me: 0" in words(report)


async def test_a_report_is_two_files_in_the_thread(stage: Stage) -> None:
    """Markdown, and HTML that is whole by itself: steps with times, the cause that was met and how long
    until it was gone, names of people, and the feedback."""
    await routed(stage)
    await stage.type("@alice: /mesh status")
    report = await stage.type("/mesh report")

    def shared() -> list[Message]:
        there = stage.workspace.list_messages()
        return [m for m in there if m.files and m.thread_ts == report.ts]

    await until(lambda: len(shared()) == 2)
    markdown, html = find_file(stage, ".md"), find_file(stage, ".html")
    name = stage.workspace.get_user("alice").name
    for text in (markdown, html):
        assert all(part in text for part in ("Steps", "Causes that were met", "Who asked what"))
        assert "install" in text
        assert "reviews v2" in text
        assert name in text
        assert not re.search(r"\bU0[A-Z0-9]{3,}", text)
    causes = markdown.split("## Causes that were met")[1].split("##")[0]
    assert "route jason v2" in causes
    assert "| – |" not in causes
    assert "<script" not in html
    assert not re.search(r"(src|href)=[\"'](?!data:)", html)
    assert "default-src 'none'" in html


async def test_what_slack_does_not_take_is_said(stage: Stage) -> None:
    """A workspace without file uploads is told so in the thread; where names are not to be had, the
    files have ids."""
    await stage.type("/mesh install")
    faults = stage.workspace.faults
    refused = faults.refuse_method(
        "files.getUploadURLExternal", "file_uploads_disabled", times=None
    )
    report = await stage.type("/mesh report")
    said = await says(stage, "The files are not here: the workspace takes no files.")
    assert said.thread_ts == report.ts
    faults.remove_fault(refused)
    faults.refuse_method("users.info", "missing_scope", times=None)
    await stage.type("/mesh report")
    await until(lambda: find_file(stage, ".html"))
    assert stage.workspace.get_user("host").id in find_file(stage, ".md")
