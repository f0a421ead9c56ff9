"""Removing the application's Gateway and its route, with the traffic that needs them."""

from __future__ import annotations

from bot.errors import Forbidden, NotFound
from bot.kinds import HTTP_ROUTE, Object
from bot.knowledge.bookinfo import background, gateway
from bot.knowledge.objects.apply import delete_objects
from bot.knowledge.objects.conflicts import (
    build_plan,
    judge_deletion,
    list_setters,
    require_confirmed,
)
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.objects.writes import get_live
from bot.steps import Context, Plan, State, Verdict
from bot.text import Text, in_context


async def plan_removal(context: Context) -> Plan | None:
    """Return what others lose with the Gateway and its route, and which routes of theirs lead
    nowhere then; None when they lose nothing.
    """
    live = [await get_live(context, obj) for obj in await load_objects(context)]
    found = [conflict for obj in live if obj and (conflict := judge_deletion(obj))]
    words = Text("the page will not be exposed any more.")
    plan = build_plan(context, found, words)
    stranded = await describe_stranded_routes(context) if any(live) else ()
    if not stranded:
        return plan
    items = (*(plan.items if plan else ()), *stranded)
    confirm = plan.confirm if plan else in_context("button", "Take it away")
    about, warnings = (plan.about, plan.warnings) if plan else ((), ())
    return Plan(words, items, warnings, confirm, compute_digest(items), about)


async def describe_stranded_routes(context: Context) -> tuple[Text, ...]:
    """Return the HTTPRoutes of others that lead through the Gateway, in words."""
    home = context.workshop.app_namespace
    try:
        routes = await context.cluster.find(HTTP_ROUTE)
    except Forbidden:
        routes = await context.cluster.find(HTTP_ROUTE, home)
    return tuple(
        Text(
            "{route} in {namespace}, set by {managers}, leads nowhere without the Gateway",
            route=describe_object(route),
            namespace=route["metadata"]["namespace"],
            managers=list_setters(route),
        )
        for route in routes
        if (get_name(route), route["metadata"]["namespace"]) != (gateway.ROUTE, home)
        and leads_through(route, home)
    )


def leads_through(route: Object, namespace: str) -> bool:
    """Tell whether a route has the Gateway of that namespace as a parent."""
    home = route["metadata"]["namespace"]
    return any(
        (parent.get("name"), parent.get("namespace") or home) == (gateway.NAME, namespace)
        for parent in route["spec"].get("parentRefs") or []
        if parent.get("kind", "Gateway") == "Gateway"
    )


async def load_objects(context: Context) -> list[Object]:
    """Return the manifests of what is removed; none while the Gateway API is not served."""
    try:
        return await gateway.load_gateway_objects(context)
    except NotFound:
        return []


async def remove_gateway(context: Context) -> Verdict:
    """Delete the HTTPRoute and the Gateway, if they are there, and wait until what istiod deployed
    for it is gone.
    """
    objects = await load_objects(context)
    if not objects or (await gateway.is_absent(context) and not context.resumed):
        return Verdict(
            State.DONE,
            Text("nothing is exposed; nothing was changed."),
            next=suggest_commands(context, "expose"),
        )
    for obj in objects:
        live = await get_live(context, obj)
        require_confirmed(context, judge_deletion(live) if live else None)
    context.progress.say(Text("taking the Gateway away"))
    await delete_objects(context, objects)
    if not await gateway.wait_until_gone(context):
        return Verdict(
            State.NOT_YET,
            Text("the Gateway is deleted, but what ran for it is still there."),
            Text(
                "istiod's Deployment for it has not gone: is the garbage collector of the cluster "
                "running?"
            ),
            next=suggest_commands(context, "expose off", "status"),
        )
    ended = await background.stop_application_traffic(
        context, Text("the application is not exposed any more")
    )
    gone = Text("Gateway, HTTPRoute and the gateway's Deployment and Service are gone")
    return Verdict(
        State.DONE,
        Text("the page is not exposed any more."),
        evidence=(gone, *ended),
        next=suggest_commands(context, "expose"),
    )
