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
    POD,
    Kind,
    Object,
)
from bot.knowledge import gatewayapi, namespaces
from bot.knowledge.workloads import labels, name, of_the_mesh, selected
from bot.steps import Context

GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
ADDONS = ("prometheus", "grafana", "jaeger", "kiali")
LABELS = ("istio-injection", "istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint")
OUTSIDE = ("disabled", "none")
"""Values of those labels that keep a namespace out of the mesh."""
Thing = tuple[Kind, str, str]
"""A type, a name and a namespace ("" for cluster-scoped)."""


@dataclass(frozen=True)
class Found:
    """What a removal would meet. `mine` are rules, routes and gateways of the workshop; `others`, everyone else's.

    `app` are the application's Deployments, `injected` those of them with sidecars; `stuck` are pods there that have
    a sidecar and no Deployment that could be restarted.
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
    gateway_api: gatewayapi.Served = field(default_factory=gatewayapi.Served)

    def __bool__(self) -> bool:
        return bool(self.workloads or self.addons or self.crds or self.mesh_namespace or self.mine or self.labelled)

    @property
    def digest(self) -> str:
        """Changes when something else would be removed."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def counted(things: Iterable[Thing]) -> str:
    """`2 VirtualServices, 1 Gateway`."""
    found = sorted(Counter(kind.kind for kind, _, _ in things).items())
    return ", ".join(f"{n} {kind if n == 1 else plural(kind)}" for kind, n in found)


def plural(kind: str) -> str:
    """`Policies` of `Policy`, `Gateways` of `Gateway`."""
    if kind.endswith("y") and kind[-2] not in "aeiou":
        return f"{kind[:-1]}ies"
    return f"{kind}s"


def has_sidecar(pod: Object) -> bool:
    """True for an injected pod, native sidecars too."""
    return "sidecar.istio.io/status" in (pod["metadata"].get("annotations") or {})


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


def in_the_mesh(namespace: Object) -> bool:
    """Whether its labels put it into the mesh."""
    return any(labels(namespace).get(key, OUTSIDE[0]) not in OUTSIDE for key in LABELS)


async def survey(context: Context) -> Found:
    """Reads everything that a removal concerns; changes nothing."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    all_rules, gateways, served = await asyncio.gather(
        rules(context), istio_gateways(context), gatewayapi.served(context)
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
    own = [w for w in app_deployments if "gateway.istio.io/managed" not in labels(w)]
    injected = {name(w): {name(p) for p in selected(pods, w) if has_sidecar(p)} for w in own}
    marked = [n for n in spaces if any(key in labels(n) for key in LABELS)]
    return Found(
        mine=tuple(t for t in [*all_rules, *gateways] if t[2] in ours),
        others=tuple(t for t in all_rules if t[2] not in ours),
        strangers=tuple(t for t in gateways if t[2] not in ours),
        labelled=tuple(name(n) for n in marked if name(n) in ours),
        other_labelled=tuple(name(n) for n in marked if name(n) not in ours and in_the_mesh(n)),
        workloads=tuple(name(w) for w in [*deployments, *daemons] if of_the_mesh(w)),
        addons=tuple(name(w) for w in deployments if name(w) in ADDONS),
        crds=tuple(name(c) for c in crds if c["spec"]["group"] in GROUPS),
        app=tuple(map(name, own)),
        injected=tuple(called for called, inside in injected.items() if inside),
        stuck=tuple(name(p) for p in pods if has_sidecar(p) and name(p) not in set().union(*injected.values())),
        mesh_namespace=any(name(n) == mesh for n in spaces),
        gateway_api=served,
    )


def items(found: Found, context: Context, *, with_app: bool) -> tuple[str, ...]:
    """What will be removed, counted by kind."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    places = " and ".join(sorted({space for _, _, space in found.mine}))
    lines = (
        (found.mine, f"{counted(found.mine)} in {places}"),
        (found.labelled, f"the mesh's labels on {', '.join(found.labelled)}"),
        (with_app and found.app, f"the namespace {app} with its {number(len(found.app), 'Deployment')}"),
        (found.addons, f"{number(len(found.addons), 'add-on')}: {', '.join(found.addons)}"),
        (found.workloads, f"Istio: {', '.join(found.workloads)}, with webhooks and roles"),
        (found.crds, f"{number(len(found.crds), 'Istio CRD')}, and with them every rule in the cluster"),
        (found.mesh_namespace, f"the namespace {mesh} with all that is in it"),
        (found.gateway_api.ours, f"the Gateway API CRDs {found.gateway_api.version}, which this bot applied"),
    )
    return tuple(line for there, line in lines if there)


def kept(found: Found, context: Context, *, with_app: bool) -> str:
    """What becomes of the application when it stays, or ""."""
    if with_app or not found.app:
        return ""
    restarted = f"; {len(found.injected)} of them restart without sidecars" if found.injected else ""
    return f"{number(len(found.app), 'Deployment')} in {context.workshop.app_namespace}{restarted}"


def number(count: int, thing: str) -> str:
    """`1 Deployment`, `2 Deployments`."""
    return f"{count} {thing if count == 1 else plural(thing)}"


def warnings(found: Found) -> tuple[str, ...]:
    """What of other people is concerned, by name."""
    lines = []
    if found.others:
        lines.append(f"Rules of others go too ({counted(found.others)}): {named(found.others)}.")
    if found.strangers:
        lines.append(f"Gateways of others lose their controller: {named(found.strangers)}.")
    if found.stuck:
        lines.append(f"Pods that no Deployment restarts keep dead sidecars: {', '.join(found.stuck)}.")
    if found.other_labelled:
        lines.append(
            f"Other namespaces are in the mesh; their pods keep dead sidecars: {', '.join(found.other_labelled)}."
        )
    return tuple(lines)


@dataclass(frozen=True)
class Left:
    """What is still there after a removal: of the mesh itself, which should have gone, and other things."""

    mesh: tuple[str, ...]
    other: tuple[str, ...]


async def leftovers(context: Context) -> Left:
    """Looks again, each thing with its owner or reason."""
    found = await survey(context)
    maps = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    space = context.workshop.mesh_namespace
    why = await namespaces.holds(context, space) if found.mesh_namespace else ""
    mesh = (
        (found.crds, number(len(found.crds), "Istio CRD")),
        (found.workloads or found.addons, f"workloads {', '.join([*found.workloads, *found.addons])}"),
        (found.mesh_namespace, f"namespace {space}{f' ({why})' if why else ''}"),
        (found.mine, counted(found.mine)),
    )
    other = (
        (found.gateway_api.version, f"Gateway API CRDs {found.gateway_api.version} (not applied by this bot)"),
        (found.stuck, f"pods with dead sidecars, for whoever made them to restart: {', '.join(found.stuck)}"),
        (found.other_labelled, f"mesh labels on {', '.join(found.other_labelled)}"),
        (maps, number(len(maps), "ConfigMap") + " with Istio's CA certificate"),
    )
    return Left(tuple(text for there, text in mesh if there), tuple(text for there, text in other if there))


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
