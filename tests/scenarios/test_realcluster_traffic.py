"""Traffic, graph and traces on a real control plane: with the embedded data plane, and honestly
without one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.marks import realcluster

pytestmark = realcluster(seconds=300)

WITHOUT = """
/mesh install
/mesh addons jaeger prometheus -> not yet
/mesh bookinfo -> not yet
/mesh traffic once -> not yet
/mesh traffic start -> not yet
/mesh traffic burst 20 at 20/s as jason -> not yet
/mesh inject
/mesh graph -> not yet
/mesh traces -> not yet
/mesh traffic stop
/mesh uninstall app
click "Confirm"
"""
WITH = """
/mesh install
/mesh addons
/mesh kiali
/mesh bookinfo
/mesh inject
/mesh expose
/mesh traffic start every=200ms as jason
/mesh traffic burst 100 at 20/s
/mesh traces
/mesh graph
/mesh traffic stop
/mesh uninstall app
click "Confirm"
"""


async def play(script: Path, data_plane: str) -> tuple[int, str]:
    """`meshbot sandbox` in front of the real cluster; exit code and transcript."""
    program = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "bot",
            "sandbox",
            "--cluster",
            "kubeconfig",
            "--data-plane",
            data_plane,
        ),
        *("--timeout", "120", "--play", str(script)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, output.decode()


async def test_without_a_data_plane_nothing_is_done(tmp_path: Path) -> None:
    """What cannot be observed ends as not yet, with the reason."""
    script = tmp_path / "without.mesh"
    script.write_text(WITHOUT)
    code, transcript = await play(script, "none")
    assert code == 0, transcript
    assert "nothing answers at their ports" in transcript
    assert "connection refused" in transcript


async def test_with_the_embedded_data_plane_it_is_all_seen(tmp_path: Path) -> None:
    """The requests go through the real API server's proxy to the pods' own addresses."""
    script = tmp_path / "with.mesh"
    script.write_text(WITH)
    code, transcript = await play(script, "embedded")
    assert code == 0, transcript
    assert "100 asked, 100 sent through bookinfo-gateway-istio" in transcript
    assert "productpage-v1 → reviews" in transcript
