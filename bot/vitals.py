"""How the bot is, put together from what its parts know: what probes are answered, and where the figures come from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bot.cluster import KubernetesCluster
from bot.engine import Engine, Rounds
from bot.errors import MeshbotError
from bot.figures import Figure, Source
from bot.health import Check, Finding
from bot.ledger import Ledger
from bot.schedule import Keeper
from bot.slack.board import SlackBoard
from bot.slack.http import HttpLink
from bot.slack.listeners import Listeners
from bot.slack.socket import SocketLink


@dataclass(frozen=True)
class Vitals:
    """The parts that are looked at."""

    engine: Engine
    rounds: Rounds
    ledger: Ledger
    board: SlackBoard
    cluster: KubernetesCluster
    listeners: Listeners
    link: SocketLink | HttpLink
    keeper: Keeper

    @property
    def checks(self) -> list[Check]:
        """What probes are answered from."""
        return [self.slack, self.background, self.database, self.replica, self.commands]

    @property
    def sources(self) -> list[Source]:
        """Where the figures come from."""
        parts = (self.board, self.listeners, self.link, self.engine, self.engine.runner, self.rounds, self.keeper)
        return [*(part.figures for part in parts), self.cluster.figures, self._own]

    async def slack(self) -> Finding:
        """Connected; dead only when nothing tries any more to be."""
        alive = self.link.alive
        says = "" if self.link.connected else f"not connected for {self.link.away:.0f} s"
        return Finding("slack", self.link.connected and alive, says, vital=not alive, needed=True)

    async def background(self) -> Finding:
        """What goes round goes round."""
        parts = (("the rounds have stopped", self.rounds.going), ("nothing looks for what is due", self.keeper.going))
        says = "; ".join(words for words, going in parts if not going)
        return Finding("background", not says, says, vital=True)

    async def database(self) -> Finding:
        """The ledger answers."""
        try:
            await self.ledger.ping()
        except MeshbotError as problem:
            return Finding("ledger", False, str(problem), needed=True)
        return Finding("ledger", True, needed=True)

    async def replica(self) -> Finding:
        """This process may change things."""
        fenced = self.ledger.replicas.fenced
        return Finding(
            "replica", not fenced, "cut off from the ledger: others take over" if fenced else "", needed=True
        )

    async def commands(self) -> Finding:
        """Commands are taken."""
        draining = self.engine.draining or self.listeners.draining
        return Finding("commands", not draining, "being stopped: nothing new is taken" if draining else "", needed=True)

    def _own(self) -> Iterator[Figure]:
        yield Figure("up_seconds", "Seconds since this process joined.", time.monotonic() - self.rounds.began)
        yield Figure("replica_fenced", "1 while this process must not change anything.", self.ledger.replicas.fenced)
