"""Carrying an installation out: istioctl runs while the pods of the mesh are watched and shown."""

from __future__ import annotations

import asyncio
from functools import partial

from bot.knowledge import namespaces, setbacks
from bot.knowledge.running import istioctl
from bot.knowledge.waiting import change
from bot.knowledge.workloads import FOLLOWED, of_the_mesh, parts
from bot.ports import View
from bot.steps import Context, Verdict


async def carry_out(context: Context, arguments: tuple[str, ...]) -> Verdict | None:
    """Runs istioctl while the pods are watched; a verdict when it failed."""
    if (held := await namespaces.held(context, context.workshop.mesh_namespace)) is not None:
        return held
    context.progress.say(f"installing Istio {context.mesh.version}")
    timeout = f"--readiness-timeout={context.workshop.readiness_timeout:.0f}s"
    async with context.cluster.follow(context.workshop.mesh_namespace, *FOLLOWED) as view:
        watching = asyncio.create_task(show(context, view))
        try:
            ended = await istioctl(context, ["install", "-y", timeout, *arguments], partial(tell, context))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if ended.code == 0:
            return None
        lagging = [part for part in parts(view, of_the_mesh) if not part.done]
        return setbacks.failed(context, code=ended.code, tail=ended.tail, lagging=lagging)


def tell(context: Context, line: str) -> None:
    """Shows what istioctl says it is doing."""
    if "Processing resources for" in line:
        context.progress.say(line.strip(" -").split(". Waiting")[0].rstrip("."))


async def show(context: Context, view: View) -> None:
    """Shows each workload's pods as they come, until cancelled."""
    while True:
        for part in parts(view, of_the_mesh):
            context.progress.part(part)
        await change(context, view)
