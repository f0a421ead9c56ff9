"""Forms and the command that their answers make, and the blocks of the tour and the Home tab: pure
functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.catalog import Catalog, collect_options, split_command
from bot.engine.forms.questions import build_questions, format_command
from bot.knowledge.workshop.progress import STEPS as BOARD_STEPS
from bot.knowledge.workshop.progress import StepStatus
from bot.knowledge.workshop.tour_pages import PAGES
from bot.knowledge.workshop.tour_plan import TourPlan
from bot.language.localizer import ENGLISH
from bot.ledger import Run, RunState
from bot.records import ScheduleSummary
from bot.slackrules import check_message, check_view
from bot.steps import Caller, Context, Link, Question, Role, State, Step, Verdict
from bot.text import Text, verbatim
from bot.view.form_inputs import YES, build_input_blocks
from bot.view.home import HomeContent, build_home_tab
from bot.view.lesson import render_answer, render_hint, render_notes
from bot.view.tour_views import PageContent, render_explanation, render_page
from handlers import STEPS

CATALOG = Catalog(STEPS)
NO_CONTEXT = cast(Context, None)
"""Only a step's own `choices` look at a context; these tests leave such steps out."""
PLAIN = [
    step
    for step in STEPS
    if not step.choices and step.form is None and build_questions(step, NO_CONTEXT)
]
EVIL = "<!channel> & " + "x" * 4000
WORDS = st.text("abcjason@.+-_=v1 %\"'0", min_size=1, max_size=12)


def answer(question: Question) -> st.SearchStrategy[tuple[str, ...]]:
    """Anything that Slack would let someone put into this input."""
    if question.kind == "tick":
        return st.sampled_from([(), (YES,)])
    if question.choices:
        some = st.lists(
            st.sampled_from(question.choices),
            unique=True,
            max_size=1 if question.kind == "one" else 3,
        )
        return some.map(tuple)
    texts = st.integers(1, 2000).map(str) if question.kind == "number" else WORDS
    return st.one_of(st.just(()), st.just(question.initial), texts.map(lambda text: (text,)))


@pytest.mark.parametrize("step", PLAIN, ids=lambda step: step.id)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(data=st.data())
def test_answers_are_typed_as_they_were_given(step: Step, data: st.DataObject) -> None:
    """Whatever is filled in, the command that is typed puts each answer into its own option, or is
    refused."""
    asked = build_questions(step, NO_CONTEXT)
    answers = {question.name: data.draw(answer(question), question.name) for question in asked}
    try:
        typed = collect_options(step, split_command(format_command(step, asked, answers))[1:])
    except Exception:  # noqa: BLE001 - a refusal is an answer; only silent changes are wrong
        return
    for question in asked:
        given_, there = answers[question.name], typed.get(question.name)
        if there is None:
            assert given_ in ((), question.initial) or not "".join(given_).strip()
        elif question.kind == "tick":
            assert (there == "true") == bool(given_)
        else:
            wanted = (
                [word for text in given_ for word in text.split()]
                if isinstance(there, list)
                else given_[0]
            )
            assert there == wanted


@pytest.mark.parametrize(
    ("name", "answers", "typed"),
    [
        ("fault", {"user": ("jason",)}, "fault jason"),
        (
            "fault",
            {"user": ("jason",), "kind": ("abort",), "code": ("503",)},
            "fault jason abort 503",
        ),
        (
            "fault",
            {"user": ("al",), "kind": ("delay",), "seconds": ("1.5",), "percent": ("50",)},
            "fault al delay 1.5s 50%",
        ),
        ("shift", {"v1": ("90",), "v2": ("10",), "v3": ("0",)}, "shift v1=90 v2=10"),
        ("route", {"user": ("jason",), "version": ("v3",)}, "route jason v3"),
        ("route", {"user": ("version",), "version": ("v3",)}, "route user=version version=v3"),
        (
            "traffic",
            {"action": ("burst",), "count": ("200",), "at": ("20/s",)},
            "traffic burst 200 at=20/s",
        ),
        (
            "traffic",
            {"action": ("once",), "count": ("7",), "as": ("jason",)},
            "traffic count=7 as=jason",
        ),
        ("bookinfo", {"off": (YES,)}, "bookinfo off"),
        ("addons", {"which": ("grafana", "jaeger")}, "addons grafana jaeger"),
    ],
)
def test_a_form_types_what_a_person_would(
    name: str, answers: dict[str, tuple[str, ...]], typed: str
) -> None:
    """In the words and the order of the examples, without what is the default anyway."""
    step = CATALOG.get(name)
    assert step is not None
    assert format_command(step, build_questions(step, NO_CONTEXT), answers) == typed
    assert CATALOG.parse(typed).step is step


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"user": ("jason",), "kind": ("abort",), "code": ("200",)}, {"code"}),
        (
            {"user": ("jason",), "kind": ("delay",), "seconds": ("x",), "percent": ("0",)},
            {"seconds", "percent"},
        ),
        ({"user": ("off",)}, {"user"}),
        ({"user": ("jason",), "kind": ("delay",), "code": ("200",)}, set()),
    ],
)
def test_a_fault_is_refused_part_by_part(
    answers: dict[str, tuple[str, ...]], wrong: set[str]
) -> None:
    """Only what is wrong is named, and what the chosen kind does not use is not looked at."""
    step = CATALOG.get("fault")
    assert step is not None
    assert step.form is not None
    assert step.form.faults(answers).keys() == wrong


