"""Rules that others made, in the way of the bot's: nothing of them is lost unasked, and what stands
there afterwards is what was asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import Stage, playing, words

SERVICES = Ref("networking.istio.io", "virtualservices")
RULES = Ref("networking.istio.io", "destinationrules")
ROUTES = Ref("gateway.networking.k8s.io", "httproutes")
ISTIO, GATEWAY_API = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"
MADE_BY = "kubectl-client-side-apply"
MESHED = ("/mesh install", "/mesh bookinfo", "/mesh inject")


async def make(stage: Stage, kind: str, name: str, spec: dict[str, Any], **meta: Any) -> None:
    """Make a rule as somebody with kubectl does."""
    version = ISTIO if kind in ("VirtualService", "DestinationRule") else GATEWAY_API
    metadata = {"name": name, "namespace": "bookinfo"} | meta
    obj = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
    await stage.cluster.client(MADE_BY).create(obj)


async def read_spec(stage: Stage, ref: Ref, name: str) -> Any:
    """What a rule says; None when there is none."""
    found = await stage.api.get(ref, name, "bookinfo")
    return found and found["spec"]


def lead_to(subset: str, **more: Any) -> dict[str, Any]:
    """A rule of a VirtualService that sends to a version of reviews."""
    return {"route": [{"destination": {"host": "reviews", "subset": subset}}], **more}


FOREIGN_SERVICE = {
    "hosts": ["reviews"],
    "gateways": ["shop"],
    "exportTo": ["."],
    "http": [lead_to("v3", timeout="7s")],
}
FOREIGN_RULE = {
    "host": "reviews",
    "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}}},
    "subsets": [
        {"name": "v1", "labels": {"version": "v1"}, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    ],
}
ASKED_HOST = "reviews.bookinfo.svc.cluster.local"


@pytest.mark.long
async def test_a_rule_of_others_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """Every field and who set it is named; cancelled, nothing is written; confirmed, the objects are
    just what was asked; undone, they are again what they were, and whose."""
    async with playing(tmp_path) as (stage, _):
        for line in MESHED:
            await stage.type(line)
        await make(stage, "VirtualService", "reviews", FOREIGN_SERVICE)
        await make(stage, "DestinationRule", "reviews", FOREIGN_RULE)
        before = await stage.api.list(SERVICES), await stage.api.list(RULES)
        asked = words(await stage.type("/mesh route jason"))
        assert f"changes VirtualService reviews, set by {MADE_BY}" in asked
        assert f"changes DestinationRule reviews, set by {MADE_BY}" in asked
        for lost in ("gateways: [shop]", "exportTo: [.]", "http[0].timeout: 7s", "max"):
            assert lost in asked
        assert "subsets[v1].trafficPolicy: " in asked
        assert "DISABLE" in asked
        assert (await stage.api.list(SERVICES), await stage.api.list(RULES)) == before
        done = words(await stage.type('click "Replace it"'))
        assert "VirtualService reviews replaced" in done
        assert "as jason, 10 pages: reviews v2 10" in done
        made = await read_spec(stage, SERVICES, "reviews")
        assert (made.keys(), made["hosts"]) == ({"hosts", "http"}, [ASKED_HOST])
        assert (await read_spec(stage, RULES, "reviews")).keys() == {"host", "subsets"}
        await stage.type("/mesh route jason v3")
        await stage.type("/mesh undo")
        await stage.type('click "Take it back"')
        await stage.type("/mesh undo")
        await stage.type('click "Take it back"')
        assert await read_spec(stage, SERVICES, "reviews") == FOREIGN_SERVICE
        assert await read_spec(stage, RULES, "reviews") == FOREIGN_RULE
        assert "Please confirm" in words(await stage.type("/mesh shift v1=50 v3=50"))
        await stage.type('click "Cancel" -> normal')
        assert await read_spec(stage, SERVICES, "reviews") == FOREIGN_SERVICE


@pytest.mark.long
async def test_shares_leave_a_users_route(tmp_path: Path) -> None:
    """The weights come after the match: jason keeps v2, and is seen to; a new route says what it
    ends."""
    async with playing(tmp_path) as (stage, _):
        for line in (*MESHED, "/mesh route jason v2"):
            await stage.type(line)
        (match, _) = (await read_spec(stage, SERVICES, "reviews"))["http"]
        done = words(await stage.type("/mesh shift v1=50 v3=50"))
        assert "still in force: jason → v2" in done
        assert "as jason, 10 pages: reviews v2 10" in done
        (kept, rest) = (await read_spec(stage, SERVICES, "reviews"))["http"]
        assert kept == match
        assert [to["weight"] for to in rest["route"]] == [50, 50]
        done = words(await stage.type("/mesh route guest v3"))
        assert "ended: reviews: jason → v2" in done
        assert "ended: reviews: everybody else → v1 50 %, v3 50 %" in done


@pytest.mark.long
@pytest.mark.parametrize("typed", ["route off", "shift v1=50 v3=50", "route jason", "break"])
async def test_no_step_takes_a_rule_of_others_unasked(tmp_path: Path, typed: str) -> None:
    """Whatever changes or removes it asks, and cancelled leaves everything as it was."""
    async with playing(tmp_path) as (stage, _):
        for line in MESHED:
            await stage.type(line)
        await make(
            stage, "VirtualService", "reviews", {"hosts": ["reviews"], "http": [lead_to("v1")]}
        )
        await make(stage, "DestinationRule", "reviews", FOREIGN_RULE)
        before = await stage.api.list(SERVICES), await stage.api.list(RULES)
        asked = words(await stage.type(f"/mesh {typed}"))
        assert f"DestinationRule reviews, set by {MADE_BY}" in asked
        await stage.type('click "Cancel" -> normal')
        assert (await stage.api.list(SERVICES), await stage.api.list(RULES)) == before


@pytest.mark.long
async def test_a_fault_does_not_take_others_rules(tmp_path: Path) -> None:
    """Neither setting nor ending it; a rule for ratings without a fault is not ended at all."""
    async with playing(tmp_path) as (stage, _):
        for line in (*MESHED, "/mesh route jason"):
            await stage.type(line)
        rule = {"timeout": "1s", "route": [{"destination": {"host": "ratings"}}]}
        theirs = {"hosts": ["ratings"], "http": [rule]}
        await make(stage, "VirtualService", "ratings", theirs)
        assert "there was no fault on ratings" in words(await stage.type("/mesh fault off"))
        assert "http[0].timeout: 1s → nothing" in words(await stage.type("/mesh fault jason"))
        await stage.type('click "Cancel" -> normal')
        assert await read_spec(stage, SERVICES, "ratings") == theirs
        fault = {"abort": {"httpStatus": 500, "percentage": {"value": 100}}}
        other = stage.cluster.client("kubectl-edit")
        await other.merge(
            SERVICES, "ratings", "bookinfo", {"spec": {"http": [{**rule, "fault": fault}]}}
        )
        asked = words(await stage.type("/mesh unfault"))
        assert f"deletes VirtualService ratings, set by {MADE_BY}, kubectl-edit" in asked
        await stage.type('click "Take it away"')
        assert await read_spec(stage, SERVICES, "ratings") is None


@pytest.mark.long
async def test_a_rule_with_another_name_is_not_passed_over(tmp_path: Path) -> None:
    """A rule of others for the same host wins, or decides still: no step says that it is done."""
    async with playing(tmp_path) as (stage, _):
        for line in MESHED:
            await stage.type(line)
        spec = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]}
        await make(stage, "VirtualService", "canary", spec)
        said = words(await stage.type("/mesh route off -> not yet"))
        assert f"VirtualService canary in bookinfo, set by {MADE_BY}" in said
        assert "kubectl delete virtualservices.networking.istio.io canary -n bookinfo" in said
        said = words(await stage.type("/mesh route jason -> not yet"))
        assert "virtualservices-collide" in said
        assert "canary" in said
        assert "Please confirm" in said
        assert await read_spec(stage, SERVICES, "canary") == spec
        assert await stage.api.get(SERVICES, "reviews", "bookinfo") is None


@pytest.mark.long
async def test_what_is_named_alike_but_for_something_else_stays(tmp_path: Path) -> None:
    """A route at a gateway, called like the Service, is no rule between services: nothing removes
    it."""
    async with playing(tmp_path) as (stage, _):
        for line in MESHED:
            await stage.type(line)
        backend = {"name": "reviews", "port": 9080}
        spec = {
            "parentRefs": [{"name": "shop"}],
            "hostnames": ["r.test"],
            "rules": [{"backendRefs": [backend]}],
        }
        await make(stage, "HTTPRoute", "reviews", spec)
        before = await read_spec(stage, ROUTES, "reviews")
        await stage.type("/mesh route jason")
        await stage.type("/mesh route off")
        assert await read_spec(stage, ROUTES, "reviews") == before


@pytest.mark.long
async def test_mend_does_not_take_others_rule(tmp_path: Path) -> None:
    """A DestinationRule that others turned to another host is in the way of the one that the route
    needs; one with another name that defines the subsets is enough."""
    async with playing(tmp_path) as (stage, _):
        for line in (*MESHED, "/mesh route jason"):
            await stage.type(line)
        other = stage.cluster.client("kubectl-patch")
        await other.merge(RULES, "reviews", "bookinfo", {"spec": {"host": "review"}})
        assert "host: review → " in words(await stage.type("/mesh mend"))
        await stage.type('click "Replace it"')
        assert (await read_spec(stage, RULES, "reviews"))["host"] == ASKED_HOST
        rule = await read_spec(stage, RULES, "reviews")
        await make(stage, "DestinationRule", "versions", rule)
        await other.delete(RULES, "reviews", "bookinfo")
        assert "nothing was changed" in words(await stage.type("/mesh mend"))
