"""What goes with the mesh, and what of others stays although it looks alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.kinds import GATEWAY
from bot.knowledge.istio import uninstall_survey
from bot.knowledge.istio.gateway_api import GatewayApiStatus
from bot.knowledge.istio.uninstall_report import describe_gateway_api, list_kept
from bot.knowledge.istio.uninstall_survey import MeshInventory
from bot.text import verbatim
from tests.knowledge.observe.stage import asking

API = "/apis/gateway.networking.k8s.io/v1"
ROLES = "/apis/rbac.authorization.k8s.io/v1"


def gateway(name: str, namespace: str, cls: str) -> dict[str, Any]:
    """A Gateway of a class."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"gatewayClassName": cls},
    }


def route(name: str, namespace: str, *parents: dict[str, str]) -> dict[str, Any]:
    """An HTTPRoute with these parents."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"parentRefs": [*parents]},
    }


async def test_routes_of_other_gateways_stay(tmp_path: Path) -> None:
    """Only what istiod's Gateways and Services obey goes with the mesh; a route without its Gateway
    too."""
    gateways = [gateway("bookinfo-gateway", "bookinfo", "istio"), gateway("web", "shop", "nginx")]
    routes = [
        route("bookinfo", "bookinfo", {"name": "bookinfo-gateway"}),
        route("reviews", "bookinfo", {"kind": "Service", "name": "reviews"}),
        route("dangling", "bookinfo", {"name": "gone"}),
        route("shop", "bookinfo", {"name": "web", "namespace": "shop"}),
        route("cart", "shop", {"name": "web"}),
    ]
    answers = {f"{API}/gateways": {"items": gateways}, f"{API}/httproutes": {"items": routes}}
    async with asking(answers, tmp_path) as context:
        found = await uninstall_survey.find_gateway_objects(context)
    assert [name for _, name, _ in found.istio] == [
        "bookinfo",
        "reviews",
        "dangling",
        "bookinfo-gateway",
    ]
    assert [name for _, name, _ in found.others] == ["shop", "cart", "web"]


def test_crds_that_others_need_stay() -> None:
    """The bot applied them, and yet their removal would delete what others made with them."""
    served = GatewayApiStatus(verbatim("v1.5.1"), ours=True)
    alone = MeshInventory(gateway_api=served)
    shared = MeshInventory(gateway_api=served, gateway_api_users=((GATEWAY, "web", "shop"),))
    assert describe_gateway_api(alone)
    assert not describe_gateway_api(shared)
    assert not shared.removes_gateway_api


@pytest.mark.parametrize(
    ("subject", "gone"),
    [
        ("istio-system", ["ClusterRoleBinding", "ClusterRole"]),
        ("monitoring", []),
    ],
)
async def test_roles_that_only_share_a_name_stay(
    tmp_path: Path, subject: str, gone: list[str]
) -> None:
    """Prometheus of the cluster itself has a ClusterRole of that name as well."""
    meta = {"metadata": {"name": "prometheus"}}
    answers = {
        f"{ROLES}/clusterroles/prometheus": meta,
        f"{ROLES}/clusterrolebindings/prometheus": meta | {"subjects": [{"namespace": subject}]},
    }
    async with asking(answers, tmp_path) as context:
        found = await uninstall_survey.find_addon_roles(context)
    assert [kind.kind for kind, _, _ in found] == gone


async def test_what_is_kept_is_named(tmp_path: Path) -> None:
    """Whoever reads the question knows for whom the CRDs stay."""
    shared = MeshInventory(
        gateway_api=GatewayApiStatus(verbatim("v1.5.1"), ours=True),
        gateway_api_users=((GATEWAY, "web", "shop"),),
    )
    async with asking({}, tmp_path) as context:
        (kept,) = list_kept(shared, context, with_app=False)
    assert str(kept) == "kept: the Gateway API CRDs v1.5.1, for Gateway shop/web"
