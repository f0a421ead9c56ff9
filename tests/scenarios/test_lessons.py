"""The lessons beyond the workshop, typed as a person would: proven from both sides, again, and taken
back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

SERVICES = Ref("networking.istio.io", "virtualservices")
RULES = Ref("networking.istio.io", "destinationrules")
POLICIES = Ref("security.istio.io", "authorizationpolicies")
ENTRIES = Ref("networking.istio.io", "serviceentries")
SIDECARS = Ref("networking.istio.io", "sidecars")
PEERS = Ref("security.istio.io", "peerauthentications")
MESHES = {
    "sidecars": ("install", "bookinfo", "inject", "expose"),
    "ambient": ("install ambient", "addons", "bookinfo", "expose", "ambient"),
}


async def enter_mesh(stage: Stage, mesh: str) -> None:
    """Bring Bookinfo into the mesh, with a gateway."""
    for line in MESHES[mesh]:
        await stage.type(f"/mesh {line}")


@pytest.mark.parametrize("mesh", MESHES)
async def test_strict_mutual_tls_refuses_a_caller_outside(tmp_path: Path, mesh: str) -> None:
    """Inside all is well, outside the connection is cut; permissive, both are answered; off, and
    undone, nothing is left."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        await enter_mesh(stage, mesh)
        said = words(await stage.type("/mesh mtls strict"))
        assert "a caller outside the mesh is refused" in said
        assert "to productpage: connection cut" in said
        assert "10 pages: reviews" in said
        assert "It was already so" in words(await stage.type("/mesh mtls strict"))
        assert "nothing is broken" in words(await stage.type("/mesh why"))
        assert "to productpage: status 200" in words(await stage.type("/mesh mtls permissive"))
        assert "PeerAuthentication default removed" in words(await stage.type("/mesh mtls off"))
        assert "nothing was changed" in words(await stage.type("/mesh mtls off"))
        await stage.type("/mesh mtls strict")
        await stage.type("/mesh undo")
        await stage.type('click "Take it back"')
        assert await stage.api.list(PEERS, "bookinfo") == []


async def test_what_others_made_of_mutual_tls_is_asked_about(tmp_path: Path) -> None:
    """Without a gateway nothing is begun; a policy of somebody else's is replaced when confirmed."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        for line in MESHES["sidecars"][:-1]:
            await stage.type(f"/mesh {line}")
        assert "/mesh expose" in words(await stage.type("/mesh mtls strict -> not yet"))
        await stage.type("/mesh expose")
        policy = {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": "bookinfo"},
            "spec": {"mtls": {"mode": "PERMISSIVE"}},
        }
        await stage.cluster.client("kubectl-create").create(policy)
        asked = words(await stage.type("/mesh mtls strict"))
        assert "changes PeerAuthentication default, set by kubectl-create" in asked
        assert "mtls.mode: PERMISSIVE → STRICT" in asked
        assert "connection cut" in words(await stage.type('click "Replace it"'))


CUT = {"sidecars": "status 403", "ambient": "connection cut", "waypoint": "connection cut"}
"""How a pod's proxy refuses a caller without an identity."""


@pytest.mark.parametrize("mesh", CUT)
async def test_only_the_callers_that_are_named_may_ask(tmp_path: Path, mesh: str) -> None:
    """Who is named is answered, a caller inside and one outside are refused, and `why` says that it
    was asked for; off and undone, nothing is left."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        await enter_mesh(stage, "ambient" if mesh == "waypoint" else mesh)
        if mesh == "waypoint":
            await stage.type("/mesh waypoint")
        said = words(await stage.type("/mesh authorize"))
        assert "only productpage may ask reviews" in said
        assert f"to reviews: {CUT[mesh]}" in said
        said = words(await stage.type("/mesh authorize ratings from reviews"))
        refused = "500" if mesh == "ambient" else "403"
        assert f"productpage asks ratings itself: status {refused}" in said
        assert "expected: ratings never lost" in said
        said = words(await stage.type("/mesh why"))
        assert "authorization-asked-for" in said
        assert "authorization-denies" not in said
        assert "It was already so" in words(await stage.type("/mesh authorize"))
        said = words(await stage.type("/mesh authorize ratings off"))
        assert "everybody may ask ratings again" in said
        await stage.type("/mesh undo")
        await stage.type('click "Take it back"')
        assert "ratings" in {
            p["metadata"]["name"] for p in await stage.api.list(POLICIES, "bookinfo")
        }
        assert "to reviews: status 200" in words(await stage.type("/mesh authorize off"))
        assert await stage.api.list(POLICIES, "bookinfo") == []


async def test_who_may_ask_is_read_and_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    """A caller that never asks is refused with one that does; under strict mutual TLS the refusal
    from outside proves nothing."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        await enter_mesh(stage, "sidecars")
        said = words(await stage.type("/mesh authorize details from reviews -> error"))
        assert "reviews never asks details; productpage does" in said
        await stage.type("/mesh mtls strict")
        said = words(await stage.type("/mesh authorize reviews -> normal"))
        assert "cut off before any policy is asked" in said


