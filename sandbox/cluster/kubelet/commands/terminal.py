"""A shell at a terminal, or at a pipe: it reads lines and runs each."""

from __future__ import annotations

from sandbox.cluster.contract import CommandStreams
from sandbox.cluster.kubelet.commands.shell import ShellSession
from sandbox.cluster.kubelet.commands.shell_context import CommandContext

_PROMPT = b"$ "
_INTERRUPT, _END, _ERASE = b"\x03", b"\x04", (b"\x7f", b"\x08")


async def run_terminal(streams: CommandStreams, context: CommandContext) -> int:
    """Run what is typed, line by line, until the input ends or `exit`; return the last code."""
    if streams.terminal:
        context = _end_lines_for_terminal(context)
    session = ShellSession(context)
    if not streams.terminal:
        text = b""
        while data := await streams.read_input():
            text += data
        return await session.run(text.decode(errors="replace"))
    reader = _LineReader(streams)
    while not session.ended:
        await streams.write_output(_PROMPT)
        line = await reader.read_line()
        if line is None:
            break
        await session.run(line)
    return session.code


def _end_lines_for_terminal(context: CommandContext) -> CommandContext:
    """Return the surroundings with lines that end as a terminal driver ends them."""

    async def write(data: bytes) -> None:
        await write_raw(data.replace(b"\n", b"\r\n"))

    write_raw = context.write
    return context.with_streams(write, write, context.piped)


class _LineReader:
    """A terminal's line: it shows what is typed, since the client's own terminal does not."""

    def __init__(self, streams: CommandStreams) -> None:
        self._streams = streams
        self._left = b""

    async def read_line(self) -> str | None:
        """Return the next line; None when the input ends."""
        line = b""
        while (key := await self._read_key()) not in (b"\r", b"\n", _INTERRUPT):
            if not key or (key == _END and not line):
                return None
            if key in _ERASE:
                await self._streams.write_output(b"\b \b" if line else b"")
                line = line[:-1]
            else:
                line += key
                await self._streams.write_output(key)
        await self._streams.write_output(b"^C\r\n" if key == _INTERRUPT else b"\r\n")
        return "" if key == _INTERRUPT else line.decode(errors="replace")

    async def _read_key(self) -> bytes:
        if not self._left:
            self._left = await self._streams.read_input()
        key, self._left = self._left[:1], self._left[1:]
        return key
