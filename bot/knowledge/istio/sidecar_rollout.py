"""The restart of workloads that makes new pods with sidecars, or without, watched to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, POD
from bot.knowledge.istio.injectors import find_injector, read_injectors
from bot.knowledge.istio.sidecars import (
    SidecarState,
    build_sidecar_state,
    read_labels,
    read_sidecar_state,
)
from bot.knowledge.objects.apply import restart_deployment
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.waiting import shorten_when_refused, wait_for_change
from bot.knowledge.objects.workloads import (
    FOLLOWED_KINDS,
    build_parts,
    count_ready_pods,
    get_labels,
    get_name,
    is_ready,
)
from bot.ports import Part, WatchCache
from bot.steps import Context
from bot.text import Listed, Text, counted, verbatim


@dataclass(frozen=True)
class RestartResult:
    """Result of a restart: the workloads that were restarted, those that lag behind, and pods that
    were made anew and are still not as wanted.
    """

    restarted: tuple[str, ...]
    lagging: tuple[Part, ...] = ()
    unchanged: tuple[str, ...] = ()


async def restart_workloads(context: Context, *, on: bool) -> RestartResult:
    """Restart the workloads that are not as wanted, and watch until no old pod is left."""
    namespace = context.workshop.app_namespace
    found = await read_sidecar_state(context, on=on)
    restarted = found.to_restart
    for deployment in restarted:
        await restart_deployment(context, namespace, deployment)
    async with context.cluster.follow(namespace, *FOLLOWED_KINDS) as view:
        end = asyncio.get_running_loop().time() + context.workshop.readiness_timeout
        try:
            async with asyncio.timeout_at(end) as limit:
                while not (found := show_rollout(context, view, found)).settled:
                    shorten_when_refused(
                        limit, end, [w for w in found.workloads if not is_ready(w)]
                    )
                    await wait_for_change(context, view)
        except TimeoutError:
            return RestartResult(restarted, tuple(list_lagging_workloads(view, found)))
    wrong = [p for w in found.workloads for p in found.select_wrong_pods(w)]
    return RestartResult(restarted, (), tuple(map(get_name, wrong)))


async def explain_unchanged_pods(context: Context, names: Sequence[str], *, on: bool) -> Text:
    """Return why pods that were made anew still have a sidecar, or still have none."""
    injectors, labels = await read_injectors(context), await read_labels(context)
    found = await context.cluster.find(POD, context.workshop.app_namespace)
    pod = next((pod for pod in found if get_name(pod) in names), None)
    by = find_injector(injectors, labels, get_labels(pod) if pod else {})
    listed = Listed(names, "comma")
    if not on and by is not None:
        return counted(
            "{pods} is new and got a sidecar again: {webhook} takes it",
            "{pods} are new and got a sidecar again: {webhook} takes them",
            n=len(names),
            pods=listed,
            webhook=describe_object(by),
        )
    if not on:
        return counted(
            "{pods} is new and got a sidecar again, though no injector takes it: something else "
            "changes pods when they are made",
            "{pods} are new and got a sidecar again, though no injector takes them: something else "
            "changes pods when they are made",
            n=len(names),
            pods=listed,
        )
    if by is None:
        return counted(
            "{pods} is new and has no sidecar: no injector takes it",
            "{pods} are new and have no sidecar: no injector takes them",
            n=len(names),
            pods=listed,
        )
    return counted(
        "{pods} is new and has no sidecar, although {webhook} takes it: istiod did not answer, or "
        "left it out",
        "{pods} are new and have no sidecar, although {webhook} takes them: istiod did not answer, "
        "or left them out",
        n=len(names),
        pods=listed,
        webhook=describe_object(by),
    )


def show_rollout(context: Context, view: WatchCache, wanted: SidecarState) -> SidecarState:
    """Show each workload's pods, and return the state of the sidecars; what is `wanted` stays."""
    found = build_sidecar_state(
        view.objects(DEPLOYMENT), view.objects(POD), on=wanted.on, revision=wanted.revision
    )
    shown = {get_name(w) for w in found.workloads}
    for part in build_parts(view, lambda workload: get_name(workload) in shown):
        context.progress.part(part)
    as_wanted, total = found.counted
    context.progress.say(
        Text("{count} of {total} pods carry a sidecar", count=as_wanted, total=total)
        if found.on
        else Text("{count} of {total} pods are without sidecar", count=as_wanted, total=total)
    )
    return found


def list_lagging_workloads(view: WatchCache, found: SidecarState) -> list[Part]:
    """Return the workloads that did not settle, with the reason."""
    slow = {get_name(w) for w in found.workloads if not is_ready(w)}
    old = [(w, found.select_old_pods(w)) for w in found.workloads if get_name(w) not in slow]
    waits = build_parts(view, lambda workload: get_name(workload) in slow)
    leaving = [
        Part(
            verbatim(get_name(w)),
            *count_ready_pods(w),
            Text("old pod {name} is still there", name=get_name(pods[0])),
        )
        for w, pods in old
        if pods
    ]
    return [*waits, *leaving]