async def test_a_time_limit_and_tries_stay_beside_other_rules(tmp_path: Path) -> None:
    """Whose patience ends a wait is seen and said; routes and faults come and go, the limits stay
    until they are ended, and then nothing is left of them."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        for line in ("install", "bookinfo", "inject", "route jason v2"):
            await stage.type(f"/mesh {line}")
        said = words(await stage.type("/mesh fault jason delay 7s"))
        assert "jason waits 6 s and gets no reviews" in said
        assert "a bug that only a delay shows" in said
        said = words(await stage.type("/mesh timeout reviews 0.5s"))
        assert "jason waits 1 s and gets no reviews" in said
        assert "as guest, 10 pages: reviews v1 10" in said
        await stage.type("/mesh timeout reviews off")
        said = words(await stage.type("/mesh retry reviews 2 0.5s"))
        assert "reviews are asked 6 times for one page" in said
        assert "a fault on ratings is in force" in words(await stage.type("/mesh why")).lower()
        await stage.type("/mesh fault off")
        assert "as jason, 10 pages: reviews v3 10" in words(
            await stage.type("/mesh route jason v3")
        )
        assert "every version answers everybody" in words(await stage.type("/mesh route off"))
        assert "sends nobody to a version of their own" in words(await stage.type("/mesh status"))
        (left,) = await stage.api.list(SERVICES, "bookinfo")
        (rule,) = left["spec"]["http"]
        assert rule["retries"]["perTryTimeout"] == "0.5s"
        said = words(await stage.type("/mesh retry reviews -> normal"))
        assert "nobody meets it" in said
        await stage.type("/mesh retry off")
        assert await stage.api.list(SERVICES, "bookinfo") == []
        assert "nothing was changed" in words(await stage.type("/mesh retry off"))


@pytest.mark.parametrize("mesh", ["sidecars", "waypoint"])
async def test_a_breaker_turns_a_burst_away(tmp_path: Path, mesh: str) -> None:
    """Of a burst some are refused, one after the other none is; the limit stays beside a route, and
    off, a burst gets all its answers."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        await enter_mesh(stage, "ambient" if mesh == "waypoint" else mesh)
        if mesh == "waypoint":
            await stage.type("/mesh waypoint")
        said = words(await stage.type("/mesh breaker reviews"))
        assert "before the rule, 30 at once: 200 × 30" in said
        assert "503 ×" in said
        assert "5 one after the other: 200 × 5" in said
        await stage.type("/mesh route jason v2")
        rule = await stage.api.get(RULES, "reviews", "bookinfo")
        assert rule is not None
        assert rule["spec"]["trafficPolicy"]["connectionPool"]["tcp"] == {"maxConnections": 1}
        if mesh == "waypoint":
            said = words(await stage.type("/mesh breaker reviews 2 -> error"))
            assert "sends to Services of single versions" in said
        await stage.type("/mesh route off")
        assert "30 at once: 200 × 30" in words(await stage.type("/mesh breaker off"))
        assert await stage.api.list(RULES, "bookinfo") == []


