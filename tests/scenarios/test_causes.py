"""Other steps name causes: what is not done, what a Done would leave broken, and the board."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

APP = "bookinfo"
DEPLOYMENTS, SERVICES = Ref("apps", "deployments"), Ref("", "services")
PODS = Ref("", "pods")
OPTED_OUT = {"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}}}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Istio and Bookinfo, not in the mesh yet."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo"):
            await stage.type(line)
        yield stage


async def change(stage: Stage, kind: Ref, name: str, patch: dict[str, Any]) -> None:
    """Changes an object behind the bot's back."""
    await stage.api.merge(kind, name, APP, patch)


async def test_a_workload_left_out_is_not_done(stage: Stage) -> None:
    """The sidecars are there but for one part, which asks to stay out: named, with what ends it."""
    await change(stage, DEPLOYMENTS, "details-v1", OPTED_OUT)
    said = words(await stage.type("/mesh inject -> not yet"))
    assert "`cause: injection-opted-out` details-v1 asks not to be injected" in said
    assert "kubectl patch deployment details-v1" in said


async def test_a_burst_says_why_ratings_are_missing(stage: Stage) -> None:
    """The fault that was asked for is why, and that is as it should be."""
    for line in ("/mesh inject", "/mesh route jason v2", "/mesh fault jason"):
        await stage.type(line)
    said = words(await stage.type("/mesh traffic burst 5 at 20/s as jason"))
    assert "5 pages say that ratings are unavailable" in said
    assert "`cause: fault-in-force` A fault on ratings is in force for jason" in said


async def test_missing_details_are_not_overlooked(stage: Stage) -> None:
    """The page answers 200 without details: not done, and the Service is named."""
    await change(stage, SERVICES, "details", {"spec": {"selector": {"app": "detail"}}})
    said = words(await stage.type("/mesh traffic once -> not yet"))
    assert "The page answers, but without details." in said
    assert "`cause: service-selects-no-pods` Service details selects no pod" in said


async def test_the_board_is_not_green_over_something_broken(stage: Stage) -> None:
    """A part of Bookinfo that somebody scaled away turns its row, and says so."""
    assert "✅ bookinfo" in words(await stage.type("/mesh status"))
    await change(stage, DEPLOYMENTS, "ratings-v1", {"spec": {"replicas": 0}})
    said = words(await stage.type("/mesh status"))
    assert "not yet: bookinfo" in said
    assert "ratings-v1 is scaled to 0" in said


async def test_why_names_the_cause_and_types_what_ends_it(stage: Stage) -> None:
    """For an attendee too; the answer carries the command, and healthy comes with what was seen."""
    await stage.type("/mesh inject")
    assert "`cause: healthy`" in words(await stage.type("@alice: /mesh why"))
    await change(stage, SERVICES, "ratings", {"spec": {"selector": {"app": "rating"}}})
    said = words(await stage.type("@alice: /mesh why -> cause service-selects-no-pods"))
    assert "Service bookinfo/ratings: spec.selector app=rating" in said
    assert "`/mesh bookinfo`, which a host can type" in said
    assert "There is no step called “nonesuch”" in words(
        await stage.type("/mesh why nonesuch -> error")
    )


async def test_a_webhook_without_istiod_is_not_a_cluster_that_is_away(stage: Stage) -> None:
    """The API server answered: what refused is named, and that istiod has no pod; afterwards,
    sidecars that were taken back on purpose are missed by nobody."""
    await stage.type("/mesh inject")
    await stage.api.merge(DEPLOYMENTS, "istiod", "istio-system", {"spec": {"replicas": 0}})
    await gone(stage)
    said = words(await stage.type("/mesh route jason v2 -> error"))
    assert "The cluster refused it" in said
    assert "cannot be reached" not in said
    assert "`cause: control-plane-down`" in said
    board = words(await stage.type("/mesh status"))
    assert "not yet: waypoint — no waypoint\n" in board
    await stage.api.merge(DEPLOYMENTS, "istiod", "istio-system", {"spec": {"replicas": 1}})
    await stage.type("/mesh inject off")
    assert "`cause: healthy`" in words(await stage.type("/mesh why"))


async def gone(stage: Stage) -> None:
    """Waits until istiod has no pod."""
    for _ in range(200):
        pods = await stage.api.list(PODS, "istio-system")
        if not any((p["metadata"].get("labels") or {}).get("app") == "istiod" for p in pods):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("istiod still has a pod")
