"""`/mesh route`, `fault` and `shift`: what people are seen to get, and what is said when rules
could not work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

DEPLOYMENTS = Ref("apps", "deployments")
SERVICES = Ref("networking.istio.io", "virtualservices")
RULES = Ref("networking.istio.io", "destinationrules")


@pytest.fixture(params=["1.30.3", "1.23.2"])
async def meshed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """Bookinfo with sidecars, on both releases."""
    async with playing(tmp_path, istio=request.param, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (
        stage,
        _,
    ):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh inject"):
            await stage.type(line)
        yield stage


async def test_a_user_is_routed_and_nobody_else(meshed: Stage) -> None:
    """The user is seen on v2, others on v1; again, nothing is written; off, every version answers."""
    said = words(await meshed.type("/mesh route jason"))
    assert "as jason, 10 pages: reviews v2 10" in said
    assert "as guest, 10 pages: reviews v1 10" in said
    assert "not logged in, 10 pages: reviews v1 10" in said
    rule = await meshed.api.get(RULES, "reviews", "bookinfo")
    assert "It was already so; nothing was changed." in words(
        await meshed.type("/mesh route jason")
    )
    assert await meshed.api.get(RULES, "reviews", "bookinfo") == rule
    assert "every version answers everybody" in words(await meshed.type("/mesh route off"))
    assert await meshed.api.list(SERVICES, "bookinfo") == []
    assert "nothing was changed" in words(await meshed.type("/mesh route off"))


async def test_a_fault_hurts_whom_it_names(meshed: Stage) -> None:
    """The user loses ratings, another keeps them; half of the time when half is asked; off, both
    keep them."""
    await meshed.type("/mesh route biznagafest v3")
    said = words(await meshed.type("/mesh fault biznagafest"))
    assert "as biznagafest, 10 pages: reviews v3 10; ratings unavailable 10" in said
    assert "ratings themselves, not logged in: status 200" in said
    assert "The workshop's text says jason here and its file biznagafest" in said
    assert "nothing was changed" in words(await meshed.type("/mesh fault biznagafest"))
    assert "in 50 % of requests" in words(
        await meshed.type("/mesh fault biznagafest abort 503 50%")
    )
    assert "waits 1.5 s for ratings" in words(
        await meshed.type("/mesh fault biznagafest delay 1.5s")
    )
    said = words(await meshed.type("/mesh unfault"))
    assert "as biznagafest, 20 pages: reviews v3 20; ratings seen 20" in said
    assert await meshed.api.get(SERVICES, "ratings", "bookinfo") is None


@pytest.mark.parametrize(
    ("gone", "typed", "says"),
    [
        ("reviews-v2", "route jason", "the rules for jason are applied, their effect was not seen"),
        ("ratings-v1", "fault jason", "the fault for jason is applied, its effect was not seen"),
    ],
    ids=["route", "fault"],
)
async def test_an_effect_that_is_not_seen_is_not_done(
    tmp_path: Path, gone: str, typed: str, says: str
) -> None:
    """The rules are there, and the pods are not that would show them: the requests count."""
    async with playing(tmp_path) as (stage, _):
        for line in ("/mesh install", "/mesh bookinfo", "/mesh inject"):
            await stage.type(line)
        await stage.api.merge(DEPLOYMENTS, gone, "bookinfo", {"spec": {"replicas": 0}})
        assert says in words(await stage.type(f"/mesh {typed} -> not yet"))


async def test_shares_are_counted(meshed: Stage) -> None:
    """The shares that are seen fit those asked, with their interval; they must make 100."""
    assert "make 100" in words(await meshed.type("/mesh shift v1=50 v3=40 -> error"))
    said = words(await meshed.type("/mesh shift v1=50 v3=50"))
    assert "v1: asked 50 %, seen" in said
    assert "of 120 pages; by chance" in said
    assert "v2" not in said
    assert "nothing was changed" in words(await meshed.type("/mesh shift v1=50 v3=50"))


async def test_a_user_on_version_1_would_see_no_fault(meshed: Stage) -> None:
    """The workshop's own mistake: a fault for someone whose reviews never ask ratings; the route is
    offered."""
    await meshed.type("/mesh route biznagafest")
    said = words(await meshed.type("/mesh fault jason -> not yet"))
    assert "jason is routed to reviews v1, which never asks ratings" in said
    assert "/mesh route jason v2" in said
    assert await meshed.api.get(SERVICES, "ratings", "bookinfo") is None


async def test_another_namespace_has_rules_of_its_own(tmp_path: Path) -> None:
    """With in=NAMESPACE everything happens there, and nowhere else."""
    async with playing(tmp_path, MESHBOT_WORKSHOP__NAMESPACES="bookinfo,team-*") as (stage, _):
        for line in (
            "install",
            "bookinfo in=team-1",
            "inject in=team-1",
            "route jason in=team-1",
            "fault jason in=team-1",
        ):
            await stage.type(f"/mesh {line}")
        said = words(await stage.type("/mesh shift v2=100 in=team-1"))
        assert "v2: asked 100 %, seen 100 %" in said
        services = await stage.api.list(SERVICES)
        assert {s["metadata"]["namespace"] for s in services} == {"team-1"}
        assert services[0]["spec"]["hosts"] == ["ratings.team-1.svc.cluster.local"]
        assert "not a namespace of this workshop" in words(
            await stage.type("/mesh route jason in=shop -> error")
        )


async def test_what_was_done_stays_done_when_it_is_taken_back(meshed: Stage) -> None:
    """`route off` is a success, and takes no progress away; what was never done is not yet."""
    await meshed.type("/mesh route jason")
    assert "✅ route" in words(await meshed.type("/mesh status"))
    await meshed.type("/mesh route off")
    said = words(await meshed.type("/mesh status"))
    assert "were done in this workshop." in said
    assert "☑️ done, not in force now: route — no route for reviews" in said
    assert "▫️ not yet: fault" in said


async def test_an_undone_route_is_gone(meshed: Stage) -> None:
    """Undo takes the last rules back to those before: another user's route."""
    await meshed.type("/mesh route alice")
    before = (await meshed.api.get(SERVICES, "reviews", "bookinfo") or {})["spec"]
    await meshed.type("/mesh route bob v3")
    await meshed.type("/mesh undo")
    await meshed.type('click "Take it back"')
    assert (await meshed.api.get(SERVICES, "reviews", "bookinfo") or {})["spec"] == before