@pytest.mark.parametrize("mesh", ["sidecars", "waypoint"])
async def test_requests_are_copied(tmp_path: Path, mesh: str) -> None:
    """v1 answers everybody but the user with a rule of their own, v3 is asked all the same; off, the
    user's rule stays."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        if mesh == "sidecars":
            for line in ("install", "bookinfo", "inject"):
                await stage.type(f"/mesh {line}")
            assert "/mesh addons" in words(await stage.type("/mesh mirror -> not yet"))
            await stage.type("/mesh addons")
        else:
            await enter_mesh(stage, "ambient")
            await stage.type("/mesh waypoint")
        await stage.type("/mesh route jason v2")
        said = words(await stage.type("/mesh mirror reviews v1 to v3"))
        assert "not logged in, 10 pages: reviews v1 10" in said
        assert "as jason, 10 pages: reviews v2 10" in said
        assert "that reached reviews-v3, whose answers nobody gets" in said
        assert "It was already so" in words(await stage.type("/mesh mirror"))
        await stage.type("/mesh mirror off")
        assert "as jason, 10 pages: reviews v2 10" in words(
            await stage.type("/mesh route jason v2")
        )
        assert "nothing was changed" in words(await stage.type("/mesh mirror off"))
        said = words(await stage.type("/mesh mirror reviews v1 v1 -> error"))
        assert "has its own requests" in said


async def test_limits_leave_rules_of_others_as_they_were(tmp_path: Path) -> None:
    """Asked about first, the limits stand in the rule of somebody else's; off, it is again what it
    was."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        for line in ("install", "bookinfo", "inject"):
            await stage.type(f"/mesh {line}")
        spec = {
            "hosts": ["reviews"],
            "exportTo": ["."],
            "http": [
                {
                    "match": [{"headers": {"end-user": {"exact": "ada"}}}],
                    "route": [{"destination": {"host": "reviews"}}],
                    "headers": {"response": {"set": {"x-seen": "ada"}}},
                },
                {"route": [{"destination": {"host": "reviews"}}]},
            ],
        }
        rule = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "reviews", "namespace": "bookinfo"},
            "spec": spec,
        }
        await stage.cluster.client("kubectl-create").create(rule)
        asked = words(await stage.type("/mesh timeout reviews 0.5s"))
        assert "changes VirtualService reviews, set by kubectl-create" in asked
        await stage.type('click "Replace it" -> normal')
        live = await stage.api.get(SERVICES, "reviews", "bookinfo")
        assert live is not None
        assert [entry["timeout"] for entry in live["spec"]["http"]] == ["0.5s", "0.5s"]
        await stage.type("/mesh timeout off")
        live = await stage.api.get(SERVICES, "reviews", "bookinfo")
        assert live is not None
        assert live["spec"] == spec


async def test_hosts_that_the_mesh_does_not_know(tmp_path: Path) -> None:
    """They pass, are refused, or are admitted one by one; `why` names what was done, and off and undone
    nothing is left."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        await stage.type("/mesh install")
        await stage.type("/mesh bookinfo")
        assert "/mesh inject" in words(await stage.type("/mesh egress closed -> not yet"))
        await stage.type("/mesh inject")
        said = words(await stage.type("/mesh egress open"))
        assert "productpage asks ratings: status 200" in said
        said = words(await stage.type("/mesh egress closed"))
        assert "productpage asks details: status 502, of its own sidecar" in said
        assert "service-unexported" in words(await stage.type("/mesh why"))
        said = words(await stage.type("/mesh egress admit ratings"))
        assert "productpage asks ratings: status 200" in said
        assert "productpage asks details: status 502" in said
        assert "It was already so" in words(await stage.type("/mesh egress admit"))
        said = words(await stage.type("/mesh egress closed ratings -> error"))
        assert "/mesh egress admit ratings" in said
        said = words(await stage.type("/mesh egress admit details"))
        assert "ServiceEntry ratings removed" in said
        await stage.type("/mesh undo")
        await stage.type('click "Take it back"')
        (entry,) = await stage.api.list(ENTRIES, "bookinfo")
        assert entry["metadata"]["name"] == "ratings"
        said = words(await stage.type("/mesh egress off"))
        assert "back in the mesh's registry: details and ratings" in said
        assert await stage.api.list(ENTRIES, "bookinfo") == []
        assert await stage.api.list(SIDECARS, "bookinfo") == []
        assert "nothing was changed" in words(await stage.type("/mesh egress off"))
        await stage.type("/mesh mtls strict -> not yet")
        await stage.type("/mesh expose")
        await stage.type("/mesh mtls strict")
        said = words(await stage.type("/mesh egress closed -> not yet"))
        assert "mutual TLS alone" in said


async def test_no_outbound_policy_where_no_sidecar_is(tmp_path: Path) -> None:
    """In ambient mode it is said what holds requests back instead."""
    async with playing(tmp_path, MESHBOT_ISTIO__READINESS_TIMEOUT="200") as (stage, _):
        await enter_mesh(stage, "ambient")
        said = words(await stage.type("/mesh egress closed -> not yet"))
        assert "ztunnel passes on what it does not know" in said
        assert await stage.api.list(SIDECARS, "bookinfo") == []
