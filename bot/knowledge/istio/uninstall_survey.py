"""Removing the mesh: what there is, in which order it goes, and what is left over.

The order matters: rules and gateways first, labels while istiod and istio-cni still
run, sidecars removed, and only then the control plane. The other way round leaves
webhooks that fail and pods whose traffic goes nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
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
from bot.knowledge.istio import gateway_api as gatewayapi
from bot.knowledge.objects import namespaces
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.workloads import get_labels, get_name, is_installed_by_istio, select_pods
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, counted

GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
ADDONS = ("prometheus", "grafana", "jaeger", "kiali")
LABELS = ("istio-injection", "istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint")
OUTSIDE = ("disabled", "none")
"""Values of those labels that keep a namespace out of the mesh."""
Thing = tuple[Kind, str, str]
"""A type, a name and a namespace ("" for cluster-scoped)."""


@dataclass(frozen=True)
class MeshInventory:
    """Everything that a removal concerns. `mine` are rules, routes and gateways of the
    workshop; `others`, everyone else's rules, and `strangers`, everyone else's gateways.

    `app` are the application's Deployments, `injected` those of them with sidecars; `stuck`
    are pods there that have a sidecar and no Deployment that could be restarted.
    """

    mine: tuple[Thing, ...] = ()
    others: tuple[Thing, ...] = ()
    strangers: tuple[Thing, ...] = ()
    labelled: tuple[str, ...] = ()
    other_labelled: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    injected: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    mesh_namespace: bool = False
    gateway_api: gatewayapi.GatewayApiStatus = field(default_factory=gatewayapi.GatewayApiStatus)

    def __bool__(self) -> bool:
        return bool(
            self.workloads
            or self.addons
            or self.crds
            or self.mesh_namespace
            or self.mine
            or self.labelled
        )

    @property
    def digest(self) -> str:
        """A hash that changes when something else would be removed."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def count_by_kind(things: Iterable[Thing]) -> Listed:
    """Return objects counted by kind, such as `2 VirtualServices, 1 Gateway`."""
    found = sorted(Counter(kind.kind for kind, _, _ in things).items())
    return Listed([count_kind(n, kind) for kind, n in found], "comma")


def count_kind(count: int, kind: str) -> str:
    """Return a count of a Kubernetes kind, such as `2 Gateways`; kinds are not translated."""
    return f"{count} {kind if count == 1 else pluralize(kind)}"


def pluralize(kind: str) -> str:
    """Return the plural of a kind: `Policies` of `Policy`, `Gateways` of `Gateway`."""
    if kind.endswith("y") and kind[-2] not in "aeiou":
        return f"{kind[:-1]}ies"
    return f"{kind}s"


def list_names(things: Iterable[Thing], most: int = 10) -> Text:
    """Return objects by name, such as `VirtualService shop/cart, …`, at most `most` of them."""
    all_of_them = [f"{kind.kind} {space}/{called}" for kind, called, space in things]
    shown = Listed(all_of_them[:most], "comma")
    if len(all_of_them) > most:
        return Text("{names} and {more} more", names=shown, more=len(all_of_them) - most)
    return Text("{names}", names=shown)


async def find_objects_of_kind(context: Context, kind: Kind) -> list[Thing]:
    """Return all objects of a type in the cluster, as (kind, name, namespace)."""
    found = await context.cluster.find(kind)
    return [(kind, get_name(obj), obj["metadata"].get("namespace", "")) for obj in found]


async def find_istio_rules(context: Context) -> list[Thing]:
    """Return every Istio rule in the cluster: they are deleted with their CRDs, which go with
    the mesh.
    """
    kinds = [kind for group in GROUPS for kind in await context.cluster.types(group)]
    return [
        thing
        for found in await asyncio.gather(*(find_objects_of_kind(context, kind) for kind in kinds))
        for thing in found
    ]


async def find_istio_gateways(context: Context) -> list[Thing]:
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
    return any(get_labels(namespace).get(key, OUTSIDE[0]) not in OUTSIDE for key in LABELS)


