"""Namespaces that are on their way out: waited for, and if they stay, what holds them in Kubernetes' own words."""

from __future__ import annotations

from bot.kinds import NAMESPACE, Object
from bot.knowledge.offers import offer
from bot.knowledge.waiting import until
from bot.knowledge.workloads import name
from bot.steps import Context, State, Verdict

PATIENCE = 180.0
"""Seconds that a namespace may take to go: one to three minutes on a busy cluster."""

HOLDS = ("NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure", "NamespaceDeletionDiscoveryFailure")
"""Conditions of a namespace that say what holds it (Kubernetes 1.20 and newer)."""


async def gone(context: Context, wanted: str) -> bool:
    """Waits until a namespace is gone, and shows what holds it; False when it is still there after PATIENCE."""

    def left(spaces: list[Object]) -> bool:
        there = [space for space in spaces if name(space) == wanted]
        if there and (why := held_by(there[0])):
            context.progress.say(f"waiting for namespace {wanted}: {why}")
        return not there

    return await until(context, "", PATIENCE, (NAMESPACE,), left)


def leaving(namespace: Object | None) -> bool:
    """True while a namespace is being deleted."""
    return namespace is not None and "deletionTimestamp" in namespace["metadata"]


async def holds(context: Context, wanted: str) -> str:
    """What holds a namespace that is being deleted, or ""."""
    live = await context.cluster.get(NAMESPACE, wanted)
    return held_by(live) if live else ""


def held_by(namespace: Object) -> str:
    """The same, of a namespace that was read."""
    found = (namespace.get("status") or {}).get("conditions") or []
    said = [str(c.get("message", "")) for c in found if c.get("type") in HOLDS and c.get("status") == "True"]
    return "; ".join(filter(None, said))


async def held(context: Context, wanted: str) -> Verdict | None:
    """Waits while a namespace that is to be used is being deleted; a verdict when it does not go."""
    if not leaving(await context.cluster.get(NAMESPACE, wanted)):
        return None
    context.progress.say(f"waiting until namespace {wanted}, which is being deleted, is gone")
    if await gone(context, wanted):
        return None
    why = await holds(context, wanted)
    return Verdict(
        State.NOT_YET,
        "nothing was changed.",
        f"namespace {wanted} is being deleted and does not go{f': {why}' if why else ''}. Whoever runs the cluster "
        "must let it go; then type it again.",
        next=offer(context, "install"),
    )
