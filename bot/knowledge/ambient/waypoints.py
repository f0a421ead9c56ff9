"""The namespace's waypoint: its Gateway, the label that sends traffic through it, and the proof
that it does.

Made and removed through the API, by exact name: `istioctl waypoint apply` leaves a namespace with a
stale label alone, and `istioctl waypoint delete` of Istio 1.23 does not look which class of Gateway
it deletes.
"""

from __future__ import annotations

from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, SERVICE, Object
from bot.knowledge.ambient import join
from bot.knowledge.objects.capacity import parse_minor_version
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_condition, get_labels, get_name, is_ready
from bot.knowledge.routing.manifests import build_object, is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context
from bot.text import EMPTY, Text, verbatim

NAME, CLASS = "waypoint", "istio-waypoint"
LABEL = "istio.io/use-waypoint"
BOUND = "istio.io/WaypointBound"
"""The condition of a Service whose traffic passes a waypoint (from Istio 1.24)."""
FIRST_BOUND = 24


def build_gateway(namespace: str) -> Object:
    """Return the waypoint's Gateway, as istioctl makes it: for traffic to Services, over
    HBONE.
    """
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return build_object(
        GATEWAY, NAME, namespace, {"gatewayClassName": CLASS, "listeners": [listener]}
    )


def list_waypoints(now: Snapshot) -> list[str]:
    """Return the names of the namespace's waypoints."""
    return [called for called, found in now.gateways.items() if is_waypoint(found)]


async def apply_waypoint(context: Context, now: Snapshot) -> list[Text]:
    """Apply the waypoint's Gateway; return what was done, in words."""
    before = now.gateways.get(NAME)
    stale = before is None and now.app_labels.get(LABEL) == NAME
    after = await context.cluster.apply(build_gateway(context.workshop.app_namespace), force=True)
    if before is not None and extract_desired_state(before) == extract_desired_state(after):
        return []
    words = (
        Text("Gateway {name} made", name=NAME)
        if before is None
        else Text("Gateway {name} changed", name=NAME)
    )
    return [
        Text("{words}; the label was left over from a waypoint that is gone", words=words)
        if stale
        else words
    ]


async def wait_until_programmed(context: Context) -> Text:
    """Wait until istiod has programmed the waypoint and its pod is ready; return "" or what is
    missing.
    """
    context.progress.say(
        Text("waiting for the waypoint; after an upgrade of istiod that takes ten seconds more")
    )
    last = EMPTY

    def ready(gateways: list[Object], deployments: list[Object]) -> bool:
        nonlocal last
        mine: Object = next((g for g in gateways if get_name(g) == NAME), {"metadata": {}})
        said = get_condition(mine, "Programmed")
        runs = any(get_name(d) == NAME and is_ready(d) for d in deployments)
        told = said.get("message")
        last = verbatim(str(told)) if told else Text("istiod has not taken it up yet")
        if said.get("status") == "True" and not runs:
            last = Text("its Deployment is not available yet")
        context.progress.say(Text("waypoint: {last}", last=last))
        return said.get("status") == "True" and runs

    limit, app = context.workshop.readiness_timeout, context.workshop.app_namespace
    programmed = await wait_until(context, app, limit, (GATEWAY, DEPLOYMENT), ready)
    return EMPTY if programmed else last


def has_bound_condition(context: Context) -> bool:
    """Tell whether this release sets a condition on Services that are bound to a waypoint."""
    return parse_minor_version(context.mesh.version) >= FIRST_BOUND


async def wait_for_bound_services(context: Context) -> tuple[str, ...]:
    """Wait until all Services have the bound condition; return the names of those that have
    it.
    """
    found: list[str] = []

    def all_are(services: list[Object]) -> bool:
        mine = [
            s for s in services if "gateway.networking.k8s.io/gateway-name" not in get_labels(s)
        ]
        found[:] = [get_name(s) for s in mine if get_condition(s, BOUND).get("status") == "True"]
        return bool(mine) and len(found) == len(mine)

    limit, app = min(30.0, context.workshop.readiness_timeout), context.workshop.app_namespace
    await wait_until(context, app, limit, (SERVICE,), all_are)
    return tuple(found)


async def remove_waypoints(context: Context, now: Snapshot) -> list[Text]:
    """Remove the label, then the Gateways, and wait until their Deployments are gone; return
    what was done, in words.
    """
    done = list(await join.relabel_namespace(context, {LABEL: None}))
    app, names = context.workshop.app_namespace, list_waypoints(now)
    for called in names:
        await context.cluster.delete(GATEWAY, called, app)
        done.append(Text("Gateway {called} removed", called=called))
    if names:
        context.progress.say(Text("waiting until the waypoint is gone"))
        limit = context.workshop.readiness_timeout
        await wait_until(
            context,
            app,
            limit,
            (DEPLOYMENT,),
            lambda found: not {get_name(d) for d in found} & set(names),
        )
    return done


def warn_about_idle_routes(now: Snapshot) -> tuple[Text, ...]:
    """Return a warning for each HTTPRoute that no proxy obeys without the waypoint."""
    step = {"reviews": "route off", "ratings": "fault off"}
    return tuple(
        Text(
            "{kind} {called} has no effect without a waypoint: `{get}` takes it away.",
            kind=HTTP_ROUTE.kind,
            called=called,
            get=step.get(called, "undo"),
        )
        for called, route in now.routes.items()
        if any(parent.get("kind") == "Service" for parent in route["spec"].get("parentRefs") or [])
    )
