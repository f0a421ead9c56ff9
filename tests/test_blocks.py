"""What is shown: within Slack's limits in every language, escaped, and readable without blocks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from bot.language import ENGLISH, Localizer, list_languages
from bot.language.pseudo import PseudoLocalizer, find_plain_words
from bot.ledger import Schedule, ScheduleState
from bot.messages import Message
from bot.ports import Part
from bot.slackrules import check_message, check_view
from bot.steps import Caller, Link, Plan, Question, Role, State, Verdict, mark_person
from bot.text import Seconds, Text, verbatim
from bot.view import blocks, denials, result_messages, schedule_views
from bot.view.folding import DETAILS
from bot.view.form_inputs import build_input_blocks
from bot.view.result_messages import Heading, RunProgress

HEADING = Heading("run1", Text("Install Istio"), "U0HOST", 83.0, "/mesh install", 2)
FOREIGN = "<!channel> & <@U1> *bold* `code` " + "x" * 4000
EVIL = verbatim(FOREIGN)
SAYS = {language: Localizer(language) for language in list_languages()} | {
    "pseudo": PseudoLocalizer()
}
CASES = (
    "running",
    "asks",
    "done",
    "failed",
    "mistake",
    "busy",
    "loading",
    "elsewhere",
    "denied",
    "no one",
    "foreign",
    "homeless",
    "channel",
    "answer",
    "schedule",
)


def render(case: str, say: Localizer, words: Text = EVIL) -> Message:
    """A message of each kind, with these words wherever somebody else's may stand."""
    parts = tuple(Part(verbatim(f"{say(words)}{i}"), 1, 2, words) for i in range(60))
    plan = Plan(words, (words,) * 50, (words,) * 30)
    links = (Link(words, "https://k/?a=1&b=2"),)
    commands, lines = ("install",) * 9, (say(words),)
    everything = Verdict(State.DONE, words, words, (words,) * 40, links, commands, lines, (words,))
    verdict = Verdict(State.NOT_YET, words, evidence=(words,) * 40)
    helpers = ["U1", "S1"]
    made = {
        "running": lambda: result_messages.render_running(say, HEADING, RunProgress(words, parts)),
        "asks": lambda: result_messages.render_question(say, HEADING, plan, 5),
        "done": lambda: result_messages.render_verdict(say, HEADING, everything, command="/mesh"),
        "failed": lambda: result_messages.render_failure(
            say, HEADING, words, turn=words, command="/mesh", again="install"
        ),
        "mistake": lambda: result_messages.render_user_error(say, words, words),
        "busy": lambda: result_messages.render_busy(
            say, words, "U1", 40, "https://x/archives/C1/p1"
        ),
        "loading": lambda: result_messages.render_loading(say),
        "elsewhere": lambda: result_messages.render_run_elsewhere(say, words, "C1"),
        "denied": lambda: deny(say, denials.build_role_denial(words, *ROLES, helpers)),
        "no one": lambda: deny(say, denials.build_role_denial(words, *ROLES, [])),
        "foreign": lambda: deny(
            say, denials.build_foreign_namespace_denial(words, "bookinfo", "bob", helpers)
        ),
        "homeless": lambda: deny(say, denials.build_no_namespace_denial(words, helpers)),
        "channel": lambda: deny(say, denials.build_wrong_channel_denial(["C1"], private=False)),
        "answer": lambda: result_messages.render_answer(say, words, verdict, command="/mesh"),
        "schedule": lambda: schedule_views.render_schedule(
            say, schedule(words), words, command="/mesh", remarks=(words,)
        ),
    }
    return made[case]()


ROLES = (Role.ATTENDEE, Role.HOST)


def deny(say: Localizer, denial: denials.Denial) -> Message:
    """The message of a denial."""
    return denials.render_denial(say, denial, "/mesh")


def schedule(words: Text = EVIL) -> Schedule:
    """A schedule that has done everything once."""
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    timing = {
        "kind": "every",
        "zone": "Europe/Madrid",
        "start": now.isoformat(),
        "until": now.isoformat(),
        "every": 600.0,
        "days": [],
        "clock": None,
        "cron": "",
    }
    return Schedule(
        "s1",
        1,
        "k1",
        "digest",
        "digest",
        "digest every 10m",
        "U1",
        "C1",
        "1.2",
        "bookinfo",
        timing,
        now,
        ScheduleState.PAUSED,
        words,
        now,
        now,
        "done",
        words,
        12,
        1,
        3,
        1,
        {},
        "one",
        now,
        now,
    )


def words(message: Message) -> str:
    """Everything that Slack would read as mrkdwn."""
    return repr(message.blocks)