async def survey_mesh(context: Context) -> MeshInventory:
    """Read everything that a removal concerns; change nothing."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    all_rules, gateways, served = await asyncio.gather(
        find_istio_rules(context),
        find_istio_gateways(context),
        gatewayapi.read_gateway_api_status(context),
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
    marked = [n for n in spaces if any(key in get_labels(n) for key in LABELS)]
    return MeshInventory(
        mine=tuple(t for t in [*all_rules, *gateways] if t[2] in ours),
        others=tuple(t for t in all_rules if t[2] not in ours),
        strangers=tuple(t for t in gateways if t[2] not in ours),
        labelled=tuple(get_name(n) for n in marked if get_name(n) in ours),
        other_labelled=tuple(
            get_name(n) for n in marked if get_name(n) not in ours and is_namespace_in_mesh(n)
        ),
        workloads=tuple(get_name(w) for w in [*deployments, *daemons] if is_installed_by_istio(w)),
        addons=tuple(get_name(w) for w in deployments if get_name(w) in ADDONS),
        crds=tuple(get_name(c) for c in crds if c["spec"]["group"] in GROUPS),
        app=tuple(map(get_name, own)),
        injected=tuple(called for called, inside in injected.items() if inside),
        stuck=tuple(
            get_name(p)
            for p in pods
            if has_sidecar(p) and get_name(p) not in set().union(*injected.values())
        ),
        mesh_namespace=any(get_name(n) == mesh for n in spaces),
        gateway_api=served,
    )


def describe_removal(found: MeshInventory, context: Context, *, with_app: bool) -> tuple[Text, ...]:
    """Return what will be removed, counted by kind."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    places = Listed(sorted({space for _, _, space in found.mine}))
    lines = (
        (
            found.mine,
            Text("{by_kind} in {places}", by_kind=count_by_kind(found.mine), places=places),
        ),
        (
            found.labelled,
            Text("the mesh's labels on {labelled}", labelled=Listed(found.labelled, "comma")),
        ),
        (
            with_app and found.app,
            Text(
                "the namespace {app} with its {count}",
                app=app,
                count=count_kind(len(found.app), "Deployment"),
            ),
        ),
        (
            found.addons,
            counted(
                "{n} add-on: {names}",
                "{n} add-ons: {names}",
                n=len(found.addons),
                names=Listed(found.addons, "comma"),
            ),
        ),
        (
            found.workloads,
            Text(
                "Istio: {workloads}, with webhooks and roles",
                workloads=Listed(found.workloads, "comma"),
            ),
        ),
        (
            found.crds,
            counted(
                "{n} Istio CRD, and with it every rule of its kind in the cluster",
                "{n} Istio CRDs, and with them every rule in the cluster",
                n=len(found.crds),
            ),
        ),
        (found.mesh_namespace, Text("the namespace {mesh} with all that is in it", mesh=mesh)),
        (
            found.gateway_api.ours,
            Text(
                "the Gateway API CRDs {version}, which this bot applied",
                version=found.gateway_api.version,
            ),
        ),
    )
    return tuple(line for there, line in lines if there)


def describe_kept_application(found: MeshInventory, context: Context, *, with_app: bool) -> Text:
    """Return what becomes of the application when it stays, or ""."""
    if with_app or not found.app:
        return EMPTY
    count = count_kind(len(found.app), "Deployment")
    if not found.injected:
        return Text("{count} in {namespace}", count=count, namespace=context.workshop.app_namespace)
    return Text(
        "{count} in {namespace}; {injected} of them restart without sidecars",
        count=count,
        namespace=context.workshop.app_namespace,
        injected=len(found.injected),
    )


