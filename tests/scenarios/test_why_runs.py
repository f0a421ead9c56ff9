"""`why` about a run: asked in the thread of its message, or by the shortcut in that message's
menu."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.app import Bot
from bot.records import AuditEntry
from sandbox.workspace import DEFAULT_CHANNEL, Message
from tests.scenarios.screens import says, until
from tests.scenarios.stage import Stage, playing, words

ALICES = "bookinfo-u0alice"
OF_EXPOSE = "-> cause app-not-deployed, cause istio-not-installed"
"""What is wrong in an empty cluster, as a question about `expose` is answered."""
OF_NOTHING = "-> cause istio-not-installed, cause app-not-deployed"
"""The same in its order for a question about no step."""


async def ask(stage: Stage, text: str, about: Message, user: str = "host") -> str:
    """What the bot answers to a mention in the thread of a message, to that person alone."""
    before = len(told(stage, user))
    await stage.workspace.actions.mention_bot(user, DEFAULT_CHANNEL, text, about.ts)
    answer = (await until(lambda: told(stage, user)[before:]))[0]
    assert answer.thread_ts == about.ts
    return words(answer)


def told(stage: Stage, user: str) -> list[Message]:
    """What only this person was told."""
    return [m for m in stage.workspace.list_messages(user=user) if m.ephemeral_to]


def is_first(answer: str, cause: str) -> bool:
    """Whether this is the first cause that an answer names."""
    return answer.partition("cause: ")[2].startswith(cause)


async def list_asked(bot: Bot, count: int) -> list[AuditEntry]:
    """What was asked with `why`, the newest first, once so many rows are in the audit; they are
    written after the answers."""
    async with asyncio.timeout(40):
        while True:
            entries = await bot.ledger.audit.entries(most=20)
            if len(asked := [each for each in entries if each.step == "why"]) >= count:
                return asked
            await asyncio.sleep(0.02)


@pytest.mark.long
async def test_the_thread_says_which_run_is_meant(stage: Stage) -> None:
    """In the thread of a run its step is asked about, unless another is named; elsewhere none."""
    run = await stage.type("/mesh expose -> not yet")
    other = await stage.workspace.actions.post_message("host", DEFAULT_CHANNEL, "let us see")
    assert is_first(await ask(stage, "why", run), "app-not-deployed")
    assert is_first(await ask(stage, "why install", run), "istio-not-installed")
    assert is_first(await ask(stage, "why", other), "istio-not-installed")


@pytest.mark.long
async def test_the_shortcut_is_about_the_run_of_its_message(tmp_path: Path) -> None:
    """It is answered to whoever chose it, and audited as if it had been typed."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh expose -> not yet")
        answer = await stage.type(f'@alice: shortcut "Why?" {OF_EXPOSE}')
        assert answer.ephemeral_to == "U0ALICE"
        await stage.type(f"/mesh why {OF_NOTHING}")
        # The Details of each were opened, which asks again.
        _, typed, _, chosen = await list_asked(bot, 4)
        assert (chosen.user, chosen.arguments, chosen.outcome) == ("U0ALICE", "why expose", "done")
        assert (typed.arguments, typed.namespace) == ("why", chosen.namespace)


@pytest.mark.long
async def test_the_shortcut_on_a_message_of_no_run_is_a_plain_why(stage: Stage) -> None:
    """On what a person wrote, and on an answer that was shared."""
    await stage.type("/mesh expose -> not yet")
    said = await stage.workspace.actions.post_message("bob", DEFAULT_CHANNEL, "and now?")
    await stage.workspace.actions.choose_shortcut("host", said, "Why?")
    assert is_first(words(await says(stage, "2 causes in bookinfo")), "istio-not-installed")
    await stage.type("/mesh status share")
    await stage.type(f'shortcut "Why?" {OF_NOTHING}')


@pytest.mark.long
async def test_the_namespace_of_the_run_is_looked_at(tmp_path: Path) -> None:
    """A host asks about an attendee's, and an attendee about what a host ran in the shared one,
    though their own is meant elsewhere."""
    async with playing(tmp_path, MESHBOT_ROLES__OWN_NAMESPACES="bookinfo-{user}") as (stage, bot):
        theirs = await stage.type("@alice: /mesh inject -> not yet")
        shared = await stage.type("/mesh expose -> not yet")
        assert f"in {ALICES}" in await ask(stage, "why", theirs)
        assert "in bookinfo," in await ask(stage, "why", shared, "alice")
        assert f"in {ALICES}" in await ask(stage, f"why in={ALICES}", shared)
        assert [each.arguments for each in reversed(await list_asked(bot, 3))] == [
            f"why inject in={ALICES}",
            "why expose in=bookinfo",
            f"why in={ALICES} expose",
        ]


@pytest.mark.long
async def test_the_shortcut_is_for_those_who_may_type_the_command(tmp_path: Path) -> None:
    """Where the settings give `why` to hosts, others are told so, and the denial is audited."""
    async with playing(tmp_path, MESHBOT_ROLES__STEPS="why=host") as (stage, bot):
        await stage.type("/mesh expose -> not yet")
        denial = await stage.type('@alice: shortcut "Why?" -> error')
        assert "needs the role host" in words(denial)
        (row,) = await list_asked(bot, 1)
        assert (row.user, row.outcome) == ("U0ALICE", "denied")
        await stage.type(f'shortcut "Why?" {OF_EXPOSE}')
