"""Namespaces that are being deleted: waiting for them, and naming what blocks the
deletion, in Kubernetes' own words.
"""

from __future__ import annotations

from bot.kinds import NAMESPACE, Object
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_name
from bot.steps import Context, State, Verdict
from bot.text import Text

PATIENCE = 180.0
"""Seconds that a namespace may take to go: one to three minutes on a busy cluster."""

HOLDS = (
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionDiscoveryFailure",
)
"""Conditions of a namespace that say what holds it (Kubernetes 1.20 and newer)."""


async def wait_until_gone(context: Context, wanted: str) -> bool:
    """Wait until a namespace is gone, and show what blocks it; return False when it is still
    there after PATIENCE.
    """

    def left(spaces: list[Object]) -> bool:
        there = [space for space in spaces if get_name(space) == wanted]
        if there and (why := describe_deletion_blocker(there[0])):
            context.progress.say(
                Text("waiting for namespace {wanted}: {why}", wanted=wanted, why=why)
            )
        return not there

    return await wait_until(context, "", PATIENCE, (NAMESPACE,), left)


def is_terminating(namespace: Object | None) -> bool:
    """Tell whether a namespace is being deleted."""
    return namespace is not None and "deletionTimestamp" in namespace["metadata"]


async def find_deletion_blocker(context: Context, wanted: str) -> str:
    """Read a namespace and return what blocks its deletion, or ""."""
    live = await context.cluster.get(NAMESPACE, wanted)
    return describe_deletion_blocker(live) if live else ""


def describe_deletion_blocker(namespace: Object) -> str:
    """Return what blocks a namespace's deletion, by its conditions, or ""."""
    found = (namespace.get("status") or {}).get("conditions") or []
    said = [
        str(c.get("message", ""))
        for c in found
        if c.get("type") in HOLDS and c.get("status") == "True"
    ]
    return "; ".join(filter(None, said))


async def wait_until_usable(context: Context, wanted: str) -> Verdict | None:
    """Wait while a namespace is being deleted; return a verdict when it does not go, else
    None.
    """
    if not is_terminating(await context.cluster.get(NAMESPACE, wanted)):
        return None
    context.progress.say(
        Text("waiting until namespace {wanted}, which is being deleted, is gone", wanted=wanted)
    )
    if await wait_until_gone(context, wanted):
        return None
    why = await find_deletion_blocker(context, wanted)
    return Verdict(
        State.NOT_YET,
        Text("nothing was changed."),
        Text(
            "namespace {wanted} is being deleted and does not go{what}. Whoever runs the cluster "
            "must let it go; then type it again.",
            wanted=wanted,
            what=(f": {why}" if why else ""),
        ),
        next=suggest_commands(context, "install"),
    )
