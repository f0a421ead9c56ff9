"""Taking the mesh away: what is there, in which order it goes, and what is left over.

The order matters: rules and gateways first, labels while istiod and istio-cni still run, sidecars shed, and only then
the control plane. The other way round leaves webhooks that fail and pods whose traffic goes nowhere.
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
    Kind,
    Object,
)
from bot.knowledge import gatewayapi
from bot.knowledge.workloads import labels, name, of_the_mesh
from bot.steps import Context

GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
ADDONS = ("prometheus", "grafana", "jaeger", "kiali")
LABELS = ("istio-injection", "istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint")
Thing = tuple[Kind, str, str]
"""A type, a name and a namespace ("" for cluster-scoped)."""


@dataclass(frozen=True)
class Found:
    """What a removal would meet. `mine` are rules, routes and gateways of the workshop; `others`, everyone else's."""

    mine: tuple[Thing, ...] = ()
    others: tuple[Thing, ...] = ()
    strangers: tuple[Thing, ...] = ()
    labelled: tuple[str, ...] = ()
    other_labelled: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    addons: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    mesh_namespace: bool = False
    gateway_api: gatewayapi.Served = field(default_factory=gatewayapi.Served)

    def __bool__(self) -> bool:
        return bool(self.workloads or self.addons or self.crds or self.mesh_namespace or self.mine or self.labelled)

    @property
    def digest(self) -> str:
        """Changes when something else would be removed."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def counted(things: Iterable[Thing]) -> str:
    """`2 VirtualService, 1 Gateway`."""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(kind.kind for kind, _, _ in things).items()))


def named(things: Iterable[Thing], most: int = 10) -> str:
    """`VirtualService shop/cart, …`."""
    all_of_them = [f"{kind.kind} {space}/{called}" for kind, called, space in things]
    more = f" and {len(all_of_them) - most} more" if len(all_of_them) > most else ""
    return ", ".join(all_of_them[:most]) + more


async def things(context: Context, kind: Kind) -> list[Thing]:
    """All objects of a type, everywhere."""
    found = await context.cluster.find(kind)
    return [(kind, name(obj), obj["metadata"].get("namespace", "")) for obj in found]


async def rules(context: Context) -> list[Thing]:
    """Every Istio rule in the cluster: their CRDs go with the mesh, and so do they."""
    kinds = [kind for group in GROUPS for kind in await context.cluster.types(group)]
    return [thing for found in await asyncio.gather(*(things(context, kind) for kind in kinds)) for thing in found]


async def istio_gateways(context: Context) -> list[Thing]:
    """Gateways that istiod runs, and the HTTPRoutes of the workshop's namespace."""
    gateways = [
        (GATEWAY, name(g), g["metadata"]["namespace"])
        for g in await context.cluster.find(GATEWAY)
        if str(g["spec"].get("gatewayClassName", "")).startswith("istio")
    ]
    app = context.workshop.app_namespace
    return [*((HTTP_ROUTE, name(r), app) for r in await context.cluster.find(HTTP_ROUTE, app)), *gateways]


