"""Namespaces that are being deleted: waiting for them, and naming what blocks the
deletion, in Kubernetes' own words.
"""

from __future__ import annotations

from bot.kinds import NAMESPACE, Object
from bot.knowledge.objects.suggestions import describe_standstill, suggest_commands
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_name
from bot.steps import Context, State, Verdict
from bot.text import Text

DELETION_TIMEOUT = 180.0
"""Seconds that a namespace may take to go: one to three minutes on a busy cluster."""

BLOCKING_CONDITIONS = (
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionDiscoveryFailure",
)
"""Conditions of a namespace that say what blocks its deletion (Kubernetes 1.20 and newer)."""


async def wait_until_gone(context: Context, wanted: str) -> bool:
    """Wait until a namespace is gone, and show what blocks it.

    Returns False when it is still there after DELETION_TIMEOUT.
    """

    def is_gone(spaces: list[Object]) -> bool:
        there = [space for space in spaces if get_name(space) == wanted]
        if there and (why := describe_deletion_blocker(there[0])):
            context.progress.say(
                Text("waiting for namespace {wanted}: {why}", wanted=wanted, why=why)
            )
        return not there

    return await wait_until(context, "", DELETION_TIMEOUT, (NAMESPACE,), is_gone)


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
    messages = [
        str(c.get("message", ""))
        for c in found
        if c.get("type") in BLOCKING_CONDITIONS and c.get("status") == "True"
    ]
    return "; ".join(filter(None, messages))


async def wait_until_usable(context: Context, wanted: str) -> Verdict | None:
    """Wait while a namespace is being deleted; return a verdict when it does not go."""
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
        describe_standstill(context),
        explain_stuck_deletion(wanted, why),
        next=suggest_commands(context, "install"),
    )


def explain_stuck_deletion(namespace: str, why: str) -> Text:
    """Return who must act when a namespace does not go; `why` is "" when that is not known."""
    if not why:
        return Text(
            "namespace {namespace} is being deleted and does not go. The cluster's administrator "
            "must let it go; then type it again.",
            namespace=namespace,
        )
    return Text(
        "namespace {namespace} is being deleted and does not go: {why}. The cluster's "
        "administrator must let it go; then type it again.",
        namespace=namespace,
        why=why,
    )
