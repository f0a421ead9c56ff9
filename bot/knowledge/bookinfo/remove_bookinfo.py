"""Removing Bookinfo: the namespace when this bot made it, otherwise only the sample's own
objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bot.kinds import DESTINATION_RULE, GATEWAY, HTTP_ROUTE, NAMESPACE, VIRTUAL_SERVICE, Object
from bot.knowledge.bookinfo import app, background
from bot.knowledge.objects import namespace_removal
from bot.knowledge.objects.apply import delete_objects
from bot.knowledge.objects.conflicts import judge_deletion
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.foreign_objects import warn_about_foreign_objects
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.knowledge.objects.writes import get_live
from bot.steps import Context, Plan, State, Verdict
from bot.text import Listed, Text, counted, in_context, verbatim

ADDED_KINDS = (GATEWAY, HTTP_ROUTE, VIRTUAL_SERVICE, DESTINATION_RULE)
"""Kinds that later steps add to the application's namespace."""


def is_made_by_bot(namespace: Object | None) -> bool:
    """Tell whether this bot made the namespace."""
    return namespace is not None and app.MADE_BY.items() <= get_labels(namespace).items()


async def find_existing_objects(context: Context) -> list[Object]:
    """Return the objects in the namespace that the sample has too."""
    found = [await get_live(context, obj) for obj in await app.load_objects(context)]
    return [obj for obj in found if obj is not None]


async def plan_removal(context: Context) -> Plan | None:
    """Return what would be removed, or None when nothing is there."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    found = await find_existing_objects(context) if live is not None else []
    if not found and not is_made_by_bot(live):
        return None
    added = [
        f"{kind.kind} {get_name(obj)}"
        for kind in ADDED_KINDS
        for obj in await context.cluster.find(kind, namespace)
    ]
    if is_made_by_bot(live):
        what = Text(
            "the namespace {namespace}, which this bot made, with all that is in it",
            namespace=namespace,
        )
        going = Listed(added, "comma")
        warnings = [Text("With it go {objects}.", objects=going)] if added else []
        warnings += await warn_about_foreign_objects(context, namespace)
    else:
        what = counted(
            "{n} object of Bookinfo in {namespace}; the namespace stays, for this bot did not "
            "make it",
            "{n} objects of Bookinfo in {namespace}; the namespace stays, for this bot did not "
            "make it",
            n=len(found),
            namespace=namespace,
        )
        warnings = warn_about_rest(found, added)
    deployments = (obj for obj in found if obj["kind"] == "Deployment")
    items = (what, *(verbatim(describe_object(obj)) for obj in deployments))
    return Plan(
        Text("Bookinfo will be taken away."),
        items,
        tuple(warnings),
        in_context("button", "Take it away"),
        hash_plan(*items, *warnings),
    )


def warn_about_rest(found: Sequence[Object], added: Sequence[str]) -> list[Text]:
    """Return warnings about what others set in the objects that go, and about those that stay."""
    warnings = list[Text]()
    if others := [conflict for obj in found if (conflict := judge_deletion(obj))]:
        named = Listed([conflict.object for conflict in others], "comma")
        managers = {manager: None for conflict in others for manager in conflict.managers}
        setters = Listed(managers, "comma") if managers else Text("somebody unknown")
        warnings.append(Text("{managers} set: {objects}.", managers=setters, objects=named))
    if added:
        staying = Listed(added, "comma")
        warnings.append(Text("These stay and lead nowhere: {objects}.", objects=staying))
    return warnings


def hash_plan(*said: Text) -> str:
    """Return a digest that changes when the plan says something else."""
    return hashlib.sha256("\n".join(map(str, said)).encode()).hexdigest()[:16]


async def remove_bookinfo(context: Context) -> Verdict:
    """Delete the application, wait, and check that it is gone."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    found = await find_existing_objects(context) if live is not None else []
    if not found and not is_made_by_bot(live) and context.resumed:
        return build_gone_verdict(context)
    if not found and not is_made_by_bot(live):
        return Verdict(
            State.DONE,
            Text("there is no Bookinfo in {namespace}; nothing was changed.", namespace=namespace),
            next=suggest_commands(context, "bookinfo"),
        )
    context.progress.say(Text("taking Bookinfo away from {namespace}", namespace=namespace))
    # Streams and schedules first: their requests would only fail while the pods go.
    ended = await background.stop_application_traffic(context, Text("Bookinfo was taken away"))
    await delete_objects(context, found)
    deleted = counted("{n} object deleted", "{n} objects deleted", n=len(found))
    if not is_made_by_bot(live):
        return build_gone_verdict(context, deleted, *ended)
    for kind in ADDED_KINDS:
        for obj in await context.cluster.find(kind, namespace):
            await context.cluster.delete(kind, get_name(obj), namespace)
    await context.cluster.delete(NAMESPACE, namespace)
    if not await namespace_removal.wait_until_gone(context, namespace):
        return await explain_remaining_namespace(context)
    gone = Text("namespace {namespace} is gone", namespace=namespace)
    return build_gone_verdict(context, deleted, gone, *ended)


def build_gone_verdict(context: Context, *evidence: Text) -> Verdict:
    """Return the verdict when Bookinfo was removed."""
    return Verdict(
        State.DONE,
        Text("Bookinfo is gone."),
        evidence=evidence,
        next=suggest_commands(context, "bookinfo"),
    )


async def explain_remaining_namespace(context: Context) -> Verdict:
    """Return the verdict when the namespace is not gone in time, with what blocks it."""
    namespace = context.workshop.app_namespace
    blocker = await namespace_removal.find_deletion_blocker(context, namespace)
    return Verdict(
        State.NOT_YET,
        Text("namespace {namespace} is still being deleted.", namespace=namespace),
        Text("{cause}.", cause=blocker)
        if blocker
        else Text("something in it holds it by a finalizer."),
        next=suggest_commands(context, "bookinfo off", "status"),
    )
