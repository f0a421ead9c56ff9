"""Waiting for a condition in the cluster, through its outages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.errors import Throttled, Unavailable
from bot.kinds import Kind
from bot.ports import WatchCache
from bot.steps import Context
from bot.text import Text


async def wait_for_change(context: Context, view: WatchCache) -> None:
    """Wait until something in the view changes; while the cluster does not answer, show that
    and return.
    """
    try:
        await view.changed()
    except (Unavailable, Throttled) as problem:
        context.progress.say(
            Text("the cluster does not answer, trying again ({problem})", problem=problem.message)
        )


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
