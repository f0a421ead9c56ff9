"""The channel at a terminal: type /mesh install, @alice: /mesh status, click "Confirm" or
shortcut "Why?", and watch what changes."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.patch_stdout import patch_stdout

from sandbox.script import ScriptError, ScriptLine, parse_line
from sandbox.script_player import ScriptPlayer, find_newest_bot_message
from sandbox.transcript import Out, Transcript
from sandbox.workspace import DEFAULT_CHANNEL, Workspace
from sandbox.workspace.elements import list_button_labels

USAGE = (
    "Begin with /mesh workshop. Or type /mesh help, @meshbot status, @alice: /mesh status, click "
    '"Button", or shortcut "Why?". Ctrl-D ends.'
)


def write_line(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def run_prompt(
    workspace: Workspace, channel: str = DEFAULT_CHANNEL, *, source: TextIO | None = None
) -> None:
    """Take lines from the terminal until Ctrl-D.

    Lines from a pipe or file are played one by one, each awaited to its end.
    """
    lines = source or sys.stdin
    if lines.isatty():
        await run_terminal(workspace, channel)
    else:
        await play_stream(workspace, channel, lines, write_line)


async def play_stream(workspace: Workspace, channel: str, source: TextIO, out: Out) -> None:
    """Play lines from a pipe or file one after the other, without expecting a particular end."""
    player = ScriptPlayer(workspace, out=out, channel=channel)
    queue = _read_lines(source)
    while (text := await queue.get()) is not None:
        line = _parse_or_report(text, out)
        if line is not None:
            fault = await player.play_line(line)
            if fault.startswith("but "):
                out(f"  {fault.removeprefix('but ')}")


async def run_terminal(workspace: Workspace, channel: str) -> None:
    """Prompt for lines and write what happens above them, until Ctrl-D or Ctrl-C."""
    transcript = Transcript(workspace, channel, write_line)
    session: PromptSession[str] = PromptSession(f"#{workspace.get_channel(channel).name} > ")
    acts: set[asyncio.Task[None]] = set()
    with patch_stdout(raw=True), workspace.watch_changes() as changes:

        async def follow() -> None:
            async for change in changes:
                transcript.write_change(change)

        follower = asyncio.create_task(follow())
        write_line(USAGE)
        try:
            while True:
                line = _parse_or_report(await session.prompt_async(), write_line)
                if line is not None:
                    task = asyncio.create_task(_perform_line(workspace, channel, line))
                    acts.add(task)
                    task.add_done_callback(acts.discard)
        except (EOFError, KeyboardInterrupt):
            return
        finally:
            for task in (follower, *acts):
                task.cancel()


async def _perform_line(workspace: Workspace, channel: str, line: ScriptLine) -> None:
    if line.kind == "shell":
        write_line("  shell commands are for scripts that are played with --play")
        return
    try:
        if line.kind == "shortcut":
            newest = find_newest_bot_message(workspace, workspace.get_channel(channel).id)
            await workspace.actions.choose_shortcut(line.user, newest, line.text)
            return
        if line.kind != "click":
            await workspace.actions.send_line(line.user, channel, line.text)
            return
        for message in reversed(workspace.list_messages(channel, line.user)):
            if line.text in list_button_labels(message.blocks):
                await workspace.actions.click_element(line.user, message, line.text)
                return
        write_line(f'  {line.user} sees no button "{line.text}"')
    except LookupError as error:
        write_line(f"  {error}")


def _parse_or_report(text: str, out: Out) -> ScriptLine | None:
    text = text.strip()
    if not text or text.startswith("#"):
        return None
    try:
        return parse_line(text)
    except ScriptError as error:
        out(f"  {str(error).removeprefix('line 1: ')}")
        out(f"  {USAGE}")
        return None


def _read_lines(source: TextIO) -> asyncio.Queue[str | None]:
    """Return a queue of lines that a thread reads, because a file cannot be awaited.

    The thread is a daemon: it ends with the process.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()

    def read() -> None:
        for line in source:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="prompt-lines").start()
    return queue
