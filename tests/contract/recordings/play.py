"""Types a recorded run's commands at a cluster and compares what comes of each with what was
recorded."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster, Timings
from sandbox.istio.ctl.kube import KubeClient, Object
from sandbox.istio.ctl.kubeconfig import load_cluster_access
from sandbox.istio.programs import create_programs
from sandbox.istio.release_directory import write_release
from tests.contract.recordings.differences import Difference, between, find_reason
from tests.contract.recordings.observed import line, objects, state
from tests.contract.recordings.recorded import Recording, Step, fold_ship

_NOISE = "port forward failed"
SPEED = 25.0
LIKE_RECORDED = Timings(
    sandbox=0.1, pull=0.2, start=0.2, init=0.1, probe=0.5, stop=5.0, ready=(("pilot", 2.5),)
)
"""The recorded clusters' pods were ready within two seconds of their creation, istiod a little
later."""


@dataclass
class Play:
    """One run of a recording. `patience` is how long (seconds) a state may take to become the
    recorded one."""

    recording: Recording
    environment: Mapping[str, str]
    patience: float = 4.0
    before: frozenset[str] = frozenset()
    found: list[Difference] = field(default_factory=list)
    explained: list[tuple[Difference, str]] = field(default_factory=list)
    """Deviations that are allowed, each with its reason."""
    seconds: dict[int, float] = field(default_factory=dict)

    def _look(self) -> list[Object]:
        """Everything in the cluster, now."""
        kube = KubeClient(load_cluster_access(self.environment["KUBECONFIG"], ""), "contract")
        try:
            return objects(kube)
        finally:
            kube.close()

    async def run(self, *, kubectl: bool = True) -> list[Difference]:
        """Plays every step (without kubectl: those before it is needed); the deviations that are
        not allowed."""
        present = await asyncio.to_thread(self._look)
        self.before = frozenset(obj["metadata"]["uid"] for obj in present)
        for step in self.recording.steps:
            if not kubectl and "kubectl" in step.command and step.name != "namespace":
                break
            started = time.monotonic()
            if kubectl or "kubectl" not in step.command:
                self._note(await self._typed(step))
            self._note(await self._settled(step))
            self.seconds[step.number] = time.monotonic() - started
        return self.found

    def _note(self, differences: list[Difference]) -> None:
        for each in differences:
            reason = find_reason(each, self.recording.release)
            if reason:
                self.explained.append((each, reason))
            else:
                self.found.append(each)

    def _is_settled(self, differences: list[Difference]) -> bool:
        return all(find_reason(each, self.recording.release) for each in differences)

    async def _typed(self, step: Step) -> list[Difference]:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            step.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self.environment),
        )
        out, err = await process.communicate()
        found = list(_lines(step, "stdout", step.stdout, out.decode()))
        found += _lines(step, "stderr", step.stderr, err.decode())
        if process.returncode != step.code:
            found.append(
                Difference(step.number, "exit code", "code", step.code, process.returncode)
            )
        return found

    async def _settled(self, step: Step) -> list[Difference]:
        """What still deviates once the cluster has come to rest, or patience has ended."""
        deadline = time.monotonic() + self.patience
        while True:
            now = state(await asyncio.to_thread(self._look), self.before)
            left = list(between(step.number, step.state, now))
            if self._is_settled(left) or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.05)


def _lines(step: Step, stream: str, recorded: list[str], text: str) -> Iterator[Difference]:
    expected = _trimmed([item for item in recorded if _NOISE not in item])
    actual = _trimmed([item for item in fold_ship(text.split("\n")) if _NOISE not in item])
    if expected != actual:
        yield Difference(step.number, stream, _respect(expected, actual), expected, actual)


def _trimmed(lines: list[str]) -> list[str]:
    made = [line(item) for item in lines]
    while made and not made[-1]:
        made.pop()
    return made


def _respect(expected: list[str], actual: list[str]) -> str:
    """In which respect lines differ: the `order` of progress, a waypoint's `state`, or the `lines`
    themselves."""
    if [_told(item) for item in expected] == [_told(item) for item in actual]:
        return "state"
    kept = [
        sorted(item for item in lines if not item.startswith("- Processing"))
        for lines in (expected, actual)
    ]
    return "order" if kept[0] == kept[1] else "lines"


def _told(text: str) -> str:
    return re.sub(r" (True|False|Unknown)$", " …", text)


async def play_sandbox(recording: Recording, place: Path, *, kubectl: bool = True) -> Play:
    """Plays a run on a fresh embedded cluster with the release and its `istioctl`; files go to
    `place`."""
    clock = Clock(SPEED)
    cluster = EmbeddedCluster(clock, create_programs(clock), timings=LIKE_RECORDED)
    await cluster.start()
    try:
        kubeconfig = cluster.write_kubeconfig(place / "kubeconfig")
        home = place / f"istio-{recording.release}"
        written = write_release(home, recording.release, speed=SPEED)
        shell = environment(written.home, kubeconfig, written.gateway_api, place)
        play = Play(recording, shell)
        await play.run(kubectl=kubectl)
        return play
    finally:
        await cluster.stop()


def environment(home: Path, kubeconfig: Path, channel: Path, place: Path) -> dict[str, str]:
    """What the recorded commands expect: `$ISTIO_HOME`, `$GATEWAY_API_CRDS`, `istioctl` on the
    path, an empty home."""
    return {
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(place),
        "KUBECONFIG": str(kubeconfig),
        "ISTIO_HOME": str(home),
        "GATEWAY_API_CRDS": str(channel),
    }
