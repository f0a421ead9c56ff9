"""Sidecars: the namespace's label, the restart that makes it take effect, and the proof by
each pod's annotation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, NAMESPACE, POD, Object
from bot.knowledge.bookinfo import app
from bot.knowledge.objects.apply import restart_deployment
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.waiting import wait_for_change
from bot.knowledge.objects.workloads import (
    FOLLOWED,
    build_parts,
    count_ready_pods,
    get_labels,
    get_name,
    is_ready,
)
from bot.ports import Part, WatchCache
from bot.steps import Context
from bot.text import Text, verbatim

LABEL = "istio-injection"
CONFLICTS = ("istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint")
"""Labels that mean another way into the mesh: beside them a pod's fate is hard to tell."""
OPT_OUT = "sidecar.istio.io/inject"


def is_opted_out(workload: Object) -> bool:
    """Tell whether a Deployment's pods ask not to be injected, by label or (older) annotation."""
    meta = workload["spec"]["template"].get("metadata") or {}
    return "false" in (
        (meta.get("labels") or {}).get(OPT_OUT),
        (meta.get("annotations") or {}).get(OPT_OUT),
    )


def has_native_sidecar(pod: Object) -> bool:
    """Tell whether the sidecar is an init container that goes on running (Istio 1.30 on
    kubelets from 1.33).
    """
    return any(c.get("name") == "istio-proxy" for c in pod["spec"].get("initContainers") or [])


async def set_injection_label(context: Context, *, on: bool) -> tuple[Text, ...]:
    """Set or remove the label, removing conflicting ones when it is set; return the changes in
    words.
    """
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    held = get_labels(live) if live else {}
    if not on:
        wanted: dict[str, str | None] = {LABEL: None} if LABEL in held else {}
    else:
        wanted = {key: None for key in CONFLICTS if key in held}
        wanted |= {LABEL: "enabled"} if held.get(LABEL) != "enabled" else {}
    if wanted:
        await context.cluster.merge(NAMESPACE, namespace, "", {"metadata": {"labels": wanted}})
    return tuple(
        Text("label {k}={v} set", k=k, v=v) if v else Text("label {k} removed", k=k)
        for k, v in wanted.items()
    )


@dataclass(frozen=True)
class SidecarState:
    """The application's workloads and all their pods (also those being deleted), compared with
    what is wanted.
    """

    workloads: tuple[Object, ...]
    pods: tuple[Object, ...]
    on: bool

    def select_pods(self, workload: Object) -> list[Object]:
        """Return a workload's pods, also those that are being deleted."""
        wanted = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
        return [pod for pod in self.pods if wanted and wanted.items() <= get_labels(pod).items()]

    @property
    def to_restart(self) -> tuple[str, ...]:
        """Workloads with a pod that is not as wanted and not being deleted."""
        return tuple(
            get_name(w)
            for w in self.workloads
            if any(
                has_sidecar(p) != self.on and "deletionTimestamp" not in p["metadata"]
                for p in self.select_pods(w)
            )
        )

    @property
    def settled(self) -> bool:
        """True when every workload is ready and all pods, even old ones, are as wanted."""
        ready = all(map(is_ready, self.workloads))
        return ready and all(
            has_sidecar(pod) == self.on for w in self.workloads for pod in self.select_pods(w)
        )

    @property
    def counted(self) -> tuple[int, int]:
        """The number of pods that are as wanted, and of all."""
        pods = [pod for w in self.workloads for pod in self.select_pods(w)]
        return sum(has_sidecar(pod) == self.on for pod in pods), len(pods)


def build_sidecar_state(
    workloads: Sequence[Object], pods: Sequence[Object], *, on: bool
) -> SidecarState:
    """Return the state of the workloads that injection concerns: no gateways of istiod, and
    none that opted out.
    """
    own = tuple(w for w in workloads if app.MANAGED not in get_labels(w) and not is_opted_out(w))
    return SidecarState(own, tuple(pods), on)


async def read_sidecar_state(context: Context, *, on: bool) -> SidecarState:
    """Read the state of the sidecars from the cluster."""
    namespace = context.workshop.app_namespace
    pods = await context.cluster.find(POD, namespace)
    return build_sidecar_state(await app.find_workloads(context), pods, on=on)


async def restart_workloads(context: Context, *, on: bool) -> tuple[tuple[str, ...], list[Part]]:
    """Restart the workloads that are not as wanted, and watch until no old pod is left.

    Returns the restarted workloads, and those that lag.
    """
    namespace = context.workshop.app_namespace
    restarted = (await read_sidecar_state(context, on=on)).to_restart
    for deployment in restarted:
        await restart_deployment(context, namespace, deployment)
    async with context.cluster.follow(namespace, *FOLLOWED) as view:
        try:
            async with asyncio.timeout(context.workshop.readiness_timeout):
                while not show_rollout(context, view, on=on).settled:
                    await wait_for_change(context, view)
        except TimeoutError:
            return restarted, list_lagging_workloads(view, on=on)
    return restarted, []


def show_rollout(context: Context, view: WatchCache, *, on: bool) -> SidecarState:
    """Show each workload's pods, and return the state of the sidecars."""
    found = view_sidecar_state(view, on=on)
    shown = {get_name(w) for w in found.workloads}
    for part in build_parts(view, lambda workload: get_name(workload) in shown):
        context.progress.part(part)
    fine, total = found.counted
    context.progress.say(
        Text("{fine} of {total} pods carry a sidecar", fine=fine, total=total)
        if on
        else Text("{fine} of {total} pods are without sidecar", fine=fine, total=total)
    )
    return found


def view_sidecar_state(view: WatchCache, *, on: bool) -> SidecarState:
    """Return the state of the sidecars in a followed namespace."""
    return build_sidecar_state(view.objects(DEPLOYMENT), view.objects(POD), on=on)


def list_lagging_workloads(view: WatchCache, *, on: bool) -> list[Part]:
    """Return the workloads that did not settle, with the reason."""
    found = view_sidecar_state(view, on=on)
    slow = {get_name(w) for w in found.workloads if not is_ready(w)}
    old = [
        (w, [p for p in found.select_pods(w) if has_sidecar(p) != on])
        for w in found.workloads
        if get_name(w) not in slow
    ]
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
