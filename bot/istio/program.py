"""A program run without a shell, in a session of its own: its lines arrive as they are printed, and
it never outlives its context."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.errors import IstioError
from bot.istio.lines import clean_line, is_noise
from bot.jobs import Jobs
from bot.ports import Output
from bot.text import Text

TAIL_LINES = 20
"""Lines of standard error that are kept."""
MAX_UNREAD_LINES = 10_000
"""Lines that wait for a reader; older ones are dropped, so that a program is never blocked by a
slow one."""
MOST_OUTPUT = 32_000_000
"""Bytes of each stream that are read; a rendered release has one or two million. Then the program
is ended."""
LINE_COST = 100
"""Bytes for which a line counts beside its own: what costs time is their number."""
LONGEST_PENDING = 65_536
"""Bytes that are kept of a line which has not ended; then they are taken for a line."""
STREAM_SECONDS = 1.0
"""Seconds that the streams may stay open after the program has ended (a child of its own may hold
them)."""
TERM_SECONDS = 3.0
"""Seconds between TERM and KILL."""
OWN_BINARY = Path(sys.executable)
"""A binary that runs on this machine: programs are compared with it."""
INHERITED = (
    "PATH",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
)
"""The only variables of ours that a program sees: any ISTIOCTL_* would silently become a flag."""


NO_DEFAULTS = "istioctl.yaml"
"""An empty file in the private home. Without ISTIOCONFIG istioctl takes flags from
`~/.istioctl/config.yaml`, and a file that is not there, or /dev/null, ends it (1.32-alpha)."""


def build_environment(home: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return a clean environment with a private home, plain English, no colours and no flags
    from files.
    """
    passed = {name: os.environ[name] for name in INHERITED if os.environ.get(name)}
    ours = {
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "HOME": home,
        "TMPDIR": home,
        "ISTIOCONFIG": f"{home}/{NO_DEFAULTS}",
    }
    return {"PATH": os.defpath, **ours, **passed, **extra}


def build_command(program: Path, *, search: str) -> tuple[str, ...]:
    """Return the command of a program, tied to the life of this process where util-linux can
    do that: killed with it, whatever kills it.

    A program that cannot be run is left as it is, so that the error is its own. The
    kernel takes the thread that starts it for its parent: that is the event loop's, which
    lives as long as the process.
    """
    setpriv = shutil.which("setpriv", path=search) if sys.platform == "linux" else None
    if setpriv is None or not _looks_runnable(program):
        return (str(program),)
    return (setpriv, "--pdeathsig", "KILL", "--", str(program))


def _looks_runnable(program: Path) -> bool:
    """Tell whether a program may be executed, and is a script whose interpreter is there, or
    a binary for this machine.
    """
    head = _read_head(program)
    if head.startswith(b"#!"):
        interpreter = head[2:].partition(b"\n")[0].split()[:1]
        return (
            os.access(program, os.X_OK) and bool(interpreter) and os.access(interpreter[0], os.X_OK)
        )
    return (
        os.access(program, os.X_OK)
        and head.startswith(b"\x7fELF")
        and _read_elf_machine(head) == _read_elf_machine(_read_head(OWN_BINARY))
    )


def _read_elf_machine(head: bytes) -> bytes:
    """Return the bytes of an ELF header that tell word size, byte order and machine."""
    return head[4:6] + head[18:20]


def _read_head(program: Path) -> bytes:
    try:
        with program.open("rb") as file:
            return file.read(256)
    except OSError:
        return b""


