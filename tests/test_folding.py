"""A result in the channel has six lines; everything else is behind its Details, and nothing is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import run_bot
from bot.language import Localizer, list_languages
from bot.ledger.database import build_engine, parse_url
from bot.ledger.outbox import SqlOutbox
from bot.messages import Message
from bot.ports import Part
from bot.slackrules import check_message, check_view
from bot.steps import Link, State, Verdict
from bot.text import Text, verbatim
from bot.view import folding, result_messages
from bot.view.folding import DETAILS, MOST_SHOWN
from bot.view.result_messages import Heading, RunProgress
from tests.scenarios.screens import modal, read, says, until
from tests.scenarios.stage import furnished

HEADING = Heading("run1", Text("Route a user"), "U0HOST", 3.0, "/mesh route jason")


def make_verdict(lines: int, notes: int = 0, links: int = 0, because: str = "") -> Verdict:
    """A result with that much to say."""
    return Verdict(
        State.NOT_YET if because else State.DONE,
        Text("so it is."),
        verbatim(because),
        tuple(verbatim(f"line {n} is seen") for n in range(lines)),
        tuple(Link(verbatim(f"link {n}"), f"https://kiali/{n}") for n in range(links)),
        ("graph", "status"),
        notes=tuple(verbatim(f"note {n} is told") for n in range(notes)),
    )


def show(verdict: Verdict, language: str = "en") -> Message:
    """Its message in the channel."""
    return result_messages.render_verdict(Localizer(language), HEADING, verdict, command="/mesh")


def answer(verdict: Verdict, again: str | None) -> Message:
    """The answer to one person that may be asked for `again`."""
    return result_messages.render_answer(
        Localizer(), Text("Status"), verdict, command="/mesh", again=again
    )


def list_lines(message: Message) -> list[str]:
    """The lines of a message, without buttons and small print."""
    texts = [b["text"]["text"] for b in message.blocks if b["type"] == "section"]
    return [line for text in texts for line in text.split("\n")]


@pytest.mark.parametrize("language", list_languages())
@pytest.mark.parametrize("because", ["", "`cause: image-not-found` Image x cannot be pulled."])
@pytest.mark.parametrize("links", [0, 2, 7])
@pytest.mark.parametrize("notes", [0, 1, 4])
@pytest.mark.parametrize("lines", [0, 3, 5, 6, 60])
def test_nothing_is_lost(lines: int, notes: int, links: int, because: str, language: str) -> None:
    """At most six lines, the outcome, the cause and a note among them; all lines are in the details."""
    verdict = make_verdict(lines, notes, links, because)
    shown = show(verdict, language)
    seen = list_lines(shown)
    assert len(seen) <= MOST_SHOWN
    assert "so it is." in seen[0]
    assert (not because) or because in seen[1]
    assert (not notes) or "note 0 is told" in str(seen)
    whole = str(shown.details or shown.blocks)
    wanted = [*verdict.evidence, *verdict.notes, *(link.label for link in verdict.links)]
    assert [line for line in wanted if str(line) not in whole] == []
    assert bool(shown.details) == (DETAILS in str(shown.blocks))
    assert bool(shown.details) == any(str(line) not in str(shown.blocks) for line in wanted)
    assert check_message(shown.to_payload()) == []
    title = {"type": "plain_text", "text": "Details"}
    assert check_view({"type": "modal", "title": title, "blocks": [*shown.details]}) == []


@pytest.mark.parametrize(("lines", "asks_again"), [(3, False), (5, False), (6, True), (40, True)])
def test_an_answer_of_ones_own_is_as_short(lines: int, asks_again: bool) -> None:
    """Its first lines, and a button that asks again for all of them; shared, they are kept with it."""
    brief = tuple(verbatim(f"short {n}") for n in range(2))
    verdict = replace(make_verdict(lines), brief=brief)
    mine = answer(verdict, "status")
    assert ('"mesh:whole"' in json.dumps(mine.blocks), mine.details) == (asks_again, ())
    assert len(list_lines(mine)) <= MOST_SHOWN
    assert ("short 1" in str(mine.blocks), "line 2 is seen" in str(mine.blocks)) == (
        asks_again,
        not asks_again,
    )
    shared = answer(verdict, "")
    assert ("line 2 is seen" in str(shared.details), DETAILS in str(shared.blocks)) == (
        asks_again,
        asks_again,
    )
    assert len(list_lines(answer(verdict, None))) == lines + 1


def test_a_list_that_was_asked_for_is_not_cut() -> None:
    """Without a brief form all of it stands there."""
    assert len(list_lines(answer(make_verdict(40), "help rules"))) == 41


def test_a_short_result_has_no_details() -> None:
    """What fits stands there, and no button leads to the same once more."""
    shown = show(make_verdict(5))
    assert len(list_lines(shown)) == MOST_SHOWN
    assert shown.details == ()
    assert shown.to_kept() == shown.to_payload()


def test_the_cause_line_and_lines_to_type_stay_in_sight() -> None:
    """A line for somebody's own terminal is never folded."""
    verdict = Verdict(State.NOT_YET, Text("so"), verbatim("`cause: x` Why."), lines=("kubectl x",))
    full = Verdict(**{**vars(verdict), "evidence": tuple(verbatim(f"l{n}") for n in range(30))})
    assert "kubectl x" in str(show(full).blocks)
    assert "`cause: x` Why." in str(show(full).blocks)