def warn_about_others(found: MeshInventory) -> tuple[Text, ...]:
    """Return warnings about objects of other people that are concerned, by name."""
    lines = []
    if found.others:
        lines.append(
            Text(
                "Rules of others go too ({by_kind}): {names}.",
                by_kind=count_by_kind(found.others),
                names=list_names(found.others),
            )
        )
    if found.strangers:
        lines.append(
            Text(
                "Gateways of others lose their controller: {names}.",
                names=list_names(found.strangers),
            )
        )
    if found.stuck:
        lines.append(
            Text(
                "Pods that no Deployment restarts keep dead sidecars: {stuck}.",
                stuck=Listed(found.stuck, "comma"),
            )
        )
    if found.other_labelled:
        lines.append(
            Text(
                "Other namespaces are in the mesh; their pods keep dead sidecars: {other_labelled}.",  # noqa: E501
                other_labelled=Listed(found.other_labelled, "comma"),
            )
        )
    return tuple(lines)


@dataclass(frozen=True)
class Leftovers:
    """Objects that are still there after a removal: of the mesh itself, which should have
    gone, and others.
    """

    mesh: tuple[Text, ...]
    other: tuple[Text, ...]


async def find_leftovers(context: Context) -> Leftovers:
    """Survey the mesh again, and return what is left with its owner or reason."""
    found = await survey_mesh(context)
    maps = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    space = context.workshop.mesh_namespace
    why = await namespaces.find_deletion_blocker(context, space) if found.mesh_namespace else EMPTY
    mesh = (
        (found.crds, counted("{n} Istio CRD", "{n} Istio CRDs", n=len(found.crds))),
        (
            found.workloads or found.addons,
            Text("workloads {names}", names=Listed([*found.workloads, *found.addons], "comma")),
        ),
        (
            found.mesh_namespace,
            Text("namespace {namespace} ({why})", namespace=space, why=why)
            if why
            else Text("namespace {namespace}", namespace=space),
        ),
        (found.mine, Text("{objects}", objects=count_by_kind(found.mine))),
    )
    other = (
        (
            found.gateway_api.version,
            Text(
                "Gateway API CRDs {version} (not applied by this bot)",
                version=found.gateway_api.version,
            ),
        ),
        (
            found.stuck,
            Text(
                "pods with dead sidecars, for their owners to restart: {stuck}",
                stuck=Listed(found.stuck, "comma"),
            ),
        ),
        (
            found.other_labelled,
            Text(
                "mesh labels on {other_labelled}",
                other_labelled=Listed(found.other_labelled, "comma"),
            ),
        ),
        (
            maps,
            Text(
                "{count} with Istio's CA certificate",
                count=count_kind(len(maps), "ConfigMap"),
            ),
        ),
    )
    return Leftovers(
        tuple(text for there, text in mesh if there), tuple(text for there, text in other if there)
    )


CLUSTER_WIDE = (
    (CLUSTER_ROLE_BINDING, ("prometheus", "kiali")),
    (CLUSTER_ROLE, ("prometheus", "kiali")),
)
"""What the add-on samples leave outside their namespace (Istio 1.23 and 1.30)."""


async def delete_all(context: Context, things_: Iterable[Thing]) -> None:
    """Delete each object, in the given order."""
    for kind, called, space in things_:
        await context.cluster.delete(kind, called, space)


async def find_gateway_classes(context: Context) -> list[Thing]:
    """Return istiod's GatewayClasses, which nothing else removes."""
    found = await context.cluster.find(GATEWAY_CLASS)
    return [
        (GATEWAY_CLASS, get_name(c), "")
        for c in found
        if str(c["spec"].get("controllerName", "")).startswith("istio.io/")
    ]


async def find_ca_config_maps(context: Context) -> list[Thing]:
    """Return the ConfigMaps with Istio's CA certificate that istiod put into every namespace."""
    found = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    return [(CONFIG_MAP, get_name(m), m["metadata"]["namespace"]) for m in found]


def build_unlabel_patch(obj: Object) -> Object:
    """Return a merge patch that removes the mesh's labels."""
    return {"metadata": {"labels": {key: None for key in LABELS if key in get_labels(obj)}}}
