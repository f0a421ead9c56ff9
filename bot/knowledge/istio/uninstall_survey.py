"""What a removal of the mesh concerns, read from the cluster.

The order of a removal matters: rules and gateways first, labels while istiod and istio-cni still
run, sidecars removed, and only then the control plane. The other way round leaves webhooks that
fail and pods whose traffic goes nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    CRD,
    DAEMON_SET,
    DEPLOYMENT,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    NAMESPACE,
    POD,
    Kind,
    Object,
)
from bot.knowledge.istio.gateway_api import GatewayApiStatus, read_gateway_api_status
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.workloads import get_labels, get_name, is_installed_by_istio, select_pods
from bot.steps import Context

ISTIO_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
)
ADDON_NAMES = ("prometheus", "grafana", "jaeger", "kiali")
MESH_LABELS = (
    "istio-injection",
    "istio.io/rev",
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
)
VALUES_OUTSIDE = ("disabled", "none")
"""Values of those labels that keep a namespace out of the mesh."""
ObjectId = tuple[Kind, str, str]
"""A type, a name and a namespace ("" for cluster-scoped)."""


@dataclass(frozen=True)
class MeshInventory:
    """Everything that a removal concerns, by name."""

    own_objects: tuple[ObjectId, ...] = ()
    """Rules, routes and gateways in the workshop's namespaces."""
    other_rules: tuple[ObjectId, ...] = ()
    other_gateways: tuple[ObjectId, ...] = ()
    labelled: tuple[str, ...] = ()
    """Namespaces of the workshop with labels of the mesh."""
    other_labelled: tuple[str, ...] = ()
    """Other namespaces whose labels put them into the mesh."""
    workloads: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    """The application's Deployments."""
    injected: tuple[str, ...] = ()
    """Those of them whose pods have sidecars."""
    stuck: tuple[str, ...] = ()
    """Pods there that have a sidecar and no Deployment that could be restarted."""
    mesh_namespace: bool = False
    gateway_api: GatewayApiStatus = field(default_factory=GatewayApiStatus)

    def __bool__(self) -> bool:
        return bool(
            self.workloads
            or self.addons
            or self.crds
            or self.mesh_namespace
            or self.own_objects
            or self.labelled
        )

    @property
    def digest(self) -> str:
        """A hash that changes when something else would be removed."""
        return compute_digest(self)


async def find_objects_of_kind(context: Context, kind: Kind) -> list[ObjectId]:
    """Return all objects of a type in the cluster, as (kind, name, namespace)."""
    found = await context.cluster.find(kind)
    return [(kind, get_name(obj), obj["metadata"].get("namespace", "")) for obj in found]


async def find_istio_rules(context: Context) -> list[ObjectId]:
    """Return every Istio rule in the cluster: they go with their CRDs, which go with the mesh."""
    kinds = [kind for group in ISTIO_GROUPS for kind in await context.cluster.types(group)]
    return [
        each
        for found in await asyncio.gather(*(find_objects_of_kind(context, kind) for kind in kinds))
        for each in found
    ]


async def find_istio_gateways(context: Context) -> list[ObjectId]:
    """Return the Gateways that istiod runs, and the HTTPRoutes of the workshop's namespace."""
    gateways = [
        (GATEWAY, get_name(g), g["metadata"]["namespace"])
        for g in await context.cluster.find(GATEWAY)
        if str(g["spec"].get("gatewayClassName", "")).startswith("istio")
    ]
    app = context.workshop.app_namespace
    return [
        *((HTTP_ROUTE, get_name(r), app) for r in await context.cluster.find(HTTP_ROUTE, app)),
        *gateways,
    ]


def is_namespace_in_mesh(namespace: Object) -> bool:
    """Tell whether a namespace's labels put it into the mesh."""
    return any(
        get_labels(namespace).get(key, VALUES_OUTSIDE[0]) not in VALUES_OUTSIDE
        for key in MESH_LABELS
    )


async def survey_mesh(context: Context) -> MeshInventory:
    """Read everything that a removal concerns; change nothing."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    all_rules, gateways, served = await asyncio.gather(
        find_istio_rules(context),
        find_istio_gateways(context),
        read_gateway_api_status(context),
    )
    spaces, crds, deployments, daemons, app_deployments, pods = await asyncio.gather(
        context.cluster.find(NAMESPACE),
        context.cluster.find(CRD),
        context.cluster.find(DEPLOYMENT, mesh),
        context.cluster.find(DAEMON_SET, mesh),
        context.cluster.find(DEPLOYMENT, app),
        context.cluster.find(POD, app),
    )
    ours = {mesh, app}
    own = [w for w in app_deployments if "gateway.istio.io/managed" not in get_labels(w)]
    injected = {
        get_name(w): {get_name(p) for p in select_pods(pods, w) if has_sidecar(p)} for w in own
    }
    marked = [n for n in spaces if any(key in get_labels(n) for key in MESH_LABELS)]
    return MeshInventory(
        own_objects=tuple(t for t in [*all_rules, *gateways] if t[2] in ours),
        other_rules=tuple(t for t in all_rules if t[2] not in ours),
        other_gateways=tuple(t for t in gateways if t[2] not in ours),
        labelled=tuple(get_name(n) for n in marked if get_name(n) in ours),
        other_labelled=tuple(
            get_name(n) for n in marked if get_name(n) not in ours and is_namespace_in_mesh(n)
        ),
        workloads=tuple(get_name(w) for w in [*deployments, *daemons] if is_installed_by_istio(w)),
        addons=tuple(get_name(w) for w in deployments if get_name(w) in ADDON_NAMES),
        crds=tuple(get_name(c) for c in crds if c["spec"]["group"] in ISTIO_GROUPS),
        app=tuple(map(get_name, own)),
        injected=tuple(name for name, with_sidecar in injected.items() if with_sidecar),
        stuck=tuple(
            get_name(p)
            for p in pods
            if has_sidecar(p) and get_name(p) not in set().union(*injected.values())
        ),
        mesh_namespace=any(get_name(n) == mesh for n in spaces),
        gateway_api=served,
    )


CLUSTER_WIDE = (
    (CLUSTER_ROLE_BINDING, ("prometheus", "kiali")),
    (CLUSTER_ROLE, ("prometheus", "kiali")),
)
"""What the add-on samples leave outside their namespace (Istio 1.23 and 1.30)."""


async def delete_all(context: Context, objects: Iterable[ObjectId]) -> None:
    """Delete each object, in the given order."""
    for kind, name, namespace in objects:
        await context.cluster.delete(kind, name, namespace)


async def find_gateway_classes(context: Context) -> list[ObjectId]:
    """Return istiod's GatewayClasses, which nothing else removes."""
    found = await context.cluster.find(GATEWAY_CLASS)
    return [
        (GATEWAY_CLASS, get_name(c), "")
        for c in found
        if str(c["spec"].get("controllerName", "")).startswith("istio.io/")
    ]


async def find_ca_config_maps(context: Context) -> list[ObjectId]:
    """Return the ConfigMaps with Istio's CA certificate that istiod put into every namespace."""
    found = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    return [(CONFIG_MAP, get_name(m), m["metadata"]["namespace"]) for m in found]


def build_unlabel_patch(obj: Object) -> Object:
    """Return a merge patch that removes the mesh's labels."""
    return {"metadata": {"labels": {key: None for key in MESH_LABELS if key in get_labels(obj)}}}