def test_many_parts_fit_a_phone() -> None:
    """Those that are ready share a line; those that lag have one each, and the rest is counted."""
    say = Localizer()
    ready = [Part(verbatim(f"up{n}"), 1, 1, done=True) for n in range(4)]
    lagging = [Part(verbatim(f"lag{n}"), 0, 1, verbatim("why")) for n in range(3)]
    assert folding.format_parts(say, [*ready, *lagging]) == [
        "✅ `up0` 1/1 · `up1` 1/1 · `up2` 1/1 · `up3` 1/1",
        *(f"⏳ `lag{n}` 0/1 — why" for n in range(3)),
    ]
    many = folding.format_parts(say, lagging * 10)
    assert many[-1] == "⏳ … and 26 more"
    assert len(many) == MOST_SHOWN - 1
    doing = RunProgress(Text("waiting"), tuple(lagging * 10))
    assert len(list_lines(result_messages.render_running(say, HEADING, doing))) == MOST_SHOWN


async def prune(home: Path, *, days: int) -> None:
    """Clear the database of messages as it is done after that time."""
    engine = build_engine(parse_url(f"sqlite:///{home}/meshbot.sqlite"))
    later = datetime.now(UTC) + timedelta(days=days)
    await SqlOutbox(engine, owner="later", now=lambda: later).prune()
    await engine.dispose()


@pytest.mark.long
async def test_anybody_opens_the_details_also_after_a_restart(tmp_path: Path) -> None:
    """They are kept with the message, in the database; once that has cleared them, it is said."""
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings()):
            said = await stage.type("/mesh preflight")
            await stage.workspace.actions.click_element("alice", said, "Details")
            first = read(await modal(stage, "alice"))
            assert "Istio: not installed yet" in first
            assert "Istio: not installed yet" not in str(said.blocks)
            await stage.workspace.actions.close_view(
                "alice", stage.workspace.list_modals("alice")[0]
            )
        async with run_bot(stage.settings()):
            await stage.workspace.actions.click_element("host", said, "Details")
            assert read(await modal(stage, "host")) == first
            await prune(tmp_path, days=8)
            await stage.workspace.actions.click_element("alice", said, "Details")
            await says(stage, "are not kept any more", user="alice")
            assert stage.workspace.list_modals("alice") == []


async def test_the_details_of_an_answer_of_ones_own(tmp_path: Path) -> None:
    """Slack keeps no such message: they are asked for again, in a modal, by whoever saw it."""
    async with furnished(tmp_path) as stage, run_bot(stage.settings()):
        said = await stage.type("@alice: /mesh status")
        assert "install — " not in str(said.blocks)
        assert "▫️ not yet: install · addons" in str(said.blocks)
        await stage.workspace.actions.click_element("alice", said, "Details")
        await until(
            lambda: "install — " in "".join(map(read, stage.workspace.list_modals("alice")))
        )
        assert stage.workspace.list_modals("host") == []
