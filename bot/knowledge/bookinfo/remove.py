"""Removing Bookinfo: the namespace when this bot made it, otherwise only the sample's own
objects.
"""

from __future__ import annotations

import hashlib

from bot.kinds import DESTINATION_RULE, GATEWAY, HTTP_ROUTE, NAMESPACE, VIRTUAL_SERVICE, Object
from bot.knowledge.bookinfo import app, background
from bot.knowledge.objects import namespaces
from bot.knowledge.objects.apply import delete_objects, resolve_kind
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.steps import Context, Plan, State, Verdict

AROUND = (GATEWAY, HTTP_ROUTE, VIRTUAL_SERVICE, DESTINATION_RULE)
"""What later steps put beside the application."""


def is_made_by_bot(namespace: Object | None) -> bool:
    """Tell whether this bot made the namespace."""
    return namespace is not None and app.MADE_BY.items() <= get_labels(namespace).items()


async def find_existing_objects(context: Context) -> list[Object]:
    """Return the sample's objects that exist in the namespace."""
    found = []
    for obj in await app.load_objects(context):
        live = await context.cluster.get(
            await resolve_kind(context, obj), get_name(obj), context.workshop.app_namespace
        )
        found += [obj] if live is not None else []
    return found


async def plan_removal(context: Context) -> Plan | None:
    """Return what would be removed, or None when nothing is there."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    found = await find_existing_objects(context) if live is not None else []
    if not found and not is_made_by_bot(live):
        return None
    around = [
        f"{kind.kind} {get_name(obj)}"
        for kind in AROUND
        for obj in await context.cluster.find(kind, namespace)
    ]
    if is_made_by_bot(live):
        items = [f"the namespace {namespace}, which this bot made, with all that is in it"]
        warnings = (f"With it go {', '.join(around)}.",) if around else ()
    else:
        items = [
            f"{len(found)} objects of Bookinfo in {namespace}; the namespace stays, for this bot did not make it"
        ]
        warnings = (f"These stay and lead nowhere: {', '.join(around)}.",) if around else ()
    items += [describe_object(obj) for obj in found if obj["kind"] == "Deployment"]
    digest = hashlib.sha256("\n".join((*items, *warnings)).encode()).hexdigest()[:16]
    return Plan("Bookinfo will be taken away.", tuple(items), warnings, "Take it away", digest)


async def remove_bookinfo(context: Context) -> Verdict:
    """Delete the application, wait, and check that it is gone."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    found = await find_existing_objects(context) if live is not None else []
    if not found and not is_made_by_bot(live):
        words = f"there is no Bookinfo in {namespace}; nothing was changed."
        return Verdict(State.DONE, words, next=suggest_commands(context, "bookinfo"))
    context.progress.say(f"taking Bookinfo away from {namespace}")
    ended = await background.stop_application_traffic(context, "Bookinfo was taken away")
    await delete_objects(context, found)
    if not is_made_by_bot(live):
        return Verdict(
            State.DONE,
            "Bookinfo is gone.",
            evidence=(f"{len(found)} objects deleted", *ended),
            next=suggest_commands(context, "bookinfo"),
        )
    for kind in AROUND:
        for obj in await context.cluster.find(kind, namespace):
            await context.cluster.delete(kind, get_name(obj), namespace)
    await context.cluster.delete(NAMESPACE, namespace)
    if not await namespaces.wait_until_gone(context, namespace):
        why = (
            await namespaces.find_deletion_blocker(context, namespace)
            or "something in it holds it by a finalizer"
        )
        words = f"namespace {namespace} is still being deleted."
        return Verdict(
            State.NOT_YET,
            words,
            f"{why}.",
            next=suggest_commands(context, "bookinfo off", "status"),
        )
    evidence = (f"{len(found)} objects deleted", f"namespace {namespace} is gone", *ended)
    return Verdict(
        State.DONE,
        "Bookinfo is gone.",
        evidence=evidence,
        next=suggest_commands(context, "bookinfo"),
    )
