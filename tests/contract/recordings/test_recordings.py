"""The recorded runs of real releases, played on the embedded cluster with its release and its
`istioctl`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.contract.recordings.play import play_sandbox
from tests.contract.recordings.recorded import recording


@pytest.mark.long
@pytest.mark.parametrize("release", ["1.30.3", "1.23.2", "1.32-alpha"])
async def test_a_recorded_run_repeats_itself(release: str, tmp_path: Path) -> None:
    """Every recorded command gives the same exit code and lines, and leaves the same objects
    behind."""
    kubectl = shutil.which("kubectl") is not None
    found = (await play_sandbox(recording(release), tmp_path, kubectl=kubectl)).found
    assert not found, "\n".join(map(str, found))
    if not kubectl:
        pytest.skip("kubectl is not installed: only the commands before it is needed were played")
