"""Running an installation: istioctl runs while the pods of the mesh are watched and shown."""

from __future__ import annotations

import asyncio
from functools import partial

from bot.knowledge.istio import failures
from bot.knowledge.istio.istioctl import run_istioctl
from bot.knowledge.objects import namespaces
from bot.knowledge.objects.waiting import wait_for_change
from bot.knowledge.objects.workloads import FOLLOWED, build_parts, is_installed_by_istio
from bot.ports import WatchCache
from bot.steps import Context, Verdict
from bot.text import Text, verbatim


async def run_installation(context: Context, arguments: tuple[str, ...]) -> Verdict | None:
    """Run `istioctl install` while the pods are watched; return a verdict when it failed, else
    None.
    """
    if (
        held := await namespaces.wait_until_usable(context, context.workshop.mesh_namespace)
    ) is not None:
        return held
    context.progress.say(Text("installing Istio {version}", version=context.mesh.version))
    timeout = f"--readiness-timeout={context.workshop.readiness_timeout:.0f}s"
    async with context.cluster.follow(context.workshop.mesh_namespace, *FOLLOWED) as view:
        watching = asyncio.create_task(show_pods_until_cancelled(context, view))
        try:
            ended = await run_istioctl(
                context,
                ["install", "-y", timeout, *arguments],
                partial(show_install_progress, context),
            )
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if ended.code == 0:
            return None
        lagging = [part for part in build_parts(view, is_installed_by_istio) if not part.done]
        return failures.build_failure_verdict(
            context, code=ended.code, tail=ended.tail, lagging=lagging
        )


def show_install_progress(context: Context, line: str) -> None:
    """Show what istioctl says it is doing."""
    if "Processing resources for" in line:
        context.progress.say(verbatim(line.strip(" -").split(". Waiting")[0].rstrip(".")))


async def show_pods_until_cancelled(context: Context, view: WatchCache) -> None:
    """Show each workload's pods as they come, until cancelled."""
    while True:
        for part in build_parts(view, is_installed_by_istio):
            context.progress.part(part)
        await wait_for_change(context, view)
