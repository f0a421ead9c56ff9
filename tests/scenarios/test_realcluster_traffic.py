"""Traffic, graph and traces on a real control plane that has no data plane: honestly nothing.

With the embedded data plane they are seen in `tests/deploy`, which plays the whole workshop.
"""

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
