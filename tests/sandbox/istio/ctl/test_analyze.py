"""What `istioctl analyze` finds in configuration that nobody validated."""

from __future__ import annotations

import asyncio
import json

import pytest

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.istio.components.base import render_base
from sandbox.istio.render.render import merge_settings
from sandbox.releases import NEWEST as NEW
from tests.sandbox.istio.ctl.conftest import Istioctl

API = "networking.istio.io/v1"


def made(kind: str, name: str, spec: Object, api: str = API) -> Object:
    """An object of the namespace shop."""
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


def route(host: str, **destination: str) -> Object:
    """A VirtualService to one destination."""
    return made(
        "VirtualService",
        "r",
        {"hosts": [host], "http": [{"route": [{"destination": {"host": host, **destination}}]}]},
    )


SERVICE = made(
    "Service", "web", {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}, "v1"
)
RULE = made(
    "DestinationRule",
    "web",
    {"host": "web", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]},
)


@pytest.fixture
async def shop(cluster: EmbeddedCluster) -> EmbeddedCluster:
    """Istio's definitions without istiod, and an injected namespace with a Service."""
    client = cluster.client("test")
    for definition in render_base(merge_settings(NEW)):
        if definition["kind"] == "CustomResourceDefinition":
            await client.create(definition)
    labels = {"istio-injection": "enabled"}
    await client.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    )
    await client.create(SERVICE)
    await asyncio.sleep(0)
    return cluster


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        (
            [route("nowhere")],
            'Error [IST0101] (VirtualService shop/r) Referenced host not found: "nowhere"',
        ),
        (
            [route("web", subset="v9")],
            'Referenced host+subset in destinationrule not found: "web+v9"',
        ),
        (
            [made("VirtualService", "r", {"hosts": ["web"], "gateways": ["nogw"]})],
            'Error [IST0101] (VirtualService shop/r) Referenced gateway not found: "nogw"',
        ),
        (
            [RULE],
            "Error [IST0173] (DestinationRule shop/web) The Subset v1 defined in the "
            "DestinationRule does not",
        ),
    ],
)
async def test_a_grave_finding_exits_with_79(
    shop: EmbeddedCluster, istioctl: Istioctl, objects: list[Object], line: str
) -> None:
    """References to what is not there, and subsets without pods, are errors."""
    for obj in objects:
        await shop.client("test").create(obj)
    outcome = await istioctl("analyze", "-n", "shop")
    assert outcome.code == 79
    assert line in outcome.out
    assert outcome.err.startswith(
        "Error: Analyzers found issues when analyzing namespace: shop.\nSee https://istio.io/v1.30/"
    )


async def test_findings_as_json_do_not_fail(shop: EmbeddedCluster, istioctl: Istioctl) -> None:
    """For programs the findings are data and the exit code is 0."""
    await shop.client("test").create(route("nowhere"))
    outcome = await istioctl("analyze", "-n", "shop", "-o", "json")
    assert outcome.code == 0
    assert [finding["code"] for finding in json.loads(outcome.out)] == ["IST0101"]


@pytest.mark.parametrize(
    ("words", "code", "out"),
    [
        (("-n", "shop"), 0, "\n"),
        (("-n", "shop", "-o", "json"), 0, "[]\n"),
    ],
)
async def test_nothing_found_is_said_on_standard_error(
    shop: EmbeddedCluster, istioctl: Istioctl, words: tuple[str, ...], code: int, out: str
) -> None:
    """A clean namespace gives an empty answer and a kind word."""
    outcome = await istioctl("analyze", *words)
    assert (outcome.code, outcome.out) == (code, out)
    assert outcome.err == "✔ No validation issues found when analyzing namespace: shop.\n"


async def test_a_finding_can_be_suppressed(shop: EmbeddedCluster, istioctl: Istioctl) -> None:
    """A rule with a wildcard leaves the finding out, and the exit code follows."""
    await shop.client("test").create(route("nowhere"))
    assert (
        await istioctl("analyze", "-n", "shop", "-S", "IST0101=VirtualService *.shop")
    ).code == 0


async def test_an_unknown_namespace_is_no_failure(istioctl: Istioctl) -> None:
    """The real program only says it and succeeds."""
    outcome = await istioctl("analyze", "-n", "nosuch")
    assert (outcome.code, outcome.err) == (0, 'namespace "nosuch" not found\n')


SHADOWED = made(
    "VirtualService",
    "r",
    {
        "hosts": ["web"],
        "http": [
            {"route": [{"destination": {"host": "web"}}]},
            {
                "match": [{"headers": {"end-user": {"exact": "jason"}}}],
                "route": [{"destination": {"host": "web"}}],
            },
        ],
    },
)
TWO = [
    made("VirtualService", name, {"hosts": [host], "http": []})
    for name, host in (("a", "web"), ("b", "web.shop.svc.cluster.local"))
]
CLASSIC = made("Gateway", "g", {"selector": {"istio": "ingressgateway"}, "servers": []})
ELSEWHERE = made("DestinationRule", "web", {"host": "wed"})


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        ([SHADOWED], "Warning [IST0130] (VirtualService shop/r) VirtualService rule #1 not used"),
        (TWO, "Error [IST0109] (VirtualService shop/b) The VirtualServices shop/a,shop/b"),
        ([CLASSIC], 'Error [IST0101] (Gateway shop/g) Referenced selector not found: "istio='),
        ([ELSEWHERE], "Warning [IST0174] (DestinationRule shop/web) The host wed defined in"),
    ],
)
async def test_rules_that_contradict_or_lead_nowhere_are_found(
    shop: EmbeddedCluster, istioctl: Istioctl, objects: list[Object], line: str
) -> None:
    """One host twice, a rule behind a catch-all, a selector and a host that nothing has."""
    for obj in objects:
        await shop.client("test").create(obj)
    assert line in (await istioctl("analyze", "-n", "shop")).out


async def test_both_labels_of_injection_are_a_warning(
    shop: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """istio-injection beats istio.io/rev, so one of the two says nothing."""
    patch = {"metadata": {"labels": {"istio.io/rev": "default"}}}
    await shop.client("test").merge(Ref("", "namespaces"), "shop", "", patch)
    assert "Warning [IST0123] (Namespace shop)" in (await istioctl("analyze", "-n", "shop")).out
