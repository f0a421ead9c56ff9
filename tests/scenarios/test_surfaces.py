"""Forms, mentions, the tour and the Home tab in a workspace: what each is for, in a dialogue or
two."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.messages import Message
from bot.slack.inbound.payloads import read_submission
from bot.view import blocks
from bot.view.form_inputs import OPEN
from handlers import STEPS
from sandbox.workspace.inputs import collect_state_values
from tests.scenarios.screens import fill, form, modal, read, says, until
from tests.scenarios.stage import Stage, playing, words


@pytest.mark.long
async def test_a_bare_command_opens_a_form_that_types_it(stage: Stage) -> None:
    """What is wrong is said under the input, before anything is begun; what is right goes the way
    of every command."""
    view = await form(stage, "/mesh fault")
    wrong = await fill(stage, view, user="jason", kind="delay", seconds="9")
    assert (wrong.ack_payload or {})["errors"] == {
        "seconds": "This does not fit: a delay is 0.1s to 8s."
    }
    assert stage.workspace.list_modals("host") == [view]
    await fill(stage, view, user="jason", kind="delay", seconds="1.5", percent="50")
    said = await says(stage, "chose `/mesh fault jason delay 1.5s 50%`", "Because")
    assert "Bookinfo does not run" in words(said)
    wrong = await fill(stage, view := await form(stage, "/mesh shift"), v1="50", v2="20", v3="50")
    assert (wrong.ack_payload or {})["errors"] == {
        "v3": "The shares make 120 %; together they must make 100 %."
    }
    await fill(stage, view, v1="90", v2="10", v3="0")
    await says(stage, "chose `/mesh shift v1=90 v2=10`")
    assert "needs the role host" in words(await stage.type("@alice: /mesh shift -> error"))
    assert stage.workspace.list_modals("alice") == []


@pytest.mark.long
async def test_every_step_with_options_has_a_form(tmp_path: Path) -> None:
    """Slack takes each form, and submitted as it stands it is understood, or says what is needed."""
    async with playing(tmp_path) as (stage, bot):
        channel = stage.workspace.get_channel().id
        steps = [step for step in STEPS if bot.router.forms.get_questions(step)]
        assert {"install", "traffic", "route", "fault", "shift", "reset", "show"} <= {
            step.id for step in steps
        }
        for step in steps:
            opens = blocks.button("Options…", OPEN, step.id)
            posted = await bot.channel_messages.post(
                channel, Message("?", ({"type": "actions", "elements": [opens]},))
            )
            await stage.workspace.actions.click_element(
                "host", stage.workspace.state.messages[posted], "Options…"
            )
            view = await modal(stage)
            empty = [q for q in bot.router.forms.get_questions(step) if q.needed and not q.initial]
            needed = {q.name: {"answer": q.choices[0] if q.choices else "jason"} for q in empty}
            filled = view.body | {
                "state": {"values": collect_state_values(view.body["blocks"], needed)}
            }
            assert bot.router.faults(read_submission({"view": filled})) == {}, step.id
            await stage.workspace.actions.close_view("host", view)


@pytest.mark.long
async def test_a_mention_in_a_thread_runs_there(stage: Stage) -> None:
    """The run's message joins the thread, and so does an answer to one person."""
    said = await stage.workspace.actions.post_message("host", "mesh-workshop", "let us see")
    await stage.workspace.actions.mention_bot("host", "mesh-workshop", "preflight", said.ts)
    assert (await says(stage, "typed `/mesh preflight`", "Done")).thread_ts == said.ts
    await stage.workspace.actions.mention_bot("alice", "mesh-workshop", "instal", said.ts)
    mistake = await says(stage, "Did you mean", user="alice")
    assert (mistake.thread_ts, mistake.ephemeral_to) == (
        said.ts,
        stage.workspace.get_user("alice").id,
    )


@pytest.mark.long
async def test_the_tour_runs_a_step_and_goes_on(stage: Stage) -> None:
    """Run ends in a message of its own and in the tour's; the next page is a press away, and only
    for hosts."""
    tour = await stage.type("/mesh workshop")
    assert "step 1 of 18: Preflight" in words(tour)
    await stage.workspace.actions.click_element("alice", tour, "Skip")
    await says(stage, "needs the role host", user="alice")
    await stage.workspace.actions.click_element("host", tour, "Run")
    assert (await says(stage, "clicked `/mesh preflight`")).thread_ts == ""
    tour = await says(stage, "step 1 of 18", "Done: the cluster can hold the workshop")
    await stage.workspace.actions.click_element("host", tour, "Next")
    await until(lambda: "step 2 of 18: Install Istio" in words(tour))
    await stage.workspace.actions.click_element("alice", tour, "Explain")
    explained = await says(stage, "Where it goes wrong", user="alice")
    assert explained.ephemeral_to == stage.workspace.get_user("alice").id
    assert "The tour stands" in words(await stage.type("/mesh workshop"))


@pytest.mark.long
async def test_the_home_tab_has_buttons_by_role(stage: Stage) -> None:
    """Both see the board; the host's runs the next step in the channel, and the tab follows."""
    await stage.type("/mesh preflight")
    for user in ("host", "alice"):
        await stage.workspace.actions.open_home(user)
    home = await until(lambda: stage.workspace.get_home_view("host"))
    hers = read(await until(lambda: stage.workspace.get_home_view("alice")))
    assert "*install* — not installed" in hers
    assert "which a host runs" in hers
    assert "Run install" not in hers
    await stage.workspace.actions.click_view_element("host", home, "Run install")
    window = await modal(stage)
    await until(lambda: "goes on in" in read(window))
    await says(stage, "clicked `/mesh install`", "Done")
    await until(lambda: "✅ *install*" in read(stage.workspace.get_home_view("alice")))
    assert "Run addons" in read(home)
