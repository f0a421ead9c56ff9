"""The recorded run on a real cluster, with a real release: whether the tables say what the real
programs do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.releases import NEWEST, RELEASES
from tests.contract.recordings.play import Play, environment
from tests.contract.recordings.recorded import recording

NEEDED = ("KUBECONFIG", "ISTIO_HOME", "GATEWAY_API_CRDS")


def installed(home: Path) -> str:
    """The version of the release in that directory."""
    command = [str(home / "bin" / "istioctl"), "version", "--remote=false", "-o", "json"]
    told = subprocess.run(command, capture_output=True, check=True)
    return str(json.loads(told.stdout)["clientVersion"]["version"])


@pytest.mark.realcluster
@pytest.mark.timeout(600)
async def test_the_real_programs_do_what_was_recorded(tmp_path: Path) -> None:
    """Each recorded command gives the recorded exit code, lines and objects; of a newer release,
    under its version."""
    if not all(os.environ.get(name) for name in NEEDED) or not shutil.which("kubectl"):
        pytest.skip(f"needs {', '.join(NEEDED)} and kubectl")
    home, channel = Path(os.environ["ISTIO_HOME"]), Path(os.environ["GATEWAY_API_CRDS"])
    version = installed(home)
    table = recording(version) if version in RELEASES else recording(NEWEST.version, version)
    shell = environment(home, Path(os.environ["KUBECONFIG"]), channel, tmp_path)
    # An istiod that follows one which was killed leads 30 s after it first saw the old lease, and
    # looks every 7.5 to 16.5 s (a quarter of the lease, and jitter).
    found = await Play(table, shell, patience=90.0).run()
    assert not found, "\n".join(map(str, found))
