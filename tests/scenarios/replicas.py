"""Several bots as processes of their own over one PostgreSQL database, and ways to lose one of
them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

from bot.ledger import Ledger, Run
from sandbox.workspace import Message
from sandbox.workspace.plain import read_verdict_state
from tests.ledger.conftest import database
from tests.scenarios.stage import Stage, furnished, words
from tests.scenarios.wire import Wire


@dataclass
class Crew:
    """The stage, the ledger as a looker-on has it, and the processes by id."""

    stage: Stage
    ledger: Ledger
    url: str
    processes: dict[int, Process] = field(default_factory=dict)

    async def join(self, **more: str) -> int:
        """One more bot, connected; its process id."""
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MESHBOT_", "SLACK_"))
        }
        environment = inherited | self.stage.environment | {"MESHBOT_LEDGER__URL": self.url} | more
        connections = self.stage.workspace.connections.count
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        self.processes[process.pid] = process
        async with asyncio.timeout(60):
            await self.stage.workspace.connections.wait_for_count(connections + 1)
        return process.pid

    async def kill(self, pid: int) -> None:
        """kill -9, and gone."""
        process = self.processes.pop(pid)
        process.kill()
        await process.wait()

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Sends a signal to a process and to what it has started, as when a machine is frozen as a
        whole."""
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    async def run(self) -> Run:
        """The newest run."""
        # Nothing announces it.
        while not (found := await self.ledger.run_queries.list_recent_runs(1)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return found[0]

    async def carrier(self) -> int:
        """The process that carries out the newest run."""
        return int((await self.run()).owner.split("-")[-2])

    async def shows(self, state: str, says: str = "", *, seconds: float = 40) -> Message:
        """Waits until the bot's newest message in the channel stands like that, and says that."""
        async with asyncio.timeout(seconds):
            while True:
                mine = self.messages()
                if mine and read_verdict_state(mine[-1]) == state and says in words(mine[-1]):
                    return mine[-1]
                await asyncio.sleep(0.05)

    def messages(self) -> list[Message]:
        """What the bots have written for all."""
        workspace = self.stage.workspace
        return [
            m
            for m in workspace.list_messages()
            if m.user == workspace.bot.id and not m.ephemeral_to
        ]


@asynccontextmanager
async def crew(home: Path, count: int) -> AsyncIterator[Crew]:
    """So many bots in front of one cluster; killed in the end."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database())
        stage = await stack.enter_async_context(furnished(home))
        ledger = await Ledger.open(url)
        stack.push_async_callback(ledger.close)
        made = Crew(stage, ledger, url)
        try:
            for _ in range(count):
                await made.join()
            yield made
        finally:
            for process in made.processes.values():
                process.send_signal(signal.SIGCONT)
                process.kill()
                await process.wait()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A line to the database that can be cut, and the URL that goes over it."""
    parsed = make_url(url)
    wire = Wire(f"http://{parsed.host}:{parsed.port}")
    await wire.mend()
    try:
        yield wire, parsed.set(port=wire.port).render_as_string(hide_password=False)
    finally:
        await wire.cut()
