"""Whatever is typed is answered in private, says what to type instead, and changes nothing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.catalog import Catalog
from bot.engine.runs.error_messages import explain_error
from bot.errors import UserError
from bot.language.localizer import ENGLISH
from bot.slackrules import check_message
from bot.view.result_messages import render_user_error
from bot.when import KEYWORDS
from handlers import STEPS
from sandbox.workspace import Message
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import Stage, words

pytestmark = pytest.mark.long

CATALOG = Catalog(STEPS)
WORDS = sorted(
    {name for step in STEPS for name in (step.id, *step.aliases, *step.options.model_fields)}
)
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        [
            "=",
            "--",
            "'",
            '"',
            "`",
            "\\",
            "<!channel>",
            "<@U0HOST>",
            "*",
            "&amp;",
            "$(id)",
            ";",
            "|",
            "in=",
        ]
    ),
    st.sampled_from([*KEYWORDS, "10m", "9:30", "mon,wed", "0 9 * * 1-5", "Europe/Madrid"]),
    st.text(max_size=12),
    st.text(alphabet="\u202e\u200b\x00\x07é😀👩‍💻\n\t", max_size=4),
)
TEXTS = st.lists(PIECES, max_size=8).map(" ".join)


@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_ten_thousand_texts_mean_something_or_are_refused(text: str) -> None:
    """Either a step with valid options, which typed again means the same, or an answer that Slack
    takes."""
    try:
        found = CATALOG.parse(text)
    except UserError as problem:
        failure = explain_error(problem)
        answer = render_user_error(ENGLISH, failure.summary, failure.turn)
        assert not check_message(answer.to_payload())
        assert "<!" not in answer.text
        assert "<@" not in answer.text
        return
    again = CATALOG.parse(found.text)
    assert (again.step, again.options, again.wish) == (found.step, found.options, found.wish)


NASTY = [
    "help nonesuch",
    "help " + "x" * 900,
    "install set",
    "install set=",
    "install profile=",
    "install dmeo",
    "install profile=demo profile=demo",
    "install demo demo",
    "install access-log=maybe",
    "install access-log access-log",
    "install ';rm -rf /'",
    "install $(reboot)",
    "install `id`",
    "install profile=../../etc/passwd",
    "install set=--kubeconfig=/etc/passwd",
    "install in=kube-system",
    "install in=../x",
    "uninstall in=default",
    "uninstall --purge",
    "uninstall app=perhaps",
    "uninstall all",
    "status in=" + "a" * 64,
    "status share=no share",
    "links \x07",
    "status 😀",
    "<@U0HOST>",
    "<!channel> <!here> <!everyone>",
    "@host",
    "*bold* _it_ ~s~",
    "&lt;b&gt;",
    'status "unclosed',
    "status 'x",
    "\\",
    "status\nuninstall",
    "Status  share extra",
    "drop table runs;--",
    '{"a":1}',
    "{{7*7}}",
    "%s %n %x",
    "../../etc",
    "null",
    "0",
    "-1",
    "ａｂｃ",
    "статус",
    "whoami bob",
    "preflight deep",
    "instal",
    "x" * 10_000,
]


async def ended(stage: Stage, line: str) -> list[Message]:
    """Types that as the host; every new message of the bot, once one of them shows an end."""
    earlier = {message.ts for message in stage.workspace.list_messages()}
    with stage.workspace.watch_changes() as changes:
        typed = await stage.workspace.actions.send_command("host", "mesh-workshop", line)
        assert typed.is_acked, typed.error
        async with asyncio.timeout(40):
            while True:
                fresh = [m for m in stage.workspace.list_messages() if m.ts not in earlier]
                if fresh and all(read_verdict_state(m) != "running" for m in fresh):
                    return fresh
                await anext(changes)


async def test_nasty_texts_are_answered_once_and_change_nothing(stage: Stage) -> None:
    """One answer each, for that person alone; the cluster is not written to, and no run is begun."""
    before = await stage.version()
    for text in NASTY:
        answers = await ended(stage, f"/mesh {text}")
        assert len(answers) == 1, text
        assert answers[0].ephemeral_to, text
        assert read_verdict_state(answers[0]) == "error", text
        assert "<!" not in answers[0].text, text
    assert await stage.version() == before


@pytest.mark.parametrize("typed", ["install --help", "--help", "-h", "install -h"])
async def test_help_is_understood_as_on_a_command_line(stage: Stage, typed: str) -> None:
    """Habits of a terminal lead to help, not to a profile of that name."""
    assert "Help" in words(await stage.type(f"/mesh {typed}"))
