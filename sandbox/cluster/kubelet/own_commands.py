"""What containers do by their own command: the sandbox's shell carries it out, its output is the
container's log, and `kubectl attach` joins it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sandbox.clock import Clock
from sandbox.cluster.contract import CommandStreams, Object
from sandbox.cluster.kubelet.commands.language import (
    CommandList,
    Loop,
    ShellSyntaxError,
    SimpleCommand,
    read_line,
)
from sandbox.cluster.kubelet.commands.shell import SHELLS
from sandbox.cluster.kubelet.commands.shell_programs import PROGRAMS
from sandbox.cluster.log_buffer import LogBook, LogBuffer

Execute = Callable[[Object, str, Sequence[str], CommandStreams], Awaitable[int]]
"""Carries a command out in a pod's container, as `contract.PodAccess.execute` does."""
_BUILT_IN = ("exit", "export")
_SHELL_IMAGES = ("busybox", "alpine", "curl", "netshoot", "ubuntu", "debian")
"""Images that run a shell when they are given nothing to do and an input."""


def find_own_command(container: Object) -> tuple[str, ...]:
    """Return the command of a container that the sandbox's shell can carry out, else ()."""
    command = [str(word) for word in container.get("command") or ()]
    arguments = [str(word) for word in container.get("args") or ()]
    image = str(container.get("image", "")).rpartition("/")[2]
    if not command and arguments and "curl" in image and not _is_program(arguments[0]):
        # The image's entry point is curl.
        command = ["curl"]
    words = (*command, *arguments)
    if not words and container.get("stdin") and any(part in image for part in _SHELL_IMAGES):
        words = ("sh",)
    return words if words and _is_played(words) else ()


def _is_program(word: str) -> bool:
    return word in SHELLS or word.rpartition("/")[2] in (*PROGRAMS, *SHELLS)


def _is_played(words: Sequence[str]) -> bool:
    if not _is_program(words[0]):
        return False
    if words[0].rpartition("/")[2] == "tail":
        # One that follows a file waits, which needs no shell.
        return "-f" not in words
    if words[0] not in SHELLS or len(words) == 1:
        return True
    options = [word for word in words[1:] if word.startswith("-")]
    scripts = [word for word in words[1:] if not word.startswith("-")]
    if not any("c" in option for option in options) or not scripts:
        return False
    try:
        return _is_list_played(read_line(scripts[0]))
    except ShellSyntaxError:
        return False


def _is_list_played(commands: CommandList) -> bool:
    return all(
        _is_loop_played(each) if isinstance(each, Loop) else _is_command_played(each)
        for _, pipeline in commands.items
        for each in pipeline.commands
    )


def _is_loop_played(loop: Loop) -> bool:
    return _is_list_played(loop.body) and (
        loop.condition is None or _is_list_played(loop.condition)
    )


def _is_command_played(command: SimpleCommand) -> bool:
    if any(
        target is not None and operator != "<" and target.bare != "/dev/null"
        for operator, target in command.redirections
    ):
        return False
    first = command.words[0].bare if command.words else ""
    rest = [word.bare for word in command.words[1:]]
    if first == "tail" and "-f" in rest:
        return False
    return _is_program(first) or first in _BUILT_IN or "=" in first


class ContainerProcess:
    """One run of a container's command (`contract.CommandStreams`): what it writes goes into the
    container's log and to those who are attached; what they type is its input."""

    def __init__(self, container: Object, log: LogBuffer) -> None:
        self.terminal = bool(container.get("tty"))
        self._has_input = bool(container.get("stdin"))
        self._once = bool(container.get("stdinOnce"))
        self._typed: asyncio.Queue[bytes] = asyncio.Queue()
        self._log, self._line, self._written = log, b"", b""
        self._attached: list[CommandStreams] = []
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def read_input(self) -> bytes:
        return await self._typed.get() if self._has_input else b""

    async def write_output(self, data: bytes) -> None:
        self._written += data
        for each in tuple(self._attached):
            await each.write_output(data)
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._log.write(line.decode(errors="replace").rstrip("\r"))

    async def write_error(self, data: bytes) -> None:
        await self.write_output(data)

    def finish(self, code: int) -> None:
        """End the run with that exit code."""
        if self._line:
            self._log.write(self._line.decode(errors="replace"))
            self._line = b""
        if not self.code.done():
            self.code.set_result(code)

    async def attach(self, streams: CommandStreams) -> int:
        """Join the run until its end, after what it has written already; return its exit code."""
        if self._written:
            await streams.write_output(self._written)
        self._attached.append(streams)
        typing = asyncio.create_task(self._take_input(streams))
        try:
            return await asyncio.shield(self.code)
        finally:
            typing.cancel()
            self._attached.remove(streams)

    async def _take_input(self, streams: CommandStreams) -> None:
        while self._has_input and (data := await streams.read_input()):
            self._typed.put_nowait(data)
        if self._once:
            self._typed.put_nowait(b"")


class OwnCommands:
    """The commands of all pods' containers. `execute` is set once pods can be entered."""

    def __init__(self, clock: Clock) -> None:
        self._logs = LogBook(clock)
        self._running: dict[tuple[str, str], ContainerProcess] = {}
        self.execute: Execute | None = None

    async def run(self, pod: Object, container: Object, command: Sequence[str]) -> int:
        """Carry a container's command out; return its exit code."""
        uid, name = pod["metadata"]["uid"], container["name"]
        process = ContainerProcess(container, self._logs.renew(uid, name))
        self._running[uid, name] = process
        code = 137
        try:
            if self.execute is None:
                raise RuntimeError("pods cannot be entered yet")
            code = await self.execute(pod, name, command, process)
        finally:
            process.finish(code)
        return code

    def find_log(self, pod: Object, container: str) -> LogBuffer | None:
        """Return what a container's command has written; None where it has none."""
        return self._logs.find(pod["metadata"]["uid"], container)

    def find_process(self, pod: Object, container: str) -> ContainerProcess | None:
        """Return a container's last run of a command; None where it has none."""
        return self._running.get((pod["metadata"]["uid"], container))

    def remove(self, uid: str) -> None:
        """Forget a pod."""
        self._logs.remove(uid)
        for key in [key for key in self._running if key[0] == uid]:
            del self._running[key]
