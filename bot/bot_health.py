"""Health checks of the bot for probes, and the sources of its metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.cluster import KubernetesCluster
from bot.engine import CommandRouter, Maintenance
from bot.errors import MeshbotError
from bot.health import Check, ComponentHealth
from bot.ledger import Ledger
from bot.metrics import Metric, Source
from bot.schedule import SlotRunner
from bot.slack.inbound.http_mode import HttpReceiver
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver
from bot.slack.outbound.channel_messages import SlackChannelMessages

CLUSTER_SECONDS = 1.5
"""Seconds that the cluster gets to answer; less than a check may take."""
CLUSTER_PAUSE = 10.0
"""Seconds for which an answer of the cluster counts: probes come more often."""


class ClusterCheck:
    """Whether the API server answers, asked for its version, and takes the bot's credentials.

    It is told and counts for nothing: a restart mends no cluster, and while it is away the bot
    takes commands and says so.
    """

    def __init__(self, cluster: KubernetesCluster) -> None:
        self._cluster = cluster
        self._last = ComponentHealth("cluster", True)
        self._asked = float("-inf")

    async def check_cluster(self) -> ComponentHealth:
        """Return what the cluster answered within the last seconds."""
        if time.monotonic() - self._asked > CLUSTER_PAUSE:
            self._last = ComponentHealth("cluster", *await self._ask())
            self._asked = time.monotonic()
        return self._last

    async def _ask(self) -> tuple[bool, str]:
        try:
            async with asyncio.timeout(CLUSTER_SECONDS):
                return True, await self._cluster.probe_version()
        except TimeoutError:
            return False, f"no answer from {self._cluster.host} within {CLUSTER_SECONDS:g} s"
        except MeshbotError as problem:
            return False, str(problem)


@dataclass(frozen=True)
class BotHealth:
    """The parts whose health is checked."""

    router: CommandRouter
    maintenance: Maintenance
    ledger: Ledger
    channel_messages: SlackChannelMessages
    cluster: KubernetesCluster
    listeners: Listeners
    link: SocketModeReceiver | HttpReceiver
    slot_runner: SlotRunner

    @cached_property
    def cluster_check(self) -> ClusterCheck:
        """The check of the cluster, which remembers its last answer."""
        return ClusterCheck(self.cluster)

    @property
    def checks(self) -> list[Check]:
        """The checks that probes are answered from."""
        return [
            self.check_slack,
            self.check_background_tasks,
            self.check_ledger,
            self.check_replica,
            self.check_commands,
            self.check_messages,
            self.cluster_check.check_cluster,
        ]

    @property
    def sources(self) -> list[Source]:
        """The sources of all metrics."""
        parts = (
            self.channel_messages,
            self.listeners,
            self.link,
            self.router,
            self.router.runs,
            self.maintenance,
            self.slot_runner,
        )
        return [*(part.figures for part in parts), self.cluster.figures, self._collect_own_metrics]

    async def check_slack(self) -> ComponentHealth:
        """Check that Slack is connected; fatal only when nothing tries to connect any more."""
        alive = self.link.is_alive
        says = (
            ""
            if self.link.is_connected
            else f"not connected for {self.link.seconds_disconnected:.0f} s"
        )
        return ComponentHealth(
            "slack", self.link.is_connected and alive, says, vital=not alive, needed=True
        )

    async def check_background_tasks(self) -> ComponentHealth:
        """Check that the background loops are running."""
        stalled = self.channel_messages.stalled
        parts = (
            ("maintenance has stopped", self.maintenance.is_running),
            ("nothing carries out schedules", self.slot_runner.is_running),
            # Maintenance begins it again; where that does not help, only a restart does.
            (f"stopped: {stalled}", not stalled),
        )
        says = "; ".join(words for words, going in parts if not going)
        return ComponentHealth("background", not says, says, vital=True)

    async def check_ledger(self) -> ComponentHealth:
        """Check that the ledger's database answers."""
        try:
            await self.ledger.ping()
        except MeshbotError as problem:
            return ComponentHealth("ledger", False, str(problem), needed=True)
        return ComponentHealth("ledger", True, needed=True)

    async def check_replica(self) -> ComponentHealth:
        """Check that this process may change things: it is not cut off from the ledger."""
        fenced = self.ledger.replicas.is_fenced
        return ComponentHealth(
            "replica",
            not fenced,
            "cut off from the ledger: others take over" if fenced else "",
            needed=True,
        )

    async def check_commands(self) -> ComponentHealth:
        """Check that commands are taken: the bot is not being stopped."""
        draining = self.router.draining or self.listeners.draining
        return ComponentHealth(
            "commands",
            not draining,
            "being stopped: nothing new is taken" if draining else "",
            needed=True,
        )

    async def check_messages(self) -> ComponentHealth:
        """Check that Slack takes messages: a channel may refuse them, or the whole workspace."""
        says = self.channel_messages.describe_refusals()
        # One channel is no reason to send commands elsewhere; a token that is refused is.
        needed = self.channel_messages.places.workspace is not None
        return ComponentHealth("messages", not says, says, needed=needed)

    def _collect_own_metrics(self) -> Iterator[Metric]:
        yield Metric(
            "up_seconds",
            "Seconds since this process joined.",
            time.monotonic() - self.maintenance.began,
        )
        yield Metric(
            "replica_fenced",
            "1 while this process must not change anything.",
            self.ledger.replicas.is_fenced,
        )
