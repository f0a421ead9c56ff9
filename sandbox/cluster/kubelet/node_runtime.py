"""The parts of a node that the worker of each of its pods uses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, PodProgram
from sandbox.cluster.controllers.recorder import EventRecorder
from sandbox.cluster.kubelet.images import NodeImages, Timings
from sandbox.cluster.kubelet.own_commands import OwnCommands
from sandbox.cluster.machinery.informer import Informer

BACKOFF, LONGEST_BACKOFF = 10.0, 300.0
"""The kubelet's back-off for pulls and restarts, in simulated seconds: doubled each time."""


@dataclass(frozen=True)
class NodeRuntime:
    """The parts of a node that its pods use.

    `client` writes as the kubelet; programs get it too and act as themselves. `gate` limits
    how many status writes are under way at once.
    """

    name: str
    address: str
    client: Client
    clock: Clock
    pods: Informer
    images: NodeImages
    timings: Timings
    events: EventRecorder
    programs: Sequence[PodProgram]
    gate: asyncio.Semaphore
    commands: OwnCommands


def format_go_duration(seconds: float) -> str:
    """Format seconds as Go prints a duration: `10s`, `1m20s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
