"""Taking back on a real control plane: what kubectl sees afterwards is what it saw before (marker
`realcluster`)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.marks import realcluster
from tests.scenarios.realcluster import kubectl, play

pytestmark = realcluster(seconds=600)

BEFORE = """
/mesh install
/mesh bookinfo -> not yet
"""
THERE_AND_BACK = """
/mesh addons prometheus -> not yet
/mesh inject
/mesh expose -> not yet
/mesh inject
/mesh inject off
/mesh reset bookinfo
click "Take it back"
/mesh undo
click "Cancel" -> normal
/mesh bookinfo off
click "Take it away"
/mesh undo
click "Take it back"
/mesh inject
/mesh undo
click "Take it back"
"""
KINDS = "namespaces,deployments.apps,services,serviceaccounts,gateways.gateway.networking.k8s.io,httproutes"
MOVING = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}


async def standing(*place: str) -> dict[str, Any]:
    """Everything that people want of the objects in a namespace, without what the server keeps."""
    found = {}
    for obj in json.loads(await kubectl("get", KINDS, *place, "-o", "json"))["items"]:
        meta = {k: v for k, v in obj["metadata"].items() if k not in MOVING}
        notes = {
            k: v
            for k, v in meta.pop("annotations", {}).items()
            if k != "deployment.kubernetes.io/revision"
        }
        address = {k: v for k, v in obj.get("spec", {}).items() if not k.startswith("clusterIP")}
        found[f"{obj['kind']}/{meta.get('namespace', '')}/{meta['name']}"] = meta, notes, address
    return found


async def test_what_was_changed_comes_back(tmp_path: Path) -> None:
    """Steps, their off, reset and undo in a row: at the end every object of the application is as
    it was."""
    script = tmp_path / "script.mesh"
    await asyncio.to_thread(script.write_text, BEFORE)
    code, transcript = await play(str(script))
    assert code == 0, transcript
    before = await standing("-n", "bookinfo")
    # Namespaces are listed whichever namespace is asked for; only the application's is of interest.
    mine = {key for key in before if not key.startswith("Namespace/") or key.endswith("/bookinfo")}
    await asyncio.to_thread(script.write_text, THERE_AND_BACK)
    code, transcript = await play(str(script))
    assert code == 0, transcript
    assert transcript.count("objects differing afterwards: none") == 3
    after = await standing("-n", "bookinfo")
    assert {key: after.get(key) for key in mine} == {key: before[key] for key in mine}
