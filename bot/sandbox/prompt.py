"""The channel at a terminal: type /mesh install, @alice: /mesh status or click "Confirm", and watch what changes."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout

from bot.sandbox.play import Player
from bot.sandbox.script import Line, ScriptError, parse_line
from bot.sandbox.transcript import Out, Transcript
from bot.sandbox.workspace import DEFAULT_CHANNEL, Workspace
from bot.sandbox.workspace.elements import labels

USAGE = 'Type /mesh help, @meshbot status, @alice: /mesh status, or click "Button". Ctrl-D ends.'


def write(text: str) -> None:
    """Writes a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def run_prompt(workspace: Workspace, channel: str = DEFAULT_CHANNEL, *, source: TextIO | None = None) -> None:
    """Takes lines from the terminal until Ctrl-D; from a pipe or file each line is awaited to its end instead."""
    lines = source or sys.stdin
    if lines.isatty():
        await run_terminal(workspace, channel)
    else:
        await play_stream(workspace, channel, lines, write)


async def play_stream(workspace: Workspace, channel: str, source: TextIO, out: Out) -> None:
    """Plays lines one after the other as they come from a pipe or file, without expecting any particular end."""
    player = Player(workspace, out=out, channel=channel)
    queue = _lines_of(source)
    while (text := await queue.get()) is not None:
        line = _parsed(text, out)
        if line is not None:
            fault = await player.play_line(line)
            if fault.startswith("but "):
                out(f"  {fault.removeprefix('but ')}")


async def run_terminal(workspace: Workspace, channel: str) -> None:
    """Prompts for lines and writes what happens above them, until Ctrl-D or Ctrl-C."""
    transcript = Transcript(workspace, channel, write)
    session: PromptSession[str] = PromptSession(f"#{workspace.channel(channel).name} > ")
    acts: set[asyncio.Task[None]] = set()
    with patch_stdout(raw=True), workspace.changes() as changes:

        async def follow() -> None:
            async for change in changes:
                transcript.show(change)

        follower = asyncio.create_task(follow())
        write(USAGE)
        try:
            while True:
                line = _parsed(await session.prompt_async(), write)
                if line is not None:
                    task = asyncio.create_task(_act(workspace, channel, line))
                    acts.add(task)
                    task.add_done_callback(acts.discard)
        except (EOFError, KeyboardInterrupt):
            return
        finally:
            for task in (follower, *acts):
                task.cancel()


async def _act(workspace: Workspace, channel: str, line: Line) -> None:
    try:
        if line.kind != "click":
            await workspace.write(line.user, channel, line.text)
            return
        for message in reversed(workspace.messages(channel, line.user)):
            if line.text in labels(message.blocks):
                await workspace.click(line.user, message, line.text)
                return
        write(f'  {line.user} sees no button "{line.text}"')
    except LookupError as error:
        write(f"  {error}")


def _parsed(text: str, out: Out) -> Line | None:
    text = text.strip()
    if not text or text.startswith("#"):
        return None
    try:
        return parse_line(text)
    except ScriptError as error:
        out(f"  {str(error).removeprefix('line 1: ')}")
        out(f"  {USAGE}")
        return None


def _lines_of(source: TextIO) -> asyncio.Queue[str | None]:
    """Lines read by a thread, because a file cannot be awaited; the thread dies with the process if nobody ends it."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        for line in source:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="prompt-lines").start()
    return queue
