"""Dialogues with the whole bot, of which every line is heard, also those that are edited away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from bot.language import Localizer
from bot.text.message import build_text
from sandbox.script import load_script, parse_script
from sandbox.script_player import ScriptPlayer
from tests.scenarios.stage import Stage


@asynccontextmanager
async def hear(stage: Stage) -> AsyncIterator[dict[str, None]]:
    """Every line that the bot shows while the context lasts."""
    lines: dict[str, None] = {}
    changes = stage.workspace.watch_changes()

    async def listen() -> None:
        async for change in changes:
            message = change.message
            if message is not None and message.user == stage.workspace.bot.id:
                shown = {"text": message.text, "blocks": message.blocks}
                lines.update(dict.fromkeys(list_lines(shown)))

    task = asyncio.create_task(listen())
    try:
        yield lines
    finally:
        task.cancel()
        changes.close()


def list_lines(shown: Any) -> Iterator[str]:
    """Every line of a message or of a part of it, but for what stands in a code block."""
    if isinstance(shown, dict):
        for key in ("text", "alt_text"):
            if isinstance(shown.get(key), str) and not shown[key].startswith("```"):
                yield from shown[key].split("\n")
        yield from (line for value in shown.values() for line in list_lines(value))
    elif isinstance(shown, list | tuple):
        yield from (line for value in shown for line in list_lines(value))


async def play(stage: Stage, script: str, say: Localizer) -> list[str]:
    """Plays a script, pressing buttons by their names in that language; what the bot said."""
    lines = parse_script(script) if "\n" in script else load_script(script)
    spoken = [
        replace(line, text=name_button(line.text, say)) if line.kind == "click" else line
        for line in lines
    ]
    async with hear(stage) as found:
        player = ScriptPlayer(stage.workspace, out=stage.said.append, timeout=60, settle=0.05)
        assert await player.play(spoken), "\n".join(stage.said)
        await asyncio.sleep(0)
    return list(found)


def name_button(label: str, say: Localizer) -> str:
    """The label of a button in that language; a command is the same in all."""
    if label.startswith("/"):
        return label
    said = say(build_text(label, "", "button", {}))
    return say(build_text(label, "", "", {})) if said == label else said


def find_english(
    lines: Iterable[str], foreign: Iterable[re.Pattern[str]], names: frozenset[str]
) -> list[str]:
    """The lines with a word in plain English; `foreign` is what others say, `names` are names."""
    # A line that is a command is a button that types it.
    return [
        line for line in lines if line[:1] != "/" and find_words(line, foreign).difference(names)
    ]


def find_words(line: str, foreign: Iterable[re.Pattern[str]]) -> set[str]:
    """The plain words of a line, but for code, addresses, mentions and what begins with a capital:
    kinds, and names of products."""
    for pattern in (*foreign, UNSAID):
        line = pattern.sub("·", line)
    return set(WORD.findall(line))


UNSAID = re.compile(r"`[^`]*`|<[^<>|]*\|?|https?://\S+|&\w+;")
WORD = re.compile(r"(?<![\w./:=@-])[a-z]{2,}(?![\w./:=@-])")
"""A word that is no part of a name, a path or an address."""
