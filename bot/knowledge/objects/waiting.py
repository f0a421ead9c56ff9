"""Waiting for a condition in the cluster, through its outages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence

from bot.errors import Throttled, Unavailable
from bot.kinds import Kind, Object
from bot.knowledge.objects.workloads import get_condition
from bot.ports import WatchCache
from bot.steps import Context
from bot.text import Text

REFUSED_SECONDS = 20.0
"""How long to wait for pods that admission refuses: a change that is on its way may still come."""
_REFUSAL = re.compile(
    r"violates PodSecurity|exceeded quota|failed quota|(maximum|minimum) \S+ usage per|"
    r"limit to request ratio|failed calling webhook .*service \"[^\"]+\" not found"
)
"""Words of Pod Security, ResourceQuotas, LimitRanges, and of webhooks whose Service is gone
(Kubernetes 1.36)."""


async def wait_for_change(context: Context, view: WatchCache) -> None:
    """Wait until something in the view changes, or show that the cluster does not answer."""
    try:
        await view.changed()
    except (Unavailable, Throttled) as problem:
        context.progress.say(
            Text("the cluster does not answer, trying again ({problem})", problem=problem.message)
        )


def shorten_when_refused(limit: asyncio.Timeout, end: float, waited: Sequence[Object]) -> None:
    """Shorten a time limit while admission refuses the pods of all workloads that are waited for.

    That lasts until somebody changes a label, a quota or a LimitRange. `end` is the loop's time at
    which the limit ends otherwise; it holds again when a workload is no longer refused.
    """
    refused = bool(waited) and all(map(is_refused, waited))
    early = min(end, asyncio.get_running_loop().time() + REFUSED_SECONDS)
    if not refused:
        limit.reschedule(end)
    elif limit.when() == end:
        limit.reschedule(early)


def is_refused(workload: Object) -> bool:
    """Tell whether a workload's pods are refused for good, by its condition."""
    failure = get_condition(workload, "ReplicaFailure")
    return failure.get("status") == "True" and bool(_REFUSAL.search(failure.get("message", "")))


async def wait_until(
    context: Context,
    namespace: str,
    seconds: float,
    kinds: tuple[Kind, ...],
    true: Callable[..., bool],
) -> bool:
    """Wait until `true(*objects of each kind)`; return False after `seconds`."""
    async with context.cluster.follow(namespace, *kinds) as view:
        try:
            async with asyncio.timeout(seconds):
                while not true(*(view.objects(kind) for kind in kinds)):
                    await wait_for_change(context, view)
        except TimeoutError:
            return False
    return True
