"""`/mesh undo` after each step that sets rules or moves the application between meshes: nothing
differs afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import NAMESPACES, Stage, playing, words

pytestmark = pytest.mark.long

KINDS = (
    Ref("networking.istio.io", "virtualservices"),
    Ref("networking.istio.io", "destinationrules"),
    Ref("gateway.networking.k8s.io", "httproutes"),
    Ref("gateway.networking.k8s.io", "gateways"),
    Ref("", "services"),
)
SIDECARS = ("/mesh install", "/mesh bookinfo", "/mesh inject")
ROUTED = (*SIDECARS, "/mesh route jason v2")
AMBIENT = (
    "/mesh install",
    "/mesh addons prometheus",
    "/mesh bookinfo",
    "/mesh ambient",
    'click "Go ambient"',
)


async def wanted(stage: Stage) -> dict[str, Any]:
    """What rules, gateways and Services are to be, and the namespace's labels."""
    found = {
        f"{ref.plural}/{obj['metadata']['name']}": obj["spec"]
        for ref in KINDS
        for obj in await stage.api.list(ref, "bookinfo")
    }
    namespace = await stage.api.get(NAMESPACES, "bookinfo")
    return found | {"labels": (namespace or {})["metadata"]["labels"]}


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (SIDECARS, "/mesh route jason v3"),
        (ROUTED, "/mesh fault jason"),
        (ROUTED, "/mesh shift v1=50 v3=50"),
        (ROUTED, "/mesh route off"),
        (AMBIENT, "/mesh waypoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_rule_is_taken_back(tmp_path: Path, before: tuple[str, ...], change: str) -> None:
    """Rules, gateways, Services and labels are what they were before the change."""
    async with playing(tmp_path) as (stage, _):
        for line in before:
            await stage.type(line)
        there = await wanted(stage)
        await stage.type(change)
        assert await wanted(stage) != there
        await stage.type("/mesh undo")
        assert "objects differing afterwards: none" in words(
            await stage.type('click "Take it back"')
        )
        assert await wanted(stage) == there