@pytest.mark.parametrize("case", CASES)
def test_no_text_of_the_cluster_can_ping_anyone(case: str) -> None:
    """Strangers' markup is shown, not obeyed."""
    message = render(case, ENGLISH)
    assert "<!channel>" not in words(message)
    assert "<!channel>" not in message.text


@pytest.mark.parametrize("case", CASES)
def test_the_outcome_is_said_without_blocks(case: str) -> None:
    """Every message has a text for notifications and screen readers."""
    assert render(case, ENGLISH).text.strip()


@pytest.mark.parametrize("language", SAYS)
@pytest.mark.parametrize("case", CASES)
def test_each_block_is_within_its_limits(case: str, language: str) -> None:
    """However long what is shown, in whatever language, at most the sum of it is too long, which is
    shortened when it is sent."""
    codes = {problem.code for problem in check_message(render(case, SAYS[language]).to_payload())}
    assert codes <= {"msg_blocks_too_long"}


@pytest.mark.parametrize("language", SAYS)
def test_the_longest_questions_are_within_their_limits(language: str) -> None:
    """A form in any language is one that Slack shows."""
    kinds: list[Literal["text", "number", "tick", "one", "some"]]
    kinds = ["text", "number", "tick", "one", "some"]
    asked = [
        Question(f"q{n}", Text("{words}?", words="y" * 3000), EVIL, kind, ("v1", "v2"), needed=True)
        for n, kind in enumerate(kinds)
    ]
    title = {"type": "plain_text", "text": "form"}
    shown = list(build_input_blocks(SAYS[language], asked))
    view = {"type": "modal", "title": title, "submit": title, "blocks": shown}
    assert check_view(view) == []


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_said_past_the_localizer(case: str) -> None:
    """In a language that nobody speaks, no word of a message is left in English."""
    message = render(case, PseudoLocalizer(), Text("words of ours"))
    said = [message.text, *(line for line in list_said(list(message.blocks)))]
    outside = ("xxx", "install", "/mesh", "bookinfo", "bob", "digest every 10m", "digest", "s1")
    assert find_words(said, *outside, "Europe/Madrid", "MESHBOT_ROLES__HOSTS", "whoami") == []


def find_words(said: list[str], *outside: str) -> list[str]:
    """The words that are left in English, but for escapes, mentions and a long foreign word."""
    found = [word for line in said for word in find_plain_words(line, *outside)]
    return [word for word in found if word not in ("amp", "lt", "gt", "channel", "bold", "UTC")]


def list_said(value: object) -> list[str]:
    """Every text of a block that somebody reads, without what is in code."""
    if isinstance(value, dict):
        texts = [value["text"]] if isinstance(value.get("text"), str) else []
        return texts + [line for each in value.values() for line in list_said(each)]
    return [line for each in value for line in list_said(each)] if isinstance(value, list) else []


def test_all_of_a_long_list_is_shown() -> None:
    """Help has more lines than one block is good for; beyond sixty the rest is counted."""
    for count, last in ((27, "line 26"), (60, "line 59"), (70, "… and 10 more")):
        lines = tuple(Text("line {n}", n=n) for n in range(count))
        verdict = Verdict(State.DONE, Text("x"), evidence=lines)
        answer = result_messages.render_answer(ENGLISH, Text("Help"), verdict, command="/mesh")
        texts = [block["text"]["text"] for block in answer.blocks[1:]]
        assert "\n".join(texts).split("\n")[-1].removeprefix("• ") == last
        assert sum(text.count("• line") for text in texts) == min(count, 60)


X = Text("x")


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (result_messages.render_running(ENGLISH, HEADING, RunProgress()), "running"),
        (result_messages.render_question(ENGLISH, HEADING, Plan(X, ()), 5), "asks"),
        (
            result_messages.render_verdict(
                ENGLISH, HEADING, Verdict(State.NOT_YET, X), command="/mesh"
            ),
            "not_yet",
        ),
        (
            result_messages.render_verdict(
                ENGLISH, HEADING, Verdict(State.NORMAL, X), command="/mesh"
            ),
            "normal",
        ),
        (result_messages.render_failure(ENGLISH, HEADING, X, command="/mesh", again=""), "error"),
        (
            result_messages.render_failure(
                ENGLISH, HEADING, X, state="cancelled", command="/mesh", again=""
            ),
            "normal",
        ),
        (result_messages.render_user_error(ENGLISH, X), "error"),
    ],
)
def test_the_first_block_tells_the_state(message: Message, state: str) -> None:
    """Whoever follows the channel learns the state from the first block's id."""
    assert message.blocks[0]["block_id"].split(":")[:2] == ["verdict", state]


