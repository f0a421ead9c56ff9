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


def count_by_kind(things: Iterable[Thing]) -> str:
    """Return objects counted by kind, such as `2 VirtualServices, 1 Gateway`."""
    found = sorted(Counter(kind.kind for kind, _, _ in things).items())
    return ", ".join(f"{n} {kind if n == 1 else pluralize(kind)}" for kind, n in found)


def pluralize(kind: str) -> str:
    """Return the plural of a kind: `Policies` of `Policy`, `Gateways` of `Gateway`."""
    if kind.endswith("y") and kind[-2] not in "aeiou":
        return f"{kind[:-1]}ies"
    return f"{kind}s"


def list_names(things: Iterable[Thing], most: int = 10) -> str:
    """Return objects by name, such as `VirtualService shop/cart, …`, at most `most` of them."""
    all_of_them = [f"{kind.kind} {space}/{called}" for kind, called, space in things]
    more = f" and {len(all_of_them) - most} more" if len(all_of_them) > most else ""
    return ", ".join(all_of_them[:most]) + more


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


def describe_removal(found: MeshInventory, context: Context, *, with_app: bool) -> tuple[str, ...]:
    """Return what will be removed, counted by kind."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    places = " and ".join(sorted({space for _, _, space in found.mine}))
    lines = (
        (found.mine, f"{count_by_kind(found.mine)} in {places}"),
        (found.labelled, f"the mesh's labels on {', '.join(found.labelled)}"),
        (
            with_app and found.app,
            f"the namespace {app} with its {format_count(len(found.app), 'Deployment')}",
        ),
        (found.addons, f"{format_count(len(found.addons), 'add-on')}: {', '.join(found.addons)}"),
        (found.workloads, f"Istio: {', '.join(found.workloads)}, with webhooks and roles"),
        (
            found.crds,
            f"{format_count(len(found.crds), 'Istio CRD')}, and with them every rule in the cluster",
        ),
        (found.mesh_namespace, f"the namespace {mesh} with all that is in it"),
        (
            found.gateway_api.ours,
            f"the Gateway API CRDs {found.gateway_api.version}, which this bot applied",
        ),
    )
    return tuple(line for there, line in lines if there)


def describe_kept_application(found: MeshInventory, context: Context, *, with_app: bool) -> str:
    """Return what becomes of the application when it stays, or ""."""
    if with_app or not found.app:
        return ""
    restarted = (
        f"; {len(found.injected)} of them restart without sidecars" if found.injected else ""
    )
    return f"{format_count(len(found.app), 'Deployment')} in {context.workshop.app_namespace}{restarted}"


def format_count(count: int, thing: str) -> str:
    """Return a count with its noun, such as `1 Deployment` or `2 Deployments`."""
    return f"{count} {thing if count == 1 else pluralize(thing)}"


def warn_about_others(found: MeshInventory) -> tuple[str, ...]:
    """Return warnings about objects of other people that are concerned, by name."""
    lines = []
    if found.others:
        lines.append(
            f"Rules of others go too ({count_by_kind(found.others)}): {list_names(found.others)}."
        )
    if found.strangers:
        lines.append(f"Gateways of others lose their controller: {list_names(found.strangers)}.")
    if found.stuck:
        lines.append(
            f"Pods that no Deployment restarts keep dead sidecars: {', '.join(found.stuck)}."
        )
    if found.other_labelled:
        lines.append(
            f"Other namespaces are in the mesh; their pods keep dead sidecars: {', '.join(found.other_labelled)}."
        )
    return tuple(lines)


@dataclass(frozen=True)
class Leftovers:
    """Objects that are still there after a removal: of the mesh itself, which should have
    gone, and others.
    """

    mesh: tuple[str, ...]
    other: tuple[str, ...]


async def find_leftovers(context: Context) -> Leftovers:
    """Survey the mesh again, and return what is left with its owner or reason."""
    found = await survey_mesh(context)
    maps = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    space = context.workshop.mesh_namespace
    why = await namespaces.find_deletion_blocker(context, space) if found.mesh_namespace else ""
    mesh = (
        (found.crds, format_count(len(found.crds), "Istio CRD")),
        (
            found.workloads or found.addons,
            f"workloads {', '.join([*found.workloads, *found.addons])}",
        ),
        (found.mesh_namespace, f"namespace {space}{f' ({why})' if why else ''}"),
        (found.mine, count_by_kind(found.mine)),
    )
    other = (
        (
            found.gateway_api.version,
            f"Gateway API CRDs {found.gateway_api.version} (not applied by this bot)",
        ),
        (
            found.stuck,
            f"pods with dead sidecars, for whoever made them to restart: {', '.join(found.stuck)}",
        ),
        (found.other_labelled, f"mesh labels on {', '.join(found.other_labelled)}"),
        (maps, format_count(len(maps), "ConfigMap") + " with Istio's CA certificate"),
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
