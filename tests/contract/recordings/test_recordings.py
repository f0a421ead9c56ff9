"""The recorded runs of real releases, played on the embedded cluster with its release and its
`istioctl`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sandbox.clock import Clock
from sandbox.cluster.embedded import EmbeddedCluster, Timings
from sandbox.istio.programs import create_programs
from sandbox.istio.release_directory import write_release
from tests.contract.recordings.play import Play, environment
from tests.contract.recordings.recorded import recording

SPEED = 25.0
LIKE_RECORDED = Timings(
    sandbox=0.1, pull=0.2, start=0.2, init=0.1, probe=0.5, stop=5.0, ready=(("pilot", 2.5),)
)
"""The recorded clusters' pods were ready within two seconds of their creation, istiod a little
later."""


@pytest.mark.long
@pytest.mark.parametrize("release", ["1.30.3", "1.23.2"])
async def test_a_recorded_run_repeats_itself(release: str, tmp_path: Path) -> None:
    """Every recorded command gives the same exit code and lines, and leaves the same objects
    behind."""
    clock = Clock(SPEED)
    cluster = EmbeddedCluster(clock, create_programs(clock), timings=LIKE_RECORDED)
    await cluster.start()
    try:
        kubeconfig = cluster.write_kubeconfig(tmp_path / "kubeconfig")
        written = write_release(tmp_path / f"istio-{release}", release, speed=SPEED)
        play = Play(
            recording(release), environment(written.home, kubeconfig, written.gateway_api, tmp_path)
        )
        kubectl = shutil.which("kubectl") is not None
        found = await play.run(kubectl=kubectl)
    finally:
        await cluster.stop()
    assert not found, "\n".join(map(str, found))
    if not kubectl:
        pytest.skip("kubectl is not installed: only the commands before it is needed were played")
