"""The namespace's waypoint: its Gateway, the label that sends traffic through it, and the proof
that it does.

Made and removed through the API, by exact name: `istioctl waypoint apply` leaves a namespace with a
stale label alone, and `istioctl waypoint delete` of Istio 1.23 does not look which class of Gateway
it deletes.
"""

from __future__ import annotations

from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, SERVICE, Object
from bot.knowledge.objects.apply import ensure_objects
from bot.knowledge.objects.capacity import parse_minor_version
from bot.knowledge.objects.conflicts import (
    build_plan,
    find_write_conflicts,
    judge_deletion,
    list_setters,
    require_confirmed,
)
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.namespace_labels import find_label_conflicts, relabel_namespace
from bot.knowledge.objects.ownership import is_of_bot_alone
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_condition, get_labels, get_name, is_ready
from bot.knowledge.routing.manifests import build_object, is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Plan
from bot.text import EMPTY, Text, in_context, join, verbatim

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
    return [name for name, found in now.gateways.items() if is_waypoint(found)]


async def plan_waypoint(context: Context) -> Plan | None:
    """Return what others lose by the waypoint and its label, None when they lose nothing."""
    wanted = build_gateway(context.workshop.app_namespace)
    found = await find_write_conflicts(context, [wanted], exact=True)
    found += await find_label_conflicts(context, {LABEL: NAME})
    return build_plan(context, found)


async def plan_removal(context: Context, now: Snapshot) -> Plan | None:
    """Return what others lose with the waypoints and the label, and which rules of theirs have no
    effect then; None when they lose nothing.
    """
    found = await find_label_conflicts(context, {LABEL: None})
    gateways = [now.gateways[name] for name in list_waypoints(now)]
    found += [conflict for each in gateways if (conflict := judge_deletion(each))]
    words = Text("the waypoint will be taken away.")
    plan = build_plan(context, found, words)
    if not gateways or not (idle := describe_foreign_routes(now)):
        return plan
    items = (*(plan.items if plan else ()), *idle)
    about, warnings = (plan.about, plan.warnings) if plan else ((), ())
    confirm = in_context("button", "Take it away")
    return Plan(words, items, warnings, confirm, compute_digest(items), about)


def describe_foreign_routes(now: Snapshot) -> tuple[Text, ...]:
    """Return the HTTPRoutes of others that only a waypoint obeys."""
    return tuple(
        Text(
            "HTTPRoute {name}, set by {managers}, has no effect without a waypoint",
            name=name,
            managers=list_setters(route),
        )
        for name, route in now.routes.items()
        if is_for_service(route) and not is_of_bot_alone(route)
    )


def is_for_service(route: Object) -> bool:
    """Tell whether an HTTPRoute is for requests to a Service, which a waypoint obeys."""
    return any(each.get("kind") == "Service" for each in route["spec"].get("parentRefs") or [])


def describe_foreign_waypoints(now: Snapshot) -> list[Text]:
    """Return the namespace's waypoints that are not the bot's alone, and who set what of them."""
    found = [judge_deletion(now.gateways[name]) for name in list_waypoints(now)]
    return [line for conflict in found if conflict for line in conflict.lines]


async def apply_waypoint(context: Context, now: Snapshot) -> list[Text]:
    """Write the waypoint's Gateway; return what was done, in words."""
    stale = NAME not in now.gateways and now.app_labels.get(LABEL) == NAME
    wanted = build_gateway(context.workshop.app_namespace)
    done = await ensure_objects(context, [wanted], exact=True, asked=True)
    if not done:
        return []
    if done.changed:
        return [Text("Gateway {name} changed", name=NAME)]
    made = Text("Gateway {name} made", name=NAME)
    left_over = Text("the label was left over from a waypoint that is gone")
    return [join("semicolon", made, left_over) if stale else made]


async def wait_until_programmed(context: Context) -> Text:
    """Wait until istiod has programmed the waypoint and its pod is ready; return "" or what is
    missing. For a Deployment that wants no pods nothing is waited: the Gateway stays programmed.
    """
    context.progress.say(
        Text("waiting for the waypoint; after an upgrade of istiod that takes ten seconds more")
    )
    last, empty = EMPTY, False

    def ready(gateways: list[Object], deployments: list[Object]) -> bool:
        nonlocal last, empty
        waypoint: Object = next((g for g in gateways if get_name(g) == NAME), {"metadata": {}})
        condition = get_condition(waypoint, "Programmed")
        programmed = condition.get("status") == "True"
        made = next((d for d in deployments if get_name(d) == NAME), None)
        empty = made is not None and made["spec"].get("replicas", 1) == 0
        available = made is not None and is_ready(made)
        message = condition.get("message")
        last = verbatim(str(message)) if message else Text("istiod has not taken it up yet")
        if programmed and not available:
            last = Text("its Deployment is not available yet")
        if empty:
            last = Text("its Deployment is scaled to 0")
            return True
        context.progress.say(Text("waypoint: {missing}", missing=last))
        return programmed and available

    limit, app = context.workshop.readiness_timeout, context.workshop.app_namespace
    programmed = await wait_until(context, app, limit, (GATEWAY, DEPLOYMENT), ready)
    return EMPTY if programmed and not empty else last


def has_bound_condition(context: Context) -> bool:
    """Tell whether this release sets a condition on Services that are bound to a waypoint."""
    return parse_minor_version(context.mesh.version) >= FIRST_BOUND


async def wait_for_bound_services(context: Context) -> tuple[str, ...]:
    """Wait until all Services have the bound condition; return the names of those that have
    it.
    """
    found: list[str] = []

    def all_are(services: list[Object]) -> bool:
        own = [s for s in services if "gateway.networking.k8s.io/gateway-name" not in get_labels(s)]
        found[:] = [get_name(s) for s in own if get_condition(s, BOUND).get("status") == "True"]
        return bool(own) and len(found) == len(own)

    limit, app = min(30.0, context.workshop.readiness_timeout), context.workshop.app_namespace
    await wait_until(context, app, limit, (SERVICE,), all_are)
    return tuple(found)


async def remove_waypoints(context: Context, now: Snapshot) -> list[Text]:
    """Remove the label, then the Gateways, and wait until their Deployments are gone; return
    what was done, in words.
    """
    app, names = context.workshop.app_namespace, list_waypoints(now)
    for name in names:
        require_confirmed(context, judge_deletion(now.gateways[name]))
    done = list(await relabel_namespace(context, {LABEL: None}, asked=True))
    for name in names:
        await context.cluster.delete(GATEWAY, name, app)
        done.append(Text("Gateway {name} removed", name=name))
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
    """Return a warning for each HTTPRoute that has no effect without the waypoint."""
    remedies = {"reviews": "route off", "ratings": "fault off"}
    return tuple(
        Text(
            "{kind} {name} has no effect without a waypoint: `{command}` takes it away.",
            kind=HTTP_ROUTE.kind,
            name=name,
            command=remedies.get(name, "undo"),
        )
        for name, route in now.routes.items()
        if is_for_service(route)
    )
