"""Taking Bookinfo away: the namespace when this bot made it, otherwise only the sample's own objects."""

from __future__ import annotations

import hashlib

from bot.kinds import DESTINATION_RULE, GATEWAY, HTTP_ROUTE, NAMESPACE, VIRTUAL_SERVICE, Object
from bot.knowledge import bookinfo, namespaces, standing
from bot.knowledge.deploying import remove, served
from bot.knowledge.installation import called
from bot.knowledge.offers import offer
from bot.knowledge.workloads import labels, name
from bot.steps import Context, Plan, State, Verdict

AROUND = (GATEWAY, HTTP_ROUTE, VIRTUAL_SERVICE, DESTINATION_RULE)
"""What later steps put beside the application."""


def ours(namespace: Object | None) -> bool:
    """True for a namespace that this bot made."""
    return namespace is not None and bookinfo.MADE_BY.items() <= labels(namespace).items()


async def there(context: Context) -> list[Object]:
    """The sample's objects that are in the namespace."""
    found = []
    for obj in await bookinfo.objects(context):
        live = await context.cluster.get(await served(context, obj), name(obj), context.workshop.app_namespace)
        found += [obj] if live is not None else []
    return found


async def plan(context: Context) -> Plan | None:
    """What would go; nothing to ask when nothing is there."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    found = await there(context) if live is not None else []
    if not found and not ours(live):
        return None
    around = [f"{kind.kind} {name(obj)}" for kind in AROUND for obj in await context.cluster.find(kind, namespace)]
    if ours(live):
        items = [f"the namespace {namespace}, which this bot made, with all that is in it"]
        warnings = (f"With it go {', '.join(around)}.",) if around else ()
    else:
        items = [f"{len(found)} objects of Bookinfo in {namespace}; the namespace stays, for this bot did not make it"]
        warnings = (f"These stay and lead nowhere: {', '.join(around)}.",) if around else ()
    items += [called(obj) for obj in found if obj["kind"] == "Deployment"]
    digest = hashlib.sha256("\n".join((*items, *warnings)).encode()).hexdigest()[:16]
    return Plan("Bookinfo will be taken away.", tuple(items), warnings, "Take it away", digest)


async def run(context: Context) -> Verdict:
    """Deletes, waits, and looks again."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    found = await there(context) if live is not None else []
    if not found and not ours(live):
        words = f"there is no Bookinfo in {namespace}; nothing was changed."
        return Verdict(State.DONE, words, next=offer(context, "bookinfo"))
    context.progress.say(f"taking Bookinfo away from {namespace}")
    ended = await standing.traffic_ends(context, "Bookinfo was taken away")
    await remove(context, found)
    if not ours(live):
        return Verdict(
            State.DONE,
            "Bookinfo is gone.",
            evidence=(f"{len(found)} objects deleted", *ended),
            next=offer(context, "bookinfo"),
        )
    for kind in AROUND:
        for obj in await context.cluster.find(kind, namespace):
            await context.cluster.delete(kind, name(obj), namespace)
    await context.cluster.delete(NAMESPACE, namespace)
    if not await namespaces.gone(context, namespace):
        why = await namespaces.holds(context, namespace) or "something in it holds it by a finalizer"
        words = f"namespace {namespace} is still being deleted."
        return Verdict(State.NOT_YET, words, f"{why}.", next=offer(context, "bookinfo off", "status"))
    evidence = (f"{len(found)} objects deleted", f"namespace {namespace} is gone", *ended)
    return Verdict(State.DONE, "Bookinfo is gone.", evidence=evidence, next=offer(context, "bookinfo"))
