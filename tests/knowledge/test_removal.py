"""What goes with the mesh, and what of others stays although it looks alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.kinds import GATEWAY
from bot.knowledge.bookinfo.gateway_removal import describe_stranded_routes
from bot.knowledge.istio import uninstall_survey
from bot.knowledge.istio.gateway_api_crds import GatewayApiStatus
from bot.knowledge.istio.uninstall_report import describe_gateway_api, list_kept
from bot.knowledge.istio.uninstall_survey import MeshInventory
from bot.knowledge.objects.foreign_objects import warn_about_foreign_objects
from bot.text import verbatim
from tests.knowledge.observe.stage import asking

GROUP = "/apis/gateway.networking.k8s.io"
API = f"{GROUP}/v1"
CONTROLLER = "istio.io/gateway-controller"
ROLES = "/apis/rbac.authorization.k8s.io/v1"


def made(name: str, manager: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    """An object that a field manager made."""
    entry = {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {"f:x": {}}}}
    metadata = {"name": name, "managedFields": [entry]}
    return {"metadata": metadata | ({"namespace": namespace} if namespace else {}), **more}


def serve(*kinds: str) -> dict[str, Any]:
    """The discovery of the Gateway API with these kinds, each by its plural."""
    version = {"groupVersion": "gateway.networking.k8s.io/v1", "version": "v1"}
    names = {"grpcroutes": "GRPCRoute", "referencegrants": "ReferenceGrant"}
    resources = [
        {"name": kind, "kind": names[kind], "namespaced": True, "verbs": ["list"]} for kind in kinds
    ]
    return {
        GROUP: {"preferredVersion": version, "versions": [version]},
        API: {"resources": resources},
    }


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


async def test_classes_that_others_made_stay(tmp_path: Path) -> None:
    """Istiod serves them as well as its own; their Gateways lose their controller, and the CRDs
    stay for them."""
    own = made("istio", "pilot-discovery", spec={"controllerName": CONTROLLER})
    theirs = made("internal", "kubectl-create", spec={"controllerName": CONTROLLER})
    shared = made("istio-waypoint", "pilot-discovery", spec={"controllerName": CONTROLLER})
    shared["metadata"]["managedFields"] += theirs["metadata"]["managedFields"]
    other = made("nginx", "kubectl-create", spec={"controllerName": "example.org/nginx"})
    answers = {
        f"{API}/gatewayclasses": {"items": [own, theirs, shared, other]},
        f"{API}/gateways": {"items": [gateway("web", "shop", "internal")]},
    }
    async with asking(answers, tmp_path) as context:
        deleted = await uninstall_survey.find_gateway_classes(context)
        found = await uninstall_survey.survey_mesh(context)
    assert [name for _, name, _ in deleted] == ["istio"]
    names = ["web", "internal", "istio-waypoint"]
    assert [name for _, name, _ in found.other_gateways] == names
    assert [name for _, name, _ in found.gateway_api_users] == names


async def test_a_config_map_that_only_has_the_label_stays(tmp_path: Path) -> None:
    """Istiod's own, in every namespace, go."""
    maps = [
        made("istio-ca-root-cert", "pilot-discovery", "shop"),
        made("team-settings", "kubectl-create", "shop"),
    ]
    async with asking({"/api/v1/configmaps": {"items": maps}}, tmp_path) as context:
        found = await uninstall_survey.find_ca_config_maps(context)
    assert [name for _, name, _ in found] == ["istio-ca-root-cert"]


async def test_whatever_others_made_of_the_gateway_api_keeps_its_crds(tmp_path: Path) -> None:
    """A GRPCRoute would go with its CRD as well as an HTTPRoute, also one in the workshop's own
    namespace."""
    answers = serve("grpcroutes", "referencegrants") | {
        f"{API}/grpcroutes": {"items": [made("cart", "kubectl-create", "bookinfo")]},
        f"{API}/referencegrants": {"items": [made("own", "meshbot", "bookinfo")]},
    }
    async with asking(answers, tmp_path) as context:
        found = await uninstall_survey.survey_mesh(context)
    assert [(kind.kind, name) for kind, name, _ in found.gateway_api_users] == [
        ("GRPCRoute", "cart")
    ]


async def test_whatever_others_made_in_a_namespace_is_named(tmp_path: Path) -> None:
    """Programs, their data and rules of any kind; the bot's own and a controller's are not."""
    owned = made("db-0", "kube-controller-manager", "bookinfo")
    owned["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "db"}]
    listed = {
        "/apis/apps/v1/namespaces/bookinfo/statefulsets": made("db", "kubectl-create", "bookinfo"),
        "/api/v1/namespaces/bookinfo/pods": owned,
        "/api/v1/namespaces/bookinfo/persistentvolumeclaims": made(
            "data-db-0", "kube-controller-manager", "bookinfo"
        ),
        "/apis/batch/v1/namespaces/bookinfo/cronjobs": made("night", "argocd", "bookinfo"),
        "/apis/batch/v1/namespaces/bookinfo/jobs": made("load", "kubectl-create", "bookinfo"),
        "/apis/networking.k8s.io/v1/namespaces/bookinfo/ingresses": made("web", "helm", "bookinfo"),
        f"{API}/namespaces/bookinfo/grpcroutes": made("cart", "kubectl-create", "bookinfo"),
        f"{API}/namespaces/bookinfo/referencegrants": made("own", "meshbot", "bookinfo"),
    }
    answers = serve("grpcroutes", "referencegrants") | {
        path: {"items": [obj]} for path, obj in listed.items()
    }
    async with asking(answers, tmp_path) as context:
        (said,) = await warn_about_foreign_objects(context, "bookinfo")
    assert str(said).partition(": ")[2] == (
        "StatefulSet db (kubectl-create), Job load (kubectl-create), CronJob night (argocd), "
        "PersistentVolumeClaim data-db-0 (kube-controller-manager), Ingress web (helm), "
        "GRPCRoute cart (kubectl-create)."
    )


async def test_routes_that_lose_their_gateway_are_named(tmp_path: Path) -> None:
    """Those of others in any namespace; not the step's own, nor one of another Gateway or of a
    Service of that name."""
    routes = [
        route("bookinfo", "bookinfo", {"name": "bookinfo-gateway"}),
        route("cart", "shop", {"name": "bookinfo-gateway", "namespace": "bookinfo"}),
        route("other", "shop", {"name": "bookinfo-gateway"}),
        route("inner", "bookinfo", {"kind": "Service", "name": "bookinfo-gateway"}),
        route("pay", "bookinfo", {"name": "web"}, {"name": "bookinfo-gateway"}),
    ]
    found = [each | {"kind": "HTTPRoute"} for each in routes]
    async with asking({f"{API}/httproutes": {"items": found}}, tmp_path) as context:
        said = await describe_stranded_routes(context)
    assert [str(line).partition(",")[0] for line in said] == [
        "HTTPRoute cart in shop",
        "HTTPRoute pay in bookinfo",
    ]
