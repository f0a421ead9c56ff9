"""The guided tour through restarts, outages and several hands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.app import run_bot
from sandbox.workspace import Message
from sandbox.workspace.state import Channel
from tests.scenarios.screens import fill, modal, says, until
from tests.scenarios.stage import Stage, furnished, words
from tests.scenarios.test_survival import gone, process
from tests.scenarios.wire import scene

pytestmark = pytest.mark.long


async def turned(stage: Stage, tour: Message, button: str, *texts: str) -> Message:
    """Presses a button of the tour and waits until all of this stands in it, which may be further
    down by then."""
    await stage.workspace.actions.click_element("host", tour, button)
    return await until(lambda: shown(stage, *texts))


def shown(stage: Stage, *texts: str) -> Message | None:
    """The tour's message, as soon as all of this stands in it."""
    there = [m for m in stage.workspace.list_messages() if "*Workshop, step" in words(m)]
    return there[-1] if there and all(text in words(there[-1]) for text in texts) else None


async def test_the_tour_opens_where_the_workshop_stands(stage: Stage) -> None:
    """With Istio installed it begins at the add-ons, and what is done has its mark."""
    await stage.type("/mesh install")
    tour = await stage.type("/mesh workshop")
    assert "step 3 of 18: Add-ons" in words(tour)
    assert "⬜ ✅ ▶️ ⬜" in words(tour)
    assert "in place, 1 of 13: install" in words(tour)
    await turned(
        stage,
        tour,
        "Back",
        "step 2 of 18: Install Istio",
        "Istio 1.30.3, 2 workloads ready",
        "Run again",
    )


async def test_a_step_that_was_typed_by_hand_is_seen_too(stage: Stage) -> None:
    """The tour looks at the cluster and not at its own buttons."""
    tour = await stage.type("/mesh workshop")
    await turned(stage, tour, "Skip", "step 2 of 18")
    await stage.type("/mesh install")
    await until(lambda: shown(stage, "✅ `install` by", "✅ now: Istio 1.30.3"))


async def test_there_is_one_tour_in_a_channel(stage: Stage) -> None:
    """Typed again it points at the one that stands; it is moved down, ended, and begun anew by
    hosts alone."""
    assert "needs the role host" in words(await stage.type("@alice: /mesh workshop -> error"))
    first = await stage.type("/mesh workshop")
    await turned(stage, first, "Skip", "step 2 of 18")
    pointer = await stage.type("@alice: /mesh workshop")
    assert f"p{first.ts.replace('.', '')}" in words(pointer)
    assert "Move it down" not in words(pointer)
    await stage.type("/mesh workshop")
    second = await stage.type('click "Move it down here"')
    await until(lambda: "goes on further down" in words(first))
    assert "step 2 of 18" in words(second)
    await stage.type("/mesh workshop off")
    await until(lambda: "this tour is ended" in words(second))
    assert "No tour stands" in words(await stage.type("/mesh workshop off -> error"))
    assert "step 1 of 18" in words(await stage.type("/mesh workshop"))


async def test_a_tour_that_was_deleted_is_begun_anew(stage: Stage) -> None:
    """What nobody sees is pointed at by nobody."""
    stage.workspace.state.delete_message(await stage.type("/mesh workshop"))
    assert "step 1 of 18" in words(await stage.type("/mesh workshop"))


async def test_options_are_chosen_on_the_page(stage: Stage) -> None:
    """The form's run belongs to the tour: the room sees it in the channel, and it ends on its page."""
    tour = await stage.type("/mesh workshop")
    await turned(stage, tour, "Skip", "step 2 of 18")
    await stage.workspace.actions.click_element("alice", tour, "Options…")
    assert "needs the role host" in words(await says(stage, "needs the role host", user="alice"))
    await stage.workspace.actions.click_element("host", tour, "Options…")
    form = await modal(stage)
    assert (await fill(stage, form, profile="minimal")).error == ""
    run = await says(stage, "chose `/mesh install minimal`", "Done")
    assert not run.thread_ts
    await until(lambda: shown(stage, "✅ `install minimal` by"))


async def test_a_question_is_seen_on_the_page(stage: Stage) -> None:
    """The page says that its run asks; confirmed or cancelled in the thread, it says so."""
    await stage.type("/mesh install")
    tour = await stage.type("/mesh workshop")
    for number in range(4, 19):
        await turned(stage, tour, "Skip", f"step {number} of 18")
    await turned(stage, tour, "Run", "Please confirm")
    await stage.workspace.actions.click_element(
        "host", await says(stage, "Only a host can confirm"), "Cancel"
    )
    tour = await until(lambda: shown(stage, "Cancelled: Nothing was changed"))
    await stage.workspace.actions.click_element("host", tour, "End the tour")
    await until(lambda: "this tour is ended" in words(tour))


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    """Buttons of an earlier life turn pages, and the tour that stands is known."""
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings()):
            tour = await stage.type("/mesh workshop")
            await turned(stage, tour, "Skip", "step 2 of 18")
        async with run_bot(stage.settings()):
            await turned(stage, tour, "Skip", "step 3 of 18")
            assert "The tour stands" in words(await stage.type("/mesh workshop"))
            await turned(stage, tour, "Back", "step 2 of 18")
            await turned(stage, tour, "Run", "✅ now: Istio 1.30.3", "Done: Istio 1.30.3 is ready")


