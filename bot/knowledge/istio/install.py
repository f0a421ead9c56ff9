"""Running an installation: istioctl runs while the pods of the mesh are watched and shown."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bot.kinds import DAEMON_SET, DEPLOYMENT, Object
from bot.knowledge.istio import installation, istioctl_failures
from bot.knowledge.istio.istioctl_runs import run_istioctl
from bot.knowledge.objects import namespace_removal
from bot.knowledge.objects.waiting import wait_for_change
from bot.knowledge.objects.workloads import (
    FOLLOWED_KINDS,
    build_parts,
    get_name,
    is_installed_by_istio,
)
from bot.ports import WatchCache
from bot.steps import Context, Verdict
from bot.text import Listed, Text, verbatim

PRUNE_TIMEOUT = 60.0
"""Seconds in which what istioctl prunes is gone: a pod gets 30 to end (Kubernetes' default)."""


async def run_installation(context: Context, arguments: tuple[str, ...]) -> Verdict | None:
    """Run `istioctl install` while the pods are watched; return a verdict when it failed."""
    stuck = await namespace_removal.wait_until_usable(context, context.workshop.mesh_namespace)
    if stuck is not None:
        # Other things may have been changed before: only of istioctl it is known here.
        return replace(stuck, summary=Text("istioctl was not run."))
    context.progress.say(Text("installing Istio {version}", version=context.mesh.version))
    timeout = f"--readiness-timeout={context.workshop.readiness_timeout:.0f}s"
    async with context.cluster.follow(context.workshop.mesh_namespace, *FOLLOWED_KINDS) as view:
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
            await wait_until_pruned(context, view)
            return None
        lagging = [part for part in build_parts(view, is_installed_by_istio) if not part.done]
        return istioctl_failures.build_failure_verdict(context, ended, lagging)


async def wait_until_pruned(context: Context, view: WatchCache) -> None:
    """Wait until the workloads that istioctl prunes are gone, at most PRUNE_TIMEOUT seconds.

    It deletes them in the foreground: they stand there until their last pod has ended, and what is
    made anew under their name in the meantime goes with them.
    """
    if not (leaving := await installation.find_leaving_workloads(context)):
        return
    context.progress.say(Text("waiting until {names} is gone", names=Listed(leaving, "comma")))
    with suppress(TimeoutError):
        async with asyncio.timeout(min(PRUNE_TIMEOUT, context.workshop.readiness_timeout)):
            while {*leaving} & {*map(get_name, list_workloads(view))}:
                await wait_for_change(context, view)


def list_workloads(view: WatchCache) -> list[Object]:
    """Return the Deployments and DaemonSets of a followed namespace."""
    return [workload for kind in (DEPLOYMENT, DAEMON_SET) for workload in view.objects(kind)]


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
