"""An embedded cluster with the mesh's programs, and `istioctl` run against it in this process."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.ctl.invocation import StandardStreams
from sandbox.istio.ctl.main import main
from sandbox.istio.programs import create_programs

SPEED = 40.0


class Outcome(NamedTuple):
    """What one command left: exit code and both streams."""

    code: int
    out: str
    err: str


class Istioctl(Protocol):
    """Runs `istioctl` of a release (1.30.3 unless said) with standard input."""

    def __call__(
        self, *words: str, version: str = "1.30.3", stdin: str = ""
    ) -> Awaitable[Outcome]: ...


def typed(*words: str, version: str = "1.30.3", stdin: str = "") -> Outcome:
    """One command line, carried out here."""
    streams = StandardStreams(io.StringIO(stdin), io.StringIO(), io.StringIO())
    code = main(words, version=version, speed=SPEED, streams=streams)
    return Outcome(code, streams.stdout.getvalue(), streams.stderr.getvalue())  # type: ignore[attr-defined]  # StringIO


@pytest.fixture
async def cluster() -> AsyncIterator[EmbeddedCluster]:
    """A fresh cluster on which istiod, istio-cni and ztunnel can run."""
    clock = Clock(SPEED)
    made = EmbeddedCluster(clock, create_programs(clock))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def istioctl(cluster: EmbeddedCluster, tmp_path: Path) -> Istioctl:
    """`istioctl` pointed at the cluster."""
    kubeconfig = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))

    async def run(*words: str, version: str = "1.30.3", stdin: str = "") -> Outcome:
        return await asyncio.to_thread(
            typed, *words, "--kubeconfig", kubeconfig, version=version, stdin=stdin
        )

    return run
