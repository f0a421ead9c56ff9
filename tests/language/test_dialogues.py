"""Dialogues in Spanish, through the whole bot: everything that is posted is Spanish, and ends as it
does in English."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli.sandbox import PLAY_SPEED
from bot.language import tongue
from sandbox.script import load_script, parse_script
from sandbox.script_player import ScriptPlayer
from tests.language.leftovers import left, said
from tests.scenarios.stage import Stage, playing, words

MISTAKES = """
@alice: /mesh install -> error
@alice: /mesh whoami
@alice: /mesh help
@alice: /mesh help traffic
/mesh expse -> error
/mesh traffic burst many -> error
/mesh route jason v9 -> error
/mesh fault jason delay 9s -> error
/mesh shift v1=50 v3=60 -> error
/mesh install -> done
/mesh fault jason -> not yet
/mesh inject -> not yet
/mesh traces -> not yet
/mesh graph -> not yet
/mesh show -> normal
/mesh uninstall
click "Cancelar" -> normal
"""


@asynccontextmanager
async def heard(stage: Stage) -> AsyncIterator[dict[str, None]]:
    """Every line that the bot shows while the context lasts, also those that are edited away."""
    lines: dict[str, None] = {}
    changes = stage.workspace.watch_changes()

    async def listen() -> None:
        async for change in changes:
            if change.message is not None and change.message.user == stage.workspace.bot.id:
                lines.update(
                    dict.fromkeys(
                        said({"text": change.message.text, "blocks": change.message.blocks})
                    )
                )

    task = asyncio.create_task(listen())
    try:
        yield lines
    finally:
        task.cancel()
        changes.close()


async def played(stage: Stage, script: str) -> list[str]:
    """Plays a script, pressing buttons by their Spanish names; what the bot said."""
    lines = load_script(script) if "\n" not in script else parse_script(script)
    spoken = [
        replace(line, text=tongue("es").line(line.text)) if line.kind == "click" else line
        for line in lines
    ]
    async with heard(stage) as found:
        player = ScriptPlayer(stage.workspace, out=stage.said.append, timeout=60, settle=0.05)
        assert await player.play(spoken), "\n".join(stage.said)
        await asyncio.sleep(0)
    return list(found)


async def test_an_install_in_spanish(tmp_path: Path) -> None:
    """From the first word to the verdict; the ids by which programs read a channel are the same."""
    async with playing(tmp_path, MESHBOT_LANGUAGE="es") as (stage, _):
        message = await stage.type("/mesh install")
        assert message.blocks[0]["block_id"].startswith("verdict:done:")
        assert "*Instalar Istio* — Hecho: Istio 1.30.3 está listo." in words(message)
        assert left("es", said(message.blocks)) == []


@pytest.mark.long
async def test_mistakes_in_spanish(tmp_path: Path) -> None:
    """What is not understood, not allowed or not possible yet is answered in Spanish, and ends as
    in English."""
    async with playing(tmp_path, MESHBOT_LANGUAGE="es") as (stage, _):
        assert left("es", await played(stage, MISTAKES)) == []


@pytest.mark.long
@pytest.mark.timeout(200)
async def test_the_whole_workshop_in_spanish(tmp_path: Path) -> None:
    """Every step of the built-in script, its progress and its verdict."""
    async with playing(tmp_path, speed=PLAY_SPEED, MESHBOT_LANGUAGE="es") as (stage, _):
        lines = await played(stage, "workshop")
        assert left("es", lines) == []
        assert any("pasan por el waypoint" in line for line in lines)