async def survey(context: Context) -> Found:
    """Reads everything that a removal concerns; changes nothing."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    all_rules, gateways, served = await asyncio.gather(
        rules(context), istio_gateways(context), gatewayapi.served(context)
    )
    namespaces, crds, deployments, daemons, app_deployments = await asyncio.gather(
        context.cluster.find(NAMESPACE),
        context.cluster.find(CRD),
        context.cluster.find(DEPLOYMENT, mesh),
        context.cluster.find(DAEMON_SET, mesh),
        context.cluster.find(DEPLOYMENT, app),
    )
    ours = {mesh, app}
    marked = [n for n in namespaces if any(key in labels(n) for key in LABELS)]
    return Found(
        mine=tuple(t for t in [*all_rules, *gateways] if t[2] in ours),
        others=tuple(t for t in all_rules if t[2] not in ours),
        strangers=tuple(t for t in gateways if t[2] not in ours),
        labelled=tuple(name(n) for n in marked if name(n) in ours),
        other_labelled=tuple(name(n) for n in marked if name(n) not in ours),
        workloads=tuple(name(w) for w in [*deployments, *daemons] if of_the_mesh(w)),
        addons=tuple(name(w) for w in deployments if name(w) in ADDONS),
        crds=tuple(name(c) for c in crds if c["spec"]["group"] in GROUPS),
        app=tuple(name(w) for w in app_deployments if "gateway.istio.io/managed" not in labels(w)),
        mesh_namespace=any(name(n) == mesh for n in namespaces),
        gateway_api=served,
    )


def items(found: Found, context: Context, *, with_app: bool) -> tuple[str, ...]:
    """What will be removed, counted by kind."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    fate = "deleted with its namespace" if with_app else "restarted without sidecars, and kept"
    lines = (
        (found.mine, f"{counted(found.mine)} in {app} and {mesh}"),
        (found.labelled, f"the mesh's labels on {', '.join(found.labelled)}"),
        (found.app, f"{len(found.app)} Deployments in {app}: {fate}"),
        (found.addons, f"{len(found.addons)} add-ons: {', '.join(found.addons)}"),
        (found.workloads, f"Istio: {', '.join(found.workloads)}, its webhooks and roles"),
        (found.crds, f"{len(found.crds)} Istio CRDs, and with them every rule in the cluster"),
        (found.mesh_namespace, f"the namespace {mesh} with all that is in it"),
        (found.gateway_api.ours, f"the Gateway API CRDs {found.gateway_api.version}, which this bot applied"),
    )
    return tuple(line for there, line in lines if there)


def warnings(found: Found) -> tuple[str, ...]:
    """What of other people is concerned, by name."""
    lines = []
    if found.others:
        lines.append(f"Rules of others go too ({counted(found.others)}): {named(found.others)}.")
    if found.strangers:
        lines.append(f"Gateways of others lose their controller: {named(found.strangers)}.")
    if found.other_labelled:
        lines.append(
            f"Other namespaces are in the mesh; their pods keep dead sidecars: {', '.join(found.other_labelled)}."
        )
    return tuple(lines)


async def leftovers(context: Context) -> list[str]:
    """What is still there after a removal, each with its owner or reason."""
    found = await survey(context)
    left = []
    if found.gateway_api.version:
        left.append(f"Gateway API CRDs {found.gateway_api.version} (not applied by this bot)")
    if found.app:
        left.append(f"{len(found.app)} Deployments in {context.workshop.app_namespace}")
    if found.crds:
        left.append(f"{len(found.crds)} Istio CRDs")
    if found.workloads or found.addons:
        left.append(f"workloads {', '.join([*found.workloads, *found.addons])}")
    if found.mesh_namespace:
        left.append(f"namespace {context.workshop.mesh_namespace}")
    if found.other_labelled:
        left.append(f"mesh labels on {', '.join(found.other_labelled)}")
    maps = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    if maps:
        left.append(f"{len(maps)} ConfigMaps with Istio's CA certificate")
    return left


CLUSTER_WIDE = ((CLUSTER_ROLE_BINDING, ("prometheus", "kiali")), (CLUSTER_ROLE, ("prometheus", "kiali")))
"""What the add-on samples leave outside their namespace (Istio 1.23 and 1.30)."""


async def delete_all(context: Context, things_: Iterable[Thing]) -> None:
    """Deletes each, in the given order."""
    for kind, called, space in things_:
        await context.cluster.delete(kind, called, space)


async def gateway_classes(context: Context) -> list[Thing]:
    """istiod's GatewayClasses, which nothing else removes."""
    found = await context.cluster.find(GATEWAY_CLASS)
    return [
        (GATEWAY_CLASS, name(c), "") for c in found if str(c["spec"].get("controllerName", "")).startswith("istio.io/")
    ]


async def certificates(context: Context) -> list[Thing]:
    """The ConfigMaps with Istio's CA certificate that istiod put into every namespace."""
    found = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    return [(CONFIG_MAP, name(m), m["metadata"]["namespace"]) for m in found]


def unlabelled(obj: Object) -> Object:
    """A merge patch that takes the mesh's labels off."""
    return {"metadata": {"labels": {key: None for key in LABELS if key in labels(obj)}}}