@pytest.mark.parametrize("step", [s for s in STEPS if not s.choices], ids=lambda step: step.id)
def test_slack_takes_every_form(step: Step) -> None:
    """Every input is within Slack's limits, also where a namespace is asked for."""
    asked = build_questions(step, NO_CONTEXT, namespaces=True)
    inputs = list(build_input_blocks(ENGLISH, asked)) if asked else []
    text = {"type": "plain_text", "text": "x"}
    assert check_view({"type": "modal", "title": text, "submit": text, "blocks": inputs}) == []


def run_of(step: str, state: RunState, words: str) -> Run:
    """A run of that step."""
    now = datetime.now(UTC)
    values: dict[str, Any] = dict.fromkeys(
        ("ts", "verdict", "lock_key", "digest", "finished_at", "expires_at")
    )
    values |= dict.fromkeys(("created_at", "updated_at"), now) | {"options": {}, "attempt": 1}
    values |= dict.fromkeys(("id", "request_key", "user", "channel", "scope", "owner"), "X")
    return Run(
        **values, step=step, arguments=f"{step} {words}"[:900], state=state, summary=verbatim(words)
    )


@pytest.mark.parametrize("number", range(1, len(PAGES) + 1), ids=[page.step for page in PAGES])
@pytest.mark.parametrize("state", [None, RunState.RUNNING, RunState.ERROR])
def test_slack_takes_every_page(number: int, state: RunState | None) -> None:
    """Pages are within Slack's limits, whatever the cluster and the runs say, and strangers' markup
    is shown."""
    page = PAGES[number - 1]
    step = CATALOG.get(page.step)
    assert step is not None
    rows = {name: StepStatus(name, True, verbatim(EVIL[:500])) for name in BOARD_STEPS}
    run = run_of(page.step, state, EVIL[:600]) if state else None
    leaf = PageContent(
        page,
        step,
        TourPlan(PAGES, PAGES, 60),
        rows,
        run=run,
        link="https://x.slack.com/archives/C1/p1",
        options=True,
        kiali="https://kiali/" + "x" * 500,
        begun=1.8e9,
        now=1.8e9 + 600,
    )
    assert leaf.number == number
    for each in (leaf, replace(leaf, rows={}, trouble=verbatim(EVIL))):
        message = render_page(ENGLISH, each, "/mesh")
        assert check_message(message.to_payload()) == []
        assert "<!channel>" not in f"{message.blocks}{message.text}"
    told = [render_explanation(ENGLISH, page, step, "/mesh"), render_notes(ENGLISH, page, step)]
    told += [render_answer(ENGLISH, page.question, n) for n in range(2) if page.question]
    told += [render_hint(ENGLISH, page, n) for n in range(len(page.hints) + 1) if page.hints]
    assert [check_message(each.to_payload()) for each in told] == [[]] * len(told)


@pytest.mark.parametrize("role", Role)
def test_slack_takes_the_home_tab(role: Role) -> None:
    """A full tab is within Slack's limits, with schedules and their times in words for old clients."""
    rows = tuple(StepStatus(name, False, verbatim(EVIL)) for name in BOARD_STEPS)
    entry = ScheduleSummary(
        "s1",
        "digest",
        "digest",
        Text("every Monday at 09:00"),
        "U1",
        "active",
        1.8e9,
        Text("Mon 09:00"),
    )
    links = Verdict(
        State.DONE, Text("x"), links=(Link(verbatim(EVIL), "https://k/"),) * 20, lines=(EVIL,) * 5
    )
    scene = HomeContent(
        rows,
        (verbatim(EVIL),) * 50,
        links,
        (entry, replace(entry, state="paused", next_at=None)) * 20,
        verbatim(EVIL),
        "C1",
    )
    blocks = build_home_tab(ENGLISH, scene, Caller("U1", role), STEPS, "/mesh")
    assert check_view({"type": "home", "blocks": list(blocks)}) == []
    shown = str(blocks)
    assert (
        "every Monday at 09:00, next <!date^1800000000^{date_short_pretty} {time}|Mon 09:00>, by "
        "<@U1>" in shown
    )
    assert "…and 25 more".replace("…", "… ") in shown
    assert ("Run install" in shown) is role.is_at_least(Role.HOST)
    assert "<!channel>" not in shown