async def test_a_run_that_outlives_the_bot_ends_on_its_page(tmp_path: Path) -> None:
    """kill -9 in the middle of a run of the tour: the next life ends it in the tour as well."""
    async with furnished(tmp_path) as stage:
        stage.cluster.slow_image_pulls(200)
        async with process(stage) as bot:
            tour = await stage.type("/mesh workshop")
            await turned(stage, tour, "Skip", "step 2 of 18")
            await turned(stage, tour, "Run", "⏳ `install` by")
            await says(stage, "istiod` 0/1")
            bot.kill()
            await bot.wait()
        await gone(stage)
        async with process(stage):
            await until(lambda: shown(stage, "✅ `install` by"), 40)


async def test_without_the_cluster_the_tour_still_leads(tmp_path: Path) -> None:
    """The page says that the cluster cannot be read, and comes to life again with it; a form opens
    all the same."""
    async with scene(tmp_path) as here:
        await here.wire.cut()
        tour = await here.stage.type("/mesh workshop")
        assert "the cluster cannot be read" in words(tour)
        await here.stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh fault")
        await modal(here.stage)
        await here.wire.mend()
        await turned(here.stage, tour, "Refresh", "in place, 0 of 13")


async def test_two_hands_turn_one_page(stage: Stage) -> None:
    """A page that is turned twice at once is turned once: its buttons say where to."""
    tour = await stage.type("/mesh workshop")
    await asyncio.gather(
        *(stage.workspace.actions.click_element("host", tour, "Skip") for _ in range(3))
    )
    await until(lambda: "step 2 of 18" in words(tour))
    await asyncio.sleep(0.3)
    assert "step 2 of 18" in words(tour)


@pytest.mark.parametrize("typed", ["@meshbot workshop", "@meshbot"])
async def test_a_mention_does_what_is_typed(stage: Stage, typed: str) -> None:
    """A tour begins in the channel; the bare name is help."""
    await stage.workspace.actions.send_line("host", "mesh-workshop", typed)
    await says(stage, "step 1 of 18" if "workshop" in typed else "Ask me a word of the field")


async def test_where_the_bot_cannot_write_no_tour_begins(stage: Stage) -> None:
    """In a private channel without the bot its host is told to invite it, and nothing is left over."""
    host = stage.workspace.get_user("host").id
    stage.workspace.state.channels["C0SECRET"] = Channel(
        "C0SECRET", "secret", {host}, is_private=True
    )
    await stage.workspace.actions.send_command("host", "secret", "/mesh workshop")
    await until(
        lambda: [
            m for m in stage.workspace.list_messages("secret") if "/invite @meshbot" in words(m)
        ]
    )
    assert "step 1 of 18" in words(await stage.type("/mesh workshop"))


async def test_two_who_begin_at_once_begin_one_tour(stage: Stage) -> None:
    """The second is pointed at the first one's."""
    await asyncio.gather(
        *(
            stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh workshop")
            for _ in range(2)
        )
    )
    await says(stage, "The tour stands")
    assert len([m for m in stage.workspace.list_messages() if "step 1 of 18" in words(m)]) == 1


async def test_a_page_asks_hints_and_tells(stage: Stage) -> None:
    """Who answers hears privately whether that is right, and why; hints come one after another; notes
    are for hosts; the done step says what is to be seen."""
    tour = await stage.type("/mesh workshop")
    click = stage.workspace.actions.click_element
    await click("alice", tour, "A")
    assert "B is right" in words(await says(stage, "Not A", "128 MiB", user="alice"))
    await click("alice", tour, "B")
    assert "Not" not in words(await says(stage, "✅ *B is right", user="alice"))
    await click("alice", tour, "Notes")
    await says(stage, "needs the role host", user="alice")
    await click("host", tour, "Notes")
    await says(stage, "Notes on Preflight", "The answer is B", user="host")
    tour = await turned(stage, tour, "Run", "What you should see", "To remember")
    assert "Before you run it" not in words(tour)
    for number in range(2, 13):
        await turned(stage, tour, "Next" if number == 2 else "Skip", f"step {number} of 18")
    await click("alice", tour, "A hint")
    hint = await says(stage, "Hint 1 of 3", user="alice")
    for label, said in (("The next hint", "Hint 2 of 3"), ("The next hint", "Hint 3 of 3")):
        await click("alice", hint, label)
        hint = await says(stage, said, user="alice")
    await click("alice", hint, "The solution")
    await says(stage, "The solution", "DestinationRule reviews is missing", user="alice")


async def test_a_plan_leaves_out_what_does_not_fit(stage: Stage) -> None:
    """It says what, and how the time is; a time typed later gives the tour that stands another
    plan."""
    assert "15m to 8h" in words(await stage.type("/mesh workshop 5m -> error"))
    assert "such as 60m" in words(await stage.type("/mesh workshop soon -> error"))
    first = await stage.type("/mesh workshop 60m")
    assert "step 1 of 12" in words(first)
    assert "60 min planned" in words(first)
    assert "left out: fault, unfault, shift" in words(first)
    second = await stage.type("/mesh workshop 90m")
    await until(lambda: "goes on further down" in words(first))
    assert "left out: waypoint, uninstall" in words(second)


async def test_a_tour_that_scrolled_away_is_posted_anew(stage: Stage) -> None:
    """When a run has ended below it, with the page that it showed; the old one is folded, and what
    was said in a thread does not count."""
    tour = await stage.type("/mesh workshop 60m")
    await stage.workspace.actions.send_line("host", "mesh-workshop", "@meshbot preflight", tour.ts)
    await until(lambda: "`preflight` by" in words(tour))
    assert "step 1 of 12" in words(tour)
    await stage.type("/mesh preflight")
    await until(lambda: "goes on further down" in words(tour))
    anew = await says(stage, "step 1 of 12", "What you should see")
    assert anew.ts > tour.ts
    await turned(stage, anew, "Next", "step 2 of 12")
