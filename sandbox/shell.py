"""The shell of a play: commands run one after the other in the folder of its script, with the
KUBECONFIG of its cluster and its `istioctl` first in PATH, and none of them outlives the play."""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FIRST_LINES, LAST_LINES = 40, 20
"""How many lines of a long output are written; those between them are counted."""

LONGEST_LINE = 500
"""Characters of a line that are written."""

_MOST_BYTES = 1 << 20
"""Bytes that are read at once: as many as a pipe may hold, so that one read empties it."""


def build_shell_environment(
    inherited: Mapping[str, str], *, kubeconfig: str, istioctl: Path, cache: Path
) -> dict[str, str]:
    """Return the environment of a play's commands.

    `kubeconfig` may be a list of files, as in $KUBECONFIG. kubectl keeps what it has found of
    a cluster by the address of its API, and an embedded one may have the port of one before
    it: therefore a `cache` of the play's own.
    """
    search = os.pathsep.join([str(istioctl.parent.absolute()), inherited.get("PATH", os.defpath)])
    paths = [str(Path(name).absolute()) for name in kubeconfig.split(os.pathsep) if name]
    own = {"KUBECONFIG": os.pathsep.join(paths), "PATH": search, "KUBECACHEDIR": str(cache)}
    return {**inherited, **own}


def describe_exit(code: int) -> str:
    """Return an exit code in words; a negative one is the signal that ended the command."""
    return f"exit code {code}" if code >= 0 else f"the end by {signal.Signals(-code).name}"


class OutputWriter:
    """Writes a command's output line by line: the first lines as they come, of all others only
    the last ones, at the end."""

    def __init__(self, out: Callable[[str], None]) -> None:
        self._out = out
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unfinished = ""
        self._seen = 0
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def write_bytes(self, data: bytes) -> None:
        """Take more of the output."""
        *lines, rest = (self._unfinished + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._write_line(line)
        # One character more than is written shows that the line was longer.
        self._unfinished = rest[: LONGEST_LINE + 1]

    def finish(self) -> None:
        """Write what is left, and how many lines are left out."""
        if self._unfinished:
            self._write_line(self._unfinished)
        omitted = self._seen - FIRST_LINES - len(self._last)
        if omitted > 0:
            self._out(f"({omitted} {'line' if omitted == 1 else 'lines'} left out)")
        for line in self._last:
            self._out(line)

    def _write_line(self, line: str) -> None:
        # A terminal shows what a progress bar wrote last.
        shown = line.rstrip("\r").rpartition("\r")[2]
        cut = shown if len(shown) <= LONGEST_LINE else f"{shown[:LONGEST_LINE]}…"
        self._seen += 1
        if self._seen <= FIRST_LINES:
            self._out(cut)
        else:
            self._last.append(cut)


@dataclass
class _RunningCommand:
    """A command, and the end of the pipe that its output comes from.

    asyncio's own pipes are not used: on some versions of Python a process counts as running
    for as long as any child in the background holds them.
    """

    process: Process
    source: int
    writer: OutputWriter
    open: bool = field(default=True, init=False)

    def follow(self) -> None:
        """Read the output as it comes."""
        asyncio.get_running_loop().add_reader(self.source, self.read)

    def read(self) -> None:
        """Read what the pipe holds now."""
        try:
            data = os.read(self.source, _MOST_BYTES) if self.open else b""
        except BlockingIOError:
            return
        if data:
            self.writer.write_bytes(data)
        else:
            self.close()

    def close(self) -> None:
        """Read no more."""
        if self.open:
            self.open = False
            asyncio.get_running_loop().remove_reader(self.source)
            os.close(self.source)

    def kill(self) -> None:
        """Kill the process group: the shell, and all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def is_group_alive(self) -> bool:
        """Return whether anything of the process group runs still."""
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


class Shell:
    """Runs commands, each in a process group of its own.

    What a command leaves in the background runs on, unheard, until `close`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, dict(environment)
        self._program = shutil.which("bash") or "sh"
        self._left: list[_RunningCommand] = []

    async def run_command(self, command: str, *, out: Callable[[str], None], seconds: float) -> int:
        """Run a command to its end, write its output, and return its exit code, negative for a
        signal.

        A command that takes longer is killed, children included. Raises TimeoutError then,
        and OSError when it cannot be started.
        """
        running = await self._start(command, OutputWriter(out))
        # While it runs it is one of those that `close` ends.
        self._left.append(running)
        ended = False
        try:
            running.follow()
            async with asyncio.timeout(seconds):
                code = await running.process.wait()
            ended = True
        finally:
            if not ended:
                running.kill()
                await running.process.wait()
            self._finish_output(running)
        return code

    def close(self) -> None:
        """Kill everything that is left of the commands."""
        for running in self._left:
            running.kill()
            running.close()
        self._left.clear()

    async def _start(self, command: str, writer: OutputWriter) -> _RunningCommand:
        source, sink = os.pipe()
        try:
            os.set_blocking(source, False)
            process = await asyncio.create_subprocess_exec(
                *(self._program, "-c", command),
                cwd=self._folder,
                env=self._environment,
                stdin=DEVNULL,
                stdout=sink,
                stderr=STDOUT,
                start_new_session=True,
            )
        except BaseException:  # a cancelled start must not keep the pipe either
            os.close(source)
            raise
        finally:
            os.close(sink)
        return _RunningCommand(process, source, writer)

    def _finish_output(self, running: _RunningCommand) -> None:
        """Write the rest of the output; keep what runs on in the background."""
        running.read()
        running.writer.finish()
        running.writer = OutputWriter(_ignore_line)
        if not running.is_group_alive():
            running.close()
            self._left.remove(running)


def _ignore_line(_line: str) -> None:
    """Hear nothing of what runs in the background."""
