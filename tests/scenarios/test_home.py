"""The Home tab: what it says, what its buttons do, and that it costs Slack and the cluster little."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.workspace.state import View
from tests.scenarios.screens import fill, form, modal, read, says, until
from tests.scenarios.stage import Stage, playing, words
from tests.scenarios.wire import scene

pytestmark = pytest.mark.long


async def opened(stage: Stage, user: str = "host") -> str:
    """What stands on someone's Home tab, freshly opened."""
    before = stage.workspace.get_home_view(user)
    seen = before.hash if before else ""
    await stage.workspace.actions.open_home(user)
    return read(
        await until(
            lambda: (h := stage.workspace.get_home_view(user)) and h.hash != seen and h or None
        )
    )


async def press(stage: Stage, button: str, user: str = "host") -> None:
    """Presses a button of the Home tab."""
    home = stage.workspace.get_home_view(user)
    assert home is not None
    await stage.workspace.actions.click_view_element(user, home, button)


async def shows(stage: Stage, text: str, user: str = "host") -> None:
    """Waits until this stands in the modal in front."""
    await until(lambda: text in "".join(map(read, stage.workspace.list_modals(user)[-1:])))


async def test_an_attendee_looks_and_reads(stage: Stage) -> None:
    """Answers and explanations come in a window, whose buttons go on in it."""
    assert "You are attendee" in await opened(stage, "alice")
    await press(stage, "Status", "alice")
    await shows(stage, "0 of 13 steps are in place", "alice")
    window = stage.workspace.list_modals("alice")[-1]
    await stage.workspace.actions.close_view("alice", window)
    await press(stage, "mesh:tour:explain:kiali", "alice")
    await shows(stage, "Kiali turns numbers and objects into pictures", "alice")
    window = stage.workspace.list_modals("alice")[-1]
    await stage.workspace.actions.click_view_element("alice", window, "/mesh help kiali")
    await shows(stage, "needs the role host", "alice")
    assert stage.workspace.list_modals("alice") == [window]


async def test_a_run_needs_a_channel(tmp_path: Path) -> None:
    """Without a run before and without the setting, it is said where to type; with the setting, it
    runs there."""
    async with playing(tmp_path / "a") as (stage, _):
        assert "type the first run in its channel" in await opened(stage)
        await press(stage, "Run install")
        await shows(stage, "I do not know yet which channel")
        assert stage.workspace.list_messages() == []
    async with playing(tmp_path / "b", MESHBOT_SLACK__HOME_CHANNEL="C0MESH") as (stage, _):
        await opened(stage)
        await press(stage, "Run install")
        await says(stage, "clicked `/mesh install`", "Done")


async def test_a_form_from_the_home_tab_runs_in_the_channel(tmp_path: Path) -> None:
    """Rules that are in force stand in the tab; an error after the form has closed offers the same
    again."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh inject"):
            await stage.type(line)
        assert "No rule, no fault, no traffic" in await opened(stage)
        await press(stage, "Route a user…")
        await fill(stage, await modal(stage), user="jason", version="v2")
        await says(stage, "chose `/mesh route jason`", "Done")
        await until(lambda: "reviews: jason → v2" in read(stage.workspace.get_home_view("host")))
        await press(stage, "Inject a fault…")
        await fill(stage, await modal(stage), user="jason", code="503", percent="50")
        await until(
            lambda: (
                "ratings: jason → aborted with 503 in 50 %"
                in read(stage.workspace.get_home_view("host"))
            )
        )
        assert "reviews: everybody else → v1" in read(stage.workspace.get_home_view("host"))


async def test_what_was_filled_in_survives_a_refusal(stage: Stage) -> None:
    """Something else runs meanwhile: the answer carries a button that types the same again."""
    stage.cluster.slow_image_pulls(100)
    await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh route")
    form = await modal(stage)
    await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
    await says(stage, "typed `/mesh install`")
    await fill(stage, form, user="jason", version="v3")
    refused = await says(stage, "is already running")
    assert "/mesh route jason v3" in words(refused)


async def test_tabs_are_shown_anew_once_for_many_runs(stage: Stage) -> None:
    """Runs that end in quick succession cost each open tab one or two calls."""
    await opened(stage, "alice")
    for _ in range(6):
        await stage.type("/mesh traffic once -> not yet")
    published = [method for method, _ in stage.workspace.calls].count("views.publish")
    assert 1 < published <= 4


async def test_without_the_cluster_the_tab_says_so(tmp_path: Path) -> None:
    """And Refresh brings it back."""
    async with scene(tmp_path) as here:
        await here.wire.cut()
        assert "The cluster cannot be read" in await opened(here.stage)
        await here.wire.mend()
        await press(here.stage, "Refresh")
        await until(
            lambda: "*install* — not installed" in read(here.stage.workspace.get_home_view("host"))
        )


async def test_a_form_begins_with_what_is_in_force(tmp_path: Path) -> None:
    """The route's user, the fault's likeliest one, and shares as they are, whoever made them."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh inject", "/mesh route alice v3"):
            await stage.type(line)
        assert initial(await form(stage, "/mesh route")) == {"user": "alice", "version": "v3"}
        assert initial(await form(stage, "/mesh fault"))["user"] == "alice"
        await stage.type("/mesh shift v1=70 v2=30")
        assert initial(await form(stage, "/mesh shift")) == {"v1": "70", "v2": "30", "v3": "0"}


def initial(view: View) -> dict[str, str]:
    """What stands in the inputs of a form."""
    found = {}
    for block in view.body["blocks"]:
        if block["type"] == "input":
            chosen = block["element"].get("initial_option", {}).get("value")
            found[block["block_id"]] = chosen or block["element"].get("initial_value", "")
    return found
