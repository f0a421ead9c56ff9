"""The stage of a soak: bots that live, die and stand still, and what was done to them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.ledger import Ledger, RunState
from tests.scenarios.stage import Stage

FROZEN = (11.0, 17.0)
"""Seconds that one is frozen: it must stop its work after 10, and others take it after 15."""


@dataclass
class Soak:
    """The stage, the bots that live, and what was done to them."""

    stage: Stage
    ledger: Ledger
    environment: dict[str, str]
    forge: asyncio.subprocess.Process
    dice: random.Random
    alive: list[int] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    freezes: list[float] = field(default_factory=list)
    woken: list[float] = field(default_factory=list)
    unlooked: set[str] = field(default_factory=set)
    typed: int = 0
    acked: list[str] = field(default_factory=list)
    taken: dict[str, float] = field(default_factory=dict)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever asks the forge: its answers come in the order of the questions."""

    async def watch(self) -> None:
        """Notes when Slack took each message, until cancelled."""
        with self.stage.workspace.watch_changes() as changes:
            async for change in changes:
                if change.message is not None:
                    self.taken.setdefault(change.message.ts, time.time())

    async def start(self) -> None:
        """One more bot."""
        assert self.forge.stdin is not None
        assert self.forge.stdout is not None
        async with self.asking:
            self.forge.stdin.write((json.dumps(self.environment) + "\n").encode())
            self.alive.append(int(await self.forge.stdout.readline()))

    async def kill(self) -> None:
        """kill -9 for one of them, every other time the one that is at work, and a new one in its
        place."""
        newest = await self.ledger.run_queries.list_recent_runs(1)
        at_work = [pid for pid in self.alive if newest and f"-{pid}-" in newest[0].owner]
        victim = (
            at_work[0] if at_work and self.dice.random() < 0.5 else self.dice.choice(self.alive)
        )
        await self.end(victim)

    async def end(self, victim: int) -> None:
        """kill -9 for that one, and a new one in its place unless it had been replaced before."""
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        self.kills.append(time.time())
        if victim in self.alive:
            self.alive.remove(victim)
            await self.start()

    async def kill_confirmed(self, question: str) -> None:
        """kill -9 for the one that has taken a confirmation, mostly before it has looked."""
        async with asyncio.timeout(40):
            run = await self.ledger.run_queries.get_run(question)
            while run is not None and run.state is RunState.ASKS:
                await asyncio.sleep(0.005)
                run = await self.ledger.run_queries.get_run(question)
        await asyncio.sleep(self.dice.choice((0.0, 0.0, self.dice.random() / 5)))
        for victim in [pid for pid in self.alive if run and f"-{pid}-" in run.owner]:
            await self.end(victim)
        run = await self.ledger.run_queries.get_run(question)
        if run is not None and run.state is RunState.RUNNING and run.awaits_second_look:
            self.unlooked.add(run.id)

    async def freeze(self) -> None:
        """Stops one as a whole for so long that others take over, and kills it as it is, or awake
        again and not yet aware of it."""
        victim = self.dice.choice(self.alive)
        self.alive.remove(victim)
        frozen = send(victim, signal.SIGSTOP)
        self.freezes.append(time.time())
        await self.start()
        await asyncio.sleep(self.dice.uniform(*FROZEN))
        if self.dice.random() < 0.5:
            for each in reversed(frozen):
                send_one(each, signal.SIGCONT)
            self.woken.append(time.time())
            await asyncio.sleep(self.dice.random() * 2)
        for each in frozen:
            send_one(each, signal.SIGKILL)
        self.kills.append(time.time())

    async def type(self, line: str) -> None:
        """Typed by the host; who is not heard types again some time."""
        self.typed += 1
        typed = await self.stage.workspace.actions.send_command("host", "mesh-workshop", line)
        if typed.is_acked:
            self.acked.append(str(typed.payload["trigger_id"]))


def send(pid: int, number: signal.Signals) -> list[int]:
    """Sends a signal to a process and to what it has started, and gives their ids."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        children = []
    found = [pid, *map(int, children)]
    for each in found:
        send_one(each, number)
    return found


def send_one(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process, if it is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