@pytest.mark.parametrize(
    ("before", "typed", "because"),
    [
        ((), "/mesh route jason", "Bookinfo does not run in bookinfo"),
        (("/mesh bookinfo",), "/mesh fault jason", "the pods have no sidecar"),
        (("/mesh bookinfo",), "/mesh shift v1=100", "the pods have no sidecar"),
    ],
)
async def test_what_is_missing_is_offered(
    stage: Stage, before: tuple[str, ...], typed: str, because: str
) -> None:
    """Rules that nothing would obey are not applied."""
    for line in ("/mesh install", *before):
        await stage.type(line)
    assert because in words(await stage.type(f"{typed} -> not yet"))
    assert await stage.api.list(SERVICES) == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("route version=v2", "Whose requests?"),
        ("route jason v4", "version: should be one of v1, v2 or v3"),
        ("fault jason abort 200", "an abort has a status of 400 to 599"),
        ("fault jason delay 1h", "a delay is 0.1s to 8s"),
        ("fault jason explode", "“explode” is no fault"),
        ("shift v9=100", "is not a share such as v1=50"),
    ],
)
async def test_mistakes_are_answered(stage: Stage, typed: str, says: str) -> None:
    """A word that is not understood changes nothing and says what is."""
    assert says in words(await stage.type(f"/mesh {typed} -> error"))
