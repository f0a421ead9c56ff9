"""What is shown: within Slack's limits, escaped, and readable without blocks."""

from __future__ import annotations

import pytest

from bot.messages import Message
from bot.ports import Part
from bot.slackrules import check_message
from bot.steps import Link, Plan, State, Verdict
from bot.view import messages
from bot.view.messages import Heading, RunProgress

HEADING = Heading("run1", "Install Istio", "U0HOST", 83.0, "/mesh install")
EVIL = "<!channel> & <@U1> *bold* `code` " + "x" * 4000
MESSAGES = {
    "running": messages.render_running(
        HEADING, RunProgress(EVIL, tuple(Part(f"{EVIL}{i}", 1, 2, EVIL) for i in range(60)))
    ),
    "asks": messages.render_question(HEADING, Plan(EVIL, tuple([EVIL] * 50), (EVIL,) * 30), 5),
    "done": messages.render_verdict(
        HEADING,
        Verdict(
            State.DONE,
            EVIL,
            EVIL,
            (EVIL,) * 40,
            (Link(EVIL, "https://k/?a=1&b=2"),),
            ("install",) * 9,
            (EVIL,),
            (EVIL,),
        ),
        command="/mesh",
    ),
    "failed": messages.render_failure(HEADING, EVIL, turn=EVIL, command="/mesh", again="install"),
    "mistake": messages.render_user_error(EVIL, EVIL),
    "busy": messages.render_busy(EVIL, "U1", 40, "https://x.slack.com/archives/C1/p1"),
    "denied": messages.render_role_denial(EVIL, "attendee", "host", ["U1"], "/mesh"),
    "answer": messages.render_answer(
        EVIL, Verdict(State.NOT_YET, EVIL, evidence=(EVIL,) * 40), command="/mesh"
    ),
}


def words(message: Message) -> str:
    """Everything that Slack would read as mrkdwn."""
    return repr(message.blocks)


@pytest.mark.parametrize("name", MESSAGES)
def test_no_text_of_the_cluster_can_ping_anyone(name: str) -> None:
    """Strangers' markup is shown, not obeyed."""
    assert "<!channel>" not in words(MESSAGES[name])
    assert "<!channel>" not in MESSAGES[name].text


@pytest.mark.parametrize("name", MESSAGES)
def test_the_outcome_is_said_without_blocks(name: str) -> None:
    """Every message has a text for notifications and screen readers."""
    assert MESSAGES[name].text.strip()


@pytest.mark.parametrize("name", MESSAGES)
def test_each_block_is_within_its_limits(name: str) -> None:
    """However long what is shown, at most the sum of it is too long, which the board then shortens."""
    codes = {problem.code for problem in check_message(MESSAGES[name].to_payload())}
    assert codes <= {"msg_blocks_too_long"}


def test_all_of_a_long_list_is_shown() -> None:
    """Help has more lines than one block is good for; beyond sixty the rest is counted."""
    for count, last in ((27, "line 26"), (60, "line 59"), (70, "… and 10 more")):
        verdict = Verdict(State.DONE, "x", evidence=tuple(f"line {n}" for n in range(count)))
        texts = [
            block["text"]["text"]
            for block in messages.render_answer("Help", verdict, command="/mesh").blocks[1:]
        ]
        assert "\n".join(texts).split("\n")[-1].removeprefix("• ") == last
        assert sum(text.count("• line") for text in texts) == min(count, 60)


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (messages.render_running(HEADING, RunProgress()), "running"),
        (messages.render_question(HEADING, Plan("x", ()), 5), "asks"),
        (messages.render_verdict(HEADING, Verdict(State.NOT_YET, "x"), command="/mesh"), "not_yet"),
        (messages.render_verdict(HEADING, Verdict(State.NORMAL, "x"), command="/mesh"), "normal"),
        (messages.render_failure(HEADING, "x", command="/mesh", again=""), "error"),
        (
            messages.render_failure(HEADING, "x", state="cancelled", command="/mesh", again=""),
            "normal",
        ),
        (messages.render_user_error("x"), "error"),
    ],
)
def test_the_first_block_tells_the_state(message: Message, state: str) -> None:
    """Whoever follows the channel learns the state from the first block's id."""
    assert message.blocks[0]["block_id"].split(":")[:2] == ["verdict", state]


def test_a_running_message_counts_the_parts() -> None:
    """One line per part, with the pod's own words while it lags."""
    parts = (
        Part("istiod", 1, 1, done=True),
        Part("gateway", 0, 1, "ImagePullBackOff: no such image"),
    )
    shown = messages.render_running(HEADING, RunProgress("installing", parts))
    assert "✅ `istiod` 1/1" in words(shown)
    assert "⏳ `gateway` 0/1 — ImagePullBackOff: no such image" in words(shown)
    assert shown.text == "Install Istio: installing (1 of 2 ready)"


def test_only_web_addresses_become_links() -> None:
    """A link that is not http(s) is shown as text."""
    verdict = Verdict(
        State.DONE, "x", links=(Link("a", "javascript:alert(1)"), Link("b|c", "https://k/?x=1|2"))
    )
    shown = words(messages.render_verdict(HEADING, verdict, command="/mesh"))
    assert "<javascript" not in shown
    assert "<https://k/?x=1%7C2|b¦c>" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (83, "1 min 23 s")])
def test_durations_are_short(seconds: float, text: str) -> None:
    """Times are said as people say them."""
    assert messages.format_duration(seconds) == text
