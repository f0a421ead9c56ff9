"""The same play scripts on a real control plane, with the real istioctl (marker `realcluster`).

The whole workshop is played by `tests/deploy`, with the rights that the bot has in a cluster.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.marks import realcluster
from tests.scenarios.realcluster import kubectl, play

pytestmark = realcluster(seconds=600)

UNINSTALL = """
/mesh install
/mesh install demo
click "Cancel" -> normal
/mesh install nonesuch -> error
@alice: /mesh status
/mesh uninstall
@alice: click "Confirm" -> error
click "Confirm"
/mesh uninstall
"""


UNSEEN = """
/mesh install
/mesh addons -> not yet
/mesh kiali -> not yet
/mesh bookinfo -> not yet
/mesh inject
/mesh expose -> not yet
/mesh traffic once -> not yet
/mesh traces -> not yet
/mesh graph -> not yet
/mesh route jason v2 -> not yet
/mesh fault jason -> not yet
/mesh shift v1=50 v3=50 -> not yet
/mesh uninstall app
click "Confirm"
"""


async def test_the_install_script_passes() -> None:
    """What passes in the sandbox passes here, and the mesh is really there."""
    code, transcript = await play("install")
    assert code == 0, transcript
    assert "is ready" in transcript
    ready = await kubectl(
        "get",
        "deployment",
        "istiod",
        "-n",
        "istio-system",
        "-o",
        "jsonpath={.status.readyReplicas}",
    )
    assert ready == "1"
    assert "Accepted" in await kubectl(
        "get", "gatewayclass", "istio", "-o", "jsonpath={.status.conditions[*].type}"
    )


async def test_uninstall_leaves_what_it_says(tmp_path: Path) -> None:
    """Asked, confirmed by a host, gone; the Gateway API CRDs go because the bot applied them."""
    script = tmp_path / "uninstall.mesh"
    await asyncio.to_thread(script.write_text, UNINSTALL)
    code, transcript = await play(str(script))
    assert code == 0, transcript
    assert "15 Istio CRDs, and with them every rule in the cluster" in transcript
    assert await kubectl("get", "crd", "-o", "name") == ""
    assert "istio-system" not in await kubectl("get", "namespaces", "-o", "name")


async def test_without_a_data_plane_nothing_unseen_is_called_done(tmp_path: Path) -> None:
    """No process answers behind the pods here: what needs requests ends as not yet, and says why."""
    script = tmp_path / "unseen.mesh"
    await asyncio.to_thread(script.write_text, UNSEEN)
    code, transcript = await play(str(script))
    assert code == 0, transcript