@asynccontextmanager
async def start_program(
    program: Path,
    arguments: Sequence[str],
    *,
    extra: Mapping[str, str] | None = None,
    whole: bool = False,
) -> AsyncIterator[RunningProgram]:
    """Run a program for as long as the context lasts; raise IstioError when it cannot be
    started.

    With `whole`, standard output is one document (`RunningProgram.document`) and not
    lines.
    """
    with tempfile.TemporaryDirectory(prefix="meshbot-", ignore_cleanup_errors=True) as home:
        loop = asyncio.get_running_loop()
        try:
            (Path(home) / NO_DEFAULTS).touch()
            _, running = await loop.subprocess_exec(
                lambda: RunningProgram(whole=whole),
                *build_command(program, search=os.environ.get("PATH", os.defpath)),
                *arguments,
                # Whatever asks a question is to fail, for nobody could answer.
                stdin=asyncio.subprocess.DEVNULL,
                cwd=home,
                env=build_environment(home, extra or {}),
                # A group of its own, which is ended with its children; and Ctrl-C in our terminal
                # does not reach it.
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise IstioError(_explain_start_failure(program, error)) from error
        try:
            yield running
        finally:
            await running.stop()


def _explain_start_failure(program: Path, error: Exception) -> Text:
    if isinstance(error, FileNotFoundError):
        if program.exists():
            return Text(
                "{program} cannot be run on this machine: its interpreter or loader is missing",
                program=str(program),
            )
        return Text(
            "there is no {program}: {variable} must name an unpacked Istio release",
            program=str(program),
            variable="MESHBOT_ISTIO__HOME",
        )
    if isinstance(error, PermissionError):
        return Text("{program} is not executable: chmod +x {program}", program=str(program))
    if isinstance(error, OSError) and error.errno == errno.ENOEXEC:
        return Text(
            "{program} is not a program for this machine ({machine}): get the release for it",
            program=str(program),
            machine=os.uname().machine,
        )
    return Text(
        "{program} could not be started: {why}",
        program=str(program),
        why=str(getattr(error, "strerror", None) or error),
    )


class RunningProgram(asyncio.SubprocessProtocol):
    """A program that was started: `bot.ports.Program`. asyncio calls it for what the program
    prints and for its end; its own `Process` would count a program as running for as long
    as any child holds the streams.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._document = bytearray()
        # In bytes: a character may come in two pieces.
        self._pending = {1: b"", 2: b""}
        self._left = {1: MOST_OUTPUT, 2: MOST_OUTPUT}
        self._overflowed = False
        self._lines: deque[Output] = deque(maxlen=MAX_UNREAD_LINES)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._news = asyncio.Event()
        self._exited = asyncio.Event()
        self._drained = asyncio.Event()
        self._jobs = Jobs()

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines that it printed on standard error, without art and port-forward noise."""
        return tuple(self._tail)

    @property
    def document(self) -> bytes:
        """Standard output as it was written, when that was asked for."""
        return bytes(self._document)

    async def output(self) -> AsyncIterator[Output]:
        """Yield its lines as they come, until it ends; without colours, art and port-forward
        noise.
        """
        while True:
            self._news.clear()
            while self._lines:
                yield self._lines.popleft()
            if self._end.done():
                return
            await self._news.wait()

    async def wait(self) -> int:
        """Wait until it has ended and its lines are all there; return its exit code, negative
        for a signal. Raises IstioError when it was ended because it printed too much.
        """
        # One who stops waiting must not end the task that `stop` and others wait for.
        code: int = await asyncio.shield(self._end)
        if self._overflowed:
            raise IstioError(
                Text(
                    "istioctl printed more than {most:g} MB and was ended; read no further",
                    most=MOST_OUTPUT / 1e6,
                ),
                code=0,
                lines=self.tail,
            )
        return code

    async def stop(self) -> None:
        """End what is left of it, children included: first TERM, and KILL after 3 seconds."""
        try:
            if not self._end.done():
                self._send_signal(signal.SIGTERM)
                # Not awaited itself: who is cancelled here would cancel it too.
                await asyncio.wait({self._end}, timeout=TERM_SECONDS)
        finally:
            if not self._end.done():
                self._send_signal(signal.SIGKILL)
        await asyncio.wait({self._end})

    def _send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), number)

    async def _wait_until_ended(self) -> int:
        try:
            # A child of it may hold the streams for longer: those are given a second, then the
            # group is killed, so that nothing of it goes on.
            await self._exited.wait()
            await self._wait_until_drained()
            self._send_signal(signal.SIGKILL)
            await self._wait_until_drained()
            for fd, left in self._pending.items():
                self._add_line(fd, left)
            return int(self._transport.get_returncode() or 0)
        finally:
            self._transport.close()
            self._news.set()

    async def _wait_until_drained(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STREAM_SECONDS):
                await self._drained.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the program's end in the background; asyncio calls this when the program
        runs.
        """
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self._open = 2
        self._end = self._jobs.spawn(self._wait_until_ended(), "wait for a program")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what the program printed: `fd` 1 is standard output, 2 standard error."""
        if self._overflowed:
            return
        self._left[fd] -= len(data) + LINE_COST * data.count(b"\n")
        if self._left[fd] < 0:
            self._overflowed = True
            self._document.clear()
            self._send_signal(signal.SIGKILL)
            return
        if self._whole and fd == 1:
            self._document += data
            return
        *lines, rest = (self._pending[fd] + data).split(b"\n")
        for line in lines:
            self._add_line(fd, line)
        if len(rest) > LONGEST_PENDING:
            self._add_line(fd, rest)
            rest = b""
        self._pending[fd] = rest

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that one of its streams is closed."""
        self._open -= 1
        if not self._open:
            self._drained.set()

    def process_exited(self) -> None:
        """Note that it has ended; what it printed may still be on the way."""
        self._exited.set()

    def _add_line(self, fd: int, raw: bytes) -> None:
        line = clean_line(raw.decode("utf-8", "replace"))
        if is_noise(line):
            return
        if fd == 2:
            self._tail.append(line)
        self._lines.append(Output("stderr" if fd == 2 else "stdout", line))
        self._news.set()
