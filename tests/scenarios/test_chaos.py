"""Whatever goes wrong, in whatever order: each command has one end, and no run stays open."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from sandbox.cluster.faults import ApiFault
from sandbox.workspace import Message
from sandbox.workspace.elements import list_button_labels
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import Stage
from tests.scenarios.wire import Scene, scene

pytestmark = pytest.mark.long

COMMANDS = (
    "install",
    "install demo",
    "install access-log",
    "preflight",
    "uninstall",
    "status",
    "links",
    "nonesuch",
)
EFFECTS = ("forbid", "conflict", "throttle", "error", "drop", "slow")
VERBS = ("", "get", "list", "watch", "patch", "create", "delete")
KINDS = (
    "",
    "deployments",
    "pods",
    "namespaces",
    "customresourcedefinitions",
    "configmaps",
    "gatewayclasses",
)
ROUNDS = 12


def hurt_cluster(dice: random.Random, on: Scene) -> None:
    """One fault, for a while or for good."""
    effect, verb, kind = dice.choice(EFFECTS), dice.choice(VERBS), dice.choice(KINDS)
    times = dice.choice((1, 3, None))
    on.stage.cluster.server.faults.add(
        ApiFault(effect, verb=verb, resource=kind, times=times, seconds=0.1)  # type: ignore[arg-type]  # a choice
    )


async def hurt_wire(dice: random.Random, on: Scene) -> None:
    """The cluster goes away for a moment, a little later."""
    await asyncio.sleep(dice.random() / 2)
    await on.wire.cut()
    await asyncio.sleep(dice.random() / 2)
    await on.wire.mend()


def hurt_slack(dice: random.Random, on: Scene) -> None:
    """A method refuses once, or an envelope comes twice."""
    method = dice.choice(("chat.update", "chat.postMessage", "chat.postEphemeral"))
    dice.choice(
        (
            lambda: on.stage.workspace.faults.rate_limit_method(method, times=1, retry_after=0),
            lambda: on.stage.workspace.faults.fail_method(method, times=1),
            lambda: setattr(on.stage.workspace.faults, "duplicates", 1),
        )
    )()


async def ends(stage: Stage, user: str, before: set[str]) -> list[Message]:
    """The answers to what was just typed, once none of them is running."""
    with stage.workspace.watch_changes() as changes:
        async with asyncio.timeout(30):
            while True:
                fresh = [m for m in stage.workspace.list_messages(user=user) if m.ts not in before]
                if fresh and all(read_verdict_state(m) != "running" for m in fresh):
                    return fresh
                await anext(changes)


async def pressed(stage: Stage, question: Message) -> None:
    """Confirms; what is asked again, because it has changed meanwhile, is confirmed again."""
    async with asyncio.timeout(30):
        while read_verdict_state(question) == "asks":
            press = next(
                label
                for label in list_button_labels(question.blocks)
                if label in ("Confirm", "Change it")
            )
            shown = len(question.edits)
            with stage.workspace.watch_changes() as changes:
                await stage.workspace.actions.click_element("host", question, press)
                while len(question.edits) == shown or read_verdict_state(question) == "running":
                    await anext(changes)


async def one_round(dice: random.Random, on: Scene) -> None:
    """Something goes wrong while something is typed, and its question, if it asks one, is answered."""
    stage, user = on.stage, dice.choice(("host", "host", "alice"))
    trouble = asyncio.create_task(hurt_wire(dice, on) if dice.random() < 0.3 else asyncio.sleep(0))
    for hurt in dice.sample((hurt_cluster, hurt_slack), dice.randint(0, 2)):
        hurt(dice, on)
    line = f"/mesh {dice.choice(COMMANDS)}"
    before = {m.ts for m in stage.workspace.list_messages(user=user)}
    assert (await stage.workspace.actions.send_command(user, "mesh-workshop", line)).is_acked
    answers = await ends(stage, user, before)
    assert len(answers) == 1, (line, [m.text for m in answers])
    assert "Traceback" not in answers[0].text
    asked = [m for m in answers if read_verdict_state(m) == "asks"]
    if asked:
        await pressed(stage, asked[0])
    await trouble
    stage.cluster.server.faults.clear()
    stage.workspace.faults.clear_faults()


@pytest.mark.parametrize("seed", range(4))
async def test_every_command_has_one_end(tmp_path: Path, seed: int) -> None:
    """A dozen commands amid random trouble; afterwards the ledger holds nothing for under way, and
    all still works."""
    dice = random.Random(seed)
    async with scene(tmp_path) as on:
        for _ in range(ROUNDS):
            await one_round(dice, on)
        waiting = [state for _, state in await on.unfinished()]
        assert "running" not in waiting
        await on.stage.type("/mesh status")
