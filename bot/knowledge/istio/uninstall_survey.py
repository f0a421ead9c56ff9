"""What a removal of the mesh concerns, read from the cluster.

The order of a removal matters: rules and gateways first, labels while istiod and istio-cni still
run, sidecars removed, and only then the control plane. The other way round leaves webhooks that
fail and pods whose traffic goes nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set
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
from bot.knowledge.istio.gateway_api_crds import GatewayApiStatus, read_gateway_api_status
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.foreign_objects import GATEWAY_GROUP, ISTIO_GROUPS, is_foreign
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.ownership import (
    CONTROLLERS,
    is_of_bot_alone,
    is_own,
    read_owners,
)
from bot.knowledge.objects.workloads import get_labels, get_name, is_installed_by_istio, select_pods
from bot.steps import Context

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
    gateway_api_users: tuple[ObjectId, ...] = ()
    """Gateways and routes of others, which would go with the CRDs."""
    other_crds: tuple[str, ...] = ()
    """CRDs of the Gateway API's group that others set: they stay."""

    @property
    def removes_gateway_api(self) -> bool:
        """Whether the CRDs of the Gateway API go: this bot applied them, and nobody needs them."""
        return self.gateway_api.ours and not self.gateway_api_users

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


@dataclass(frozen=True)
class GatewayObjects:
    """Gateways and HTTPRoutes of the whole cluster: those of Istio, and those of others."""

    istio: tuple[ObjectId, ...] = ()
    others: tuple[ObjectId, ...] = ()
    classes: tuple[ObjectId, ...] = ()
    """GatewayClasses that others made for istiod: they stay, without their controller."""


async def find_gateway_objects(context: Context) -> GatewayObjects:
    """Return the Gateways that istiod runs with the routes of the workshop's namespace that lead
    through them or belong to a Service, and all the others.
    """
    gateways, routes, classes, rest = await asyncio.gather(
        context.cluster.find(GATEWAY),
        context.cluster.find(HTTP_ROUTE),
        context.cluster.find(GATEWAY_CLASS),
        find_other_gateway_objects(context),
    )
    app = context.workshop.app_namespace
    served = {get_name(each) for each in classes if is_class_of_istiod(each)}
    run = {identify(GATEWAY, each) for each in gateways if is_run_by_istiod(each, served)}
    foreign = {identify(GATEWAY, each) for each in gateways} - run
    ours = {
        identify(HTTP_ROUTE, each)
        for each in routes
        if each["metadata"]["namespace"] == app and not leads_through(each, foreign)
    }
    found = [
        *(identify(HTTP_ROUTE, each) for each in routes),
        *(identify(GATEWAY, each) for each in gateways),
    ]
    return GatewayObjects(
        tuple(each for each in found if each in run | ours),
        (*(each for each in found if each not in run | ours), *rest),
        tuple(
            identify(GATEWAY_CLASS, each)
            for each in classes
            if is_class_of_istiod(each) and not is_made_by_istiod(each)
        ),
    )


async def find_other_gateway_objects(context: Context) -> list[ObjectId]:
    """Return objects of the Gateway API's other kinds, such as GRPCRoutes, none of which the
    workshop makes.
    """
    known = (GATEWAY.plural, HTTP_ROUTE.plural, GATEWAY_CLASS.plural)
    kinds = [k for k in await context.cluster.types(GATEWAY_GROUP) if k.plural not in known]
    found = await asyncio.gather(*(context.cluster.find(kind) for kind in kinds))
    return [
        identify(kind, obj)
        for kind, objects in zip(kinds, found, strict=True)
        for obj in objects
        if is_foreign(obj)
    ]


def identify(kind: Kind, obj: Object) -> ObjectId:
    """Return an object as (kind, name, namespace)."""
    return kind, get_name(obj), str(obj["metadata"].get("namespace", ""))


def is_run_by_istiod(gateway: Object, classes: Set[str] = frozenset()) -> bool:
    """Tell whether a Gateway is of one of istiod's classes: one of these, or one that it makes."""
    name = str(gateway["spec"].get("gatewayClassName", ""))
    return name in classes or name.startswith("istio")


