"""Sidecars: the namespace's label, the restart that makes it count, and the proof by each pod's annotation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, NAMESPACE, POD, Object
from bot.knowledge import bookinfo
from bot.knowledge.deploying import restart
from bot.knowledge.removal import has_sidecar
from bot.knowledge.waiting import change
from bot.knowledge.workloads import FOLLOWED, counts, is_ready, labels, name, parts
from bot.ports import Part, View
from bot.steps import Context

LABEL = "istio-injection"
CONFLICTS = ("istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint")
"""Labels that mean another way into the mesh: beside them a pod's fate is hard to tell."""
OPT_OUT = "sidecar.istio.io/inject"


def refuses(workload: Object) -> bool:
    """True for a Deployment whose pods ask not to be injected, by label or (older) annotation."""
    meta = workload["spec"]["template"].get("metadata") or {}
    return "false" in ((meta.get("labels") or {}).get(OPT_OUT), (meta.get("annotations") or {}).get(OPT_OUT))


def native(pod: Object) -> bool:
    """True when the sidecar is an init container that goes on running (Istio 1.30 on kubelets from 1.33)."""
    return any(c.get("name") == "istio-proxy" for c in pod["spec"].get("initContainers") or [])


async def relabel(context: Context, *, on: bool) -> tuple[str, ...]:
    """Sets or removes the label, and when it is set takes conflicting ones off; what was changed, in words."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    held = labels(live) if live else {}
    if not on:
        wanted: dict[str, str | None] = {LABEL: None} if LABEL in held else {}
    else:
        wanted = {key: None for key in CONFLICTS if key in held}
        wanted |= {LABEL: "enabled"} if held.get(LABEL) != "enabled" else {}
    if wanted:
        await context.cluster.merge(NAMESPACE, namespace, "", {"metadata": {"labels": wanted}})
    return tuple(f"label {k}={v} set" if v else f"label {k} removed" for k, v in wanted.items())


@dataclass(frozen=True)
class Standing:
    """The application's workloads, their pods (also those that are on their way out), and what is not as wanted."""

    workloads: tuple[Object, ...]
    pods: tuple[Object, ...]
    on: bool

    def pods_of(self, workload: Object) -> list[Object]:
        """A workload's pods, also those that are being deleted."""
        wanted = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
        return [pod for pod in self.pods if wanted and wanted.items() <= labels(pod).items()]

    @property
    def to_restart(self) -> tuple[str, ...]:
        """Workloads with a pod that is not as wanted and not on its way out."""
        return tuple(
            name(w)
            for w in self.workloads
            if any(has_sidecar(p) != self.on and "deletionTimestamp" not in p["metadata"] for p in self.pods_of(w))
        )

    @property
    def settled(self) -> bool:
        """True when every workload is ready and no pod, not even an old one, is otherwise than wanted."""
        ready = all(map(is_ready, self.workloads))
        return ready and all(has_sidecar(pod) == self.on for w in self.workloads for pod in self.pods_of(w))

    @property
    def counted(self) -> tuple[int, int]:
        """Pods that are as wanted, and all."""
        pods = [pod for w in self.workloads for pod in self.pods_of(w)]
        return sum(has_sidecar(pod) == self.on for pod in pods), len(pods)


def standing(workloads: Sequence[Object], pods: Sequence[Object], *, on: bool) -> Standing:
    """Those workloads that sidecars concern: not the gateways that istiod runs, and none that refuses."""
    own = tuple(w for w in workloads if bookinfo.MANAGED not in labels(w) and not refuses(w))
    return Standing(own, tuple(pods), on)


async def now(context: Context, *, on: bool) -> Standing:
    """How it stands."""
    namespace = context.workshop.app_namespace
    pods = await context.cluster.find(POD, namespace)
    return standing(await bookinfo.workloads(context), pods, on=on)


async def roll(context: Context, *, on: bool) -> tuple[tuple[str, ...], list[Part]]:
    """Restarts what is not as wanted and watches until no old pod is left: what was restarted, and what lags."""
    namespace = context.workshop.app_namespace
    restarted = (await now(context, on=on)).to_restart
    for deployment in restarted:
        await restart(context, namespace, deployment)
    async with context.cluster.follow(namespace, *FOLLOWED) as view:
        try:
            async with asyncio.timeout(context.workshop.readiness_timeout):
                while not show(context, view, on=on).settled:
                    await change(context, view)
        except TimeoutError:
            return restarted, lagging(view, on=on)
    return restarted, []


def show(context: Context, view: View, *, on: bool) -> Standing:
    """Shows each workload's pods."""
    found = watched(view, on=on)
    shown = {name(w) for w in found.workloads}
    for part in parts(view, lambda workload: name(workload) in shown):
        context.progress.part(part)
    fine, total = found.counted
    context.progress.say(f"{fine} of {total} pods {'carry a sidecar' if on else 'are without sidecar'}")
    return found


def watched(view: View, *, on: bool) -> Standing:
    """How a followed namespace stands."""
    return standing(view.objects(DEPLOYMENT), view.objects(POD), on=on)


def lagging(view: View, *, on: bool) -> list[Part]:
    """The workloads that did not settle, with the reason."""
    found = watched(view, on=on)
    slow = {name(w) for w in found.workloads if not is_ready(w)}
    old = [(w, [p for p in found.pods_of(w) if has_sidecar(p) != on]) for w in found.workloads if name(w) not in slow]
    waits = parts(view, lambda workload: name(workload) in slow)
    leaving = [Part(name(w), *counts(w), f"old pod {name(pods[0])} is still there") for w, pods in old if pods]
    return [*waits, *leaving]