def test_a_running_message_counts_the_parts() -> None:
    """One line per part, with the pod's own words while it lags."""
    parts = (
        Part(verbatim("istiod"), 1, 1, done=True),
        Part(verbatim("gateway"), 0, 1, verbatim("ImagePullBackOff: no such image")),
    )
    shown = result_messages.render_running(ENGLISH, HEADING, RunProgress(Text("installing"), parts))
    assert "✅ `istiod` 1/1" in words(shown)
    assert "⏳ `gateway` 0/1 — ImagePullBackOff: no such image" in words(shown)
    assert shown.text == "Install Istio: installing (1 of 2 ready)"


def test_only_web_addresses_become_links() -> None:
    """A link that is not http(s) is shown as text."""
    links = (
        Link(verbatim("a"), "javascript:alert(1)"),
        Link(verbatim("b|c"), "https://k/?x=1|2"),
    )
    verdict = Verdict(State.DONE, X, links=links)
    shown = words(result_messages.render_verdict(ENGLISH, HEADING, verdict, command="/mesh"))
    assert "<javascript" not in shown
    assert "<https://k/?x=1%7C2|b¦c>" in shown


def test_people_are_mentioned_where_they_are_marked() -> None:
    """In blocks and in the notification; what only looks like a mention is text."""
    note = Text("paused by {person}, not by {other}", person=mark_person("U7"), other="<@U8>")
    shown = schedule_views.render_note(ENGLISH, schedule(), note)
    for said in (shown.text, words(shown)):
        assert "paused by <@U7>, not by &lt;@U8&gt;" in said


def test_a_caller_is_told_who_may() -> None:
    """Users and user groups by mention; with nobody named, what the administrator sets."""
    caller = Caller("U1", Role.HOST, admins=("U2", "S3"))
    role = Role.ADMIN
    holders = caller.get_role_holders(role)
    named = denials.build_role_denial(Text("Uninstall"), caller.role, role, holders)
    assert "Uninstall needs the role admin; you are host. <@U2>, <!subteam^S3> can." in words(
        deny(ENGLISH, named)
    )
    nobody = denials.build_role_denial(Text("Uninstall"), caller.role, role, ())
    assert "MESHBOT_ROLES__ADMINS" in words(deny(ENGLISH, nobody))


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (83, "1 min 23 s")])
def test_durations_are_short(seconds: float, text: str) -> None:
    """Times are said as people say them."""
    assert str(Text("{time}", time=Seconds(seconds))) == text


def test_a_state_is_said_in_the_language_of_the_channel() -> None:
    """Escaping and Slack's marks do not depend on it."""
    shown = blocks.build_verdict_block("cancelled", "r1", SAYS["es"](Text("x")))
    assert shown["block_id"] == "verdict:normal:r1"


def test_a_plan_shows_every_line_that_fits_and_counts_the_rest() -> None:
    """No line is cut off in the middle of a section, and none is left out without a word."""
    say = Localizer()
    for count, length in ((30, 60), (30, 480)):
        items = tuple(verbatim(f"line {n} " + "x" * length) for n in range(count))
        message = result_messages.render_question(say, HEADING, Plan(Text("so"), items), 5)
        said = "\n".join(b["text"]["text"] for b in message.blocks if b["type"] == "section")
        shown = [n for n in range(count) if f"line {n} x" in said]
        assert shown == [*range(len(shown))]
        assert len(shown) == count or f"… and {count - len(shown)} more" in said
        assert check_message(message.to_payload()) == []


def test_a_plans_changes_are_shown_whole_behind_details() -> None:
    """The question says what is lost, and its button opens each change of an object."""
    say = ENGLISH
    details = tuple(verbatim(f"line {n} " + "x" * 300) for n in range(50))
    plan = Plan(Text("so"), (Text("a"),), details=details)
    assert check_message(result_messages.render_question(say, HEADING, plan, 5).to_payload()) == []
    question = result_messages.render_question(say, HEADING, plan, 5)
    assert DETAILS in str(question.blocks)
    assert "line 1 x" not in str(question.blocks)
    said = str(question.details)
    assert [said.count(f"line {n} x") for n in range(50)] == [1] * 50
    title = {"type": "plain_text", "text": "Details"}
    assert check_view({"type": "modal", "title": title, "blocks": [*question.details]}) == []
    alone = result_messages.render_question(say, HEADING, Plan(Text("so"), (Text("a"),)), 5)
    assert DETAILS not in str(alone.blocks)
    assert alone.details == ()