def is_class_of_istiod(gateway_class: Object) -> bool:
    """Tell whether istiod serves a GatewayClass."""
    return str(gateway_class["spec"].get("controllerName", "")).startswith("istio.io/")


def is_made_by_istiod(obj: Object) -> bool:
    """Tell whether istiod made an object, and nobody else set anything in it."""
    owners = {owner.manager for owner in read_owners(obj)}
    return bool(owners) and owners <= CONTROLLERS


def leads_through(route: Object, gateways: Set[ObjectId]) -> bool:
    """Tell whether a route has one of these Gateways as a parent."""
    home = str(route["metadata"]["namespace"])
    parents = [
        (GATEWAY, str(parent.get("name")), str(parent.get("namespace") or home))
        for parent in route["spec"].get("parentRefs") or []
        if parent.get("kind", "Gateway") == "Gateway"
    ]
    return any(parent in gateways for parent in parents)


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
        find_gateway_objects(context),
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
        own_objects=tuple(t for t in [*all_rules, *gateways.istio] if t[2] in ours),
        other_rules=tuple(t for t in all_rules if t[2] not in ours),
        other_gateways=(*(t for t in gateways.istio if t[2] not in ours), *gateways.classes),
        gateway_api_users=(
            *(t for t in gateways.istio if t[2] not in ours),
            *gateways.others,
            *gateways.classes,
        ),
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
        other_crds=list_other_crds(crds),
    )


def list_other_crds(crds: Iterable[Object]) -> tuple[str, ...]:
    """Return the CRDs of the Gateway API's group that others made, or changed."""
    group = [crd for crd in crds if crd["spec"]["group"] == GATEWAY_GROUP]
    return tuple(get_name(crd) for crd in group if not is_of_bot_alone(crd))


CLUSTER_WIDE = ("prometheus", "kiali")
"""The roles that the add-on samples leave outside their namespace, and their bindings (Istio 1.23
and 1.30)."""


async def find_addon_roles(context: Context) -> list[ObjectId]:
    """Return the cluster-wide roles of the add-ons with their bindings, the bindings first.

    Others may use the same names: what binds nobody of the mesh's namespace is theirs.
    """
    found = list[ObjectId]()
    for name in CLUSTER_WIDE:
        binding = await context.cluster.get(CLUSTER_ROLE_BINDING, name)
        subjects = (binding or {}).get("subjects") or []
        bound = any(s.get("namespace") == context.workshop.mesh_namespace for s in subjects)
        role = await context.cluster.get(CLUSTER_ROLE, name)
        if bound:
            found.append((CLUSTER_ROLE_BINDING, name, ""))
        if role is not None and (bound or (binding is None and is_own(role))):
            found.append((CLUSTER_ROLE, name, ""))
    return found


async def delete_all(context: Context, objects: Iterable[ObjectId]) -> None:
    """Delete each object, in the given order."""
    for kind, name, namespace in objects:
        await context.cluster.delete(kind, name, namespace)


async def find_gateway_classes(context: Context) -> list[ObjectId]:
    """Return istiod's own GatewayClasses, which nothing else removes."""
    found = await context.cluster.find(GATEWAY_CLASS)
    return [
        identify(GATEWAY_CLASS, c) for c in found if is_class_of_istiod(c) and is_made_by_istiod(c)
    ]


async def find_ca_config_maps(context: Context) -> list[ObjectId]:
    """Return the ConfigMaps with Istio's CA certificate that istiod put into every namespace; one
    of the same label that others made is theirs.
    """
    found = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    return [identify(CONFIG_MAP, each) for each in found if is_made_by_istiod(each)]


def build_unlabel_patch(obj: Object) -> Object:
    """Return a merge patch that removes the mesh's labels."""
    return {"metadata": {"labels": {key: None for key in MESH_LABELS if key in get_labels(obj)}}}
