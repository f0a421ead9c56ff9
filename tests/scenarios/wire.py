"""A line between the bot and the cluster that can be cut and mended, as when an API server restarts
on its port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from bot.app import Bot, run_bot
from tests.scenarios.stage import Stage, furnished

PIECE = 65_536


class Wire:
    """Passes bytes on to the API server; the port stays the same through every cut."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self.port = 0

    async def mend(self) -> None:
        """Listens (again)."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuses connections, and breaks those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.break_all()

    async def break_all(self) -> None:
        """Breaks every open connection; new ones are taken."""
        passing = list(self._passing)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other: asyncio.StreamWriter | None = None
        try:
            back, other = await asyncio.open_connection(self._host, self._port)
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, other))
                group.create_task(_copy(back, writer))
        except* OSError:
            pass
        finally:
            for end in (writer, other):
                if end is not None:
                    end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()
    raise ConnectionResetError


@asynccontextmanager
async def wired(kubeconfig: Path) -> AsyncIterator[Wire]:
    """Puts a wire in front of the server that a kubeconfig names, and the wire into that
    kubeconfig."""
    config = yaml.safe_load(await asyncio.to_thread(kubeconfig.read_text))
    cluster = config["clusters"][0]["cluster"]
    wire = Wire(cluster["server"])
    await wire.mend()
    cluster["server"] = f"https://127.0.0.1:{wire.port}"
    await asyncio.to_thread(kubeconfig.write_text, yaml.safe_dump(config))
    try:
        yield wire
    finally:
        await wire.cut()


@dataclass
class Scene:
    """A stage whose cluster can be cut off, and the bot on it."""

    stage: Stage
    wire: Wire
    bot: Bot

    async def unfinished(self) -> list[tuple[str, str]]:
        """Runs that the ledger still holds for under way: step and state."""
        return [
            (run.step, run.state)
            for run in await self.bot.ledger.run_queries.list_unfinished_runs()
        ]


@asynccontextmanager
async def scene(
    home: Path, *, environment: dict[str, str] | None = None, **more: Any
) -> AsyncIterator[Scene]:
    """The bot in front of a cluster behind a wire; `environment` as settings, `more` goes to
    `furnished`.

    istioctl's readiness timeout is in the cluster's time, which runs 100 times as fast: 200 s are
    two.
    """
    quick = {"MESHBOT_ISTIO__READINESS_TIMEOUT": "200", "MESHBOT_CLUSTER__PATIENCE": "1"}
    async with (
        furnished(home, **more) as stage,
        wired(Path(stage.environment["MESHBOT_CLUSTER__KUBECONFIG"])) as wire,
        run_bot(stage.settings(**quick | (environment or {}))) as bot,
    ):
        yield Scene(stage, wire, bot)
