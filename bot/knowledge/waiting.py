"""Waiting for the cluster to become something, through its outages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bot.errors import Throttled, Unavailable
from bot.kinds import Kind
from bot.ports import View
from bot.steps import Context


async def change(context: Context, view: View) -> None:
    """Returns after a change; while the cluster does not answer, says so and goes on waiting."""
    try:
        await view.changed()
    except (Unavailable, Throttled) as problem:
        context.progress.say(f"the cluster does not answer, trying again ({problem})")


async def until(
    context: Context, namespace: str, seconds: float, kinds: tuple[Kind, ...], true: Callable[..., bool]
) -> bool:
    """Waits until `true(*objects of each kind)`; False when it takes longer than that."""
    async with context.cluster.follow(namespace, *kinds) as view:
        try:
            async with asyncio.timeout(seconds):
                while not true(*(view.objects(kind) for kind in kinds)):
                    await change(context, view)
        except TimeoutError:
            return False
    return True
