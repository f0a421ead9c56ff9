"""Sidecars: the labels that bring them, the restart that makes these take effect, and the proof by
each pod's annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, NAMESPACE, POD, Object
from bot.knowledge.bookinfo import app
from bot.knowledge.istio.injectors import (
    POD_LABEL,
    LabelChange,
    change_labels,
    choose_labels,
    find_injector,
    get_revision,
    read_injectors,
    select_noticed,
)
from bot.knowledge.istio.installation import REVISION
from bot.knowledge.objects.conflicts import ObjectConflict, require_confirmed
from bot.knowledge.objects.foreign_objects import is_foreign
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.namespace_labels import find_label_conflicts, relabel_namespace
from bot.knowledge.objects.workloads import (
    get_labels,
    get_name,
    is_being_deleted,
    is_ready,
    select_pods,
)
from bot.steps import Context
from bot.text import Listed, Text

OPT_OUT_KEY = POD_LABEL
TEMPLATES = "inject.istio.io/templates"
"""The annotation that names what the injector makes of a pod (Istio 1.23 and 1.30)."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a template by which a restart makes new pods, which have it too."""


def is_opted_out(workload: Object) -> bool:
    """Tell whether a Deployment's pods ask not to be injected, by label or (older) annotation."""
    meta = workload["spec"]["template"].get("metadata") or {}
    return "false" in (
        (meta.get("labels") or {}).get(OPT_OUT_KEY),
        (meta.get("annotations") or {}).get(OPT_OUT_KEY),
    )


def is_on_host_network(workload: Object) -> bool:
    """Tell whether a Deployment's pods are on the host's network, where nothing is injected."""
    return bool(workload["spec"]["template"]["spec"].get("hostNetwork"))


def is_injected_gateway(workload: Object) -> bool:
    """Tell whether a Deployment is a gateway whose proxy the injector fills in: without it, it is
    nothing.
    """
    meta = workload["spec"]["template"].get("metadata") or {}
    return "gateway" in str((meta.get("annotations") or {}).get(TEMPLATES, ""))


def is_left_out(workload: Object) -> bool:
    """Tell whether a namespace's labels do not concern a Deployment's pods."""
    return is_opted_out(workload) or is_on_host_network(workload) or is_injected_gateway(workload)


def has_native_sidecar(pod: Object) -> bool:
    """Tell whether the sidecar is an init container that goes on running.

    Istio 1.30 makes it one on kubelets from 1.33.
    """
    return any(c.get("name") == "istio-proxy" for c in pod["spec"].get("initContainers") or [])


async def set_injection_labels(context: Context, *, on: bool) -> tuple[Text, ...]:
    """Change the namespace's labels so that pods get sidecars, or none; return the changes.

    To have them `on` is asked about beforehand where others notice it; off is what off asks for,
    whoever set the labels, and the changes say who did.
    """
    if on:
        require_confirmed(context, (await find_noticed_labels(context)).conflict)
    change = choose_labels(await read_injectors(context), await read_labels(context), on=on)
    return await relabel_namespace(context, change)


@dataclass(frozen=True)
class NoticedLabels:
    """Labels in effect that are changed so that pods get sidecars, and what of them is others'.

    `revision` is that of the istiod that the pods leave, "" when they leave none.
    """

    change: LabelChange
    conflict: ObjectConflict | None
    revision: str = ""


async def find_noticed_labels(context: Context) -> NoticedLabels:
    """Return which labels in effect are changed so that pods get sidecars."""
    injectors, labels = await read_injectors(context), await read_labels(context)
    pods = await context.cluster.find(POD, context.workshop.app_namespace)
    change = select_noticed(
        injectors,
        labels,
        choose_labels(injectors, labels, on=True),
        captured=any(map(is_captured, pods)),
    )
    conflicts = await find_label_conflicts(context, change)
    left = get_revision(find_injector(injectors, labels, {})) if REVISION in change else ""
    return NoticedLabels(change, next(iter(conflicts), None), left)


async def find_removed_labels(context: Context) -> ObjectConflict | None:
    """Return the labels of others that bring sidecars and are removed from the namespace."""
    change = choose_labels(await read_injectors(context), await read_labels(context), on=False)
    return next(iter(await find_label_conflicts(context, change)), None)


async def find_foreign_restarts(context: Context, *, on: bool) -> list[Object]:
    """Return the Deployments beside Bookinfo's that others made and that have to restart."""
    state = await read_sidecar_state(context, on=on)
    return [
        each
        for each in state.workloads
        if get_name(each) in state.to_restart
        and get_name(each) not in app.BOOKINFO
        and is_foreign(each)
    ]


async def read_labels(context: Context) -> dict[str, str]:
    """Return the labels of the application's namespace."""
    live = await context.cluster.get(NAMESPACE, context.workshop.app_namespace)
    return get_labels(live) if live else {}


def get_template_labels(workload: Object) -> dict[str, str]:
    """Return the labels of a workload's pod template."""
    return (workload["spec"]["template"].get("metadata") or {}).get("labels") or {}


async def find_own_requests(context: Context) -> dict[str, tuple[str, ...]]:
    """Return the Deployments whose pods would be injected although the namespace is out, by labels
    of their own, and these labels.
    """
    injectors = await read_injectors(context)
    labels = await read_labels(context)
    outside = change_labels(labels, choose_labels(injectors, labels, on=False))
    found: dict[str, tuple[str, ...]] = {}
    for workload in await app.find_workloads(context):
        own = get_template_labels(workload)
        if not is_left_out(workload) and find_injector(injectors, outside, own):
            found[get_name(workload)] = tuple(k for k in (POD_LABEL, REVISION) if k in own)
    return found


async def withdraw_own_requests(context: Context) -> tuple[Text, ...]:
    """Take the labels out of pod templates by which pods ask for a sidecar themselves; return the
    changes.
    """
    done = []
    for name, keys in (await find_own_requests(context)).items():
        gone = {"metadata": {"labels": dict.fromkeys(keys)}}
        patch = {"spec": {"template": gone}}
        await context.cluster.merge(DEPLOYMENT, name, context.workshop.app_namespace, patch)
        done.append(
            Text(
                "{keys} taken out of the pods of Deployment {name}",
                keys=Listed(keys, "comma"),
                name=name,
            )
        )
    return tuple(done)


@dataclass(frozen=True)
class SidecarState:
    """The application's workloads and all their pods, compared with what is wanted.

    Pods that are being deleted are among them; `on` is whether sidecars are wanted, `revision` of
    which istiod, "" when that is not known.
    """

    workloads: tuple[Object, ...]
    pods: tuple[Object, ...]
    on: bool
    revision: str = ""

    def is_wanted(self, pod: Object) -> bool:
        """Tell whether a pod has a sidecar, or none, as wanted."""
        return has_sidecar(pod) == self.on

    def is_outdated(self, pod: Object) -> bool:
        """Tell whether a pod's sidecar is of another istiod than would inject it now."""
        told = get_annotations(pod).get(REVISION)
        return bool(self.on and self.revision and told and told != self.revision)

    def select_pods(self, workload: Object) -> list[Object]:
        """Return a workload's pods, also those that are being deleted."""
        return select_pods(self.pods, workload, with_terminating=True)

    @property
    def to_restart(self) -> tuple[str, ...]:
        """Workloads with a pod that is not as wanted, or has the sidecar of another istiod."""
        return tuple(
            get_name(w)
            for w in self.workloads
            if any(
                not is_being_deleted(pod) and (not self.is_wanted(pod) or self.is_outdated(pod))
                for pod in self.select_pods(w)
            )
        )

    @property
    def settled(self) -> bool:
        """True when nothing changes any more: every workload is ready, and all pods, even old ones,
        are as wanted, or one that is not has been made anew already.
        """
        return all(
            is_ready(w) and (bool(self.select_wrong_pods(w)) or not self.select_old_pods(w))
            for w in self.workloads
        )

    def select_old_pods(self, workload: Object) -> list[Object]:
        """Return the pods of a workload that are not as wanted, without new ones of another istiod,
        which no restart would change.
        """
        return [
            pod
            for pod in self.select_pods(workload)
            if not self.is_wanted(pod)
            or (self.is_outdated(pod) and not is_made_anew(pod, workload))
        ]

    def select_wrong_pods(self, workload: Object) -> list[Object]:
        """Return the pods of a workload that were made anew and are still not as wanted."""
        return [
            pod
            for pod in self.select_pods(workload)
            if not self.is_wanted(pod) and is_made_anew(pod, workload) and not is_being_deleted(pod)
        ]

    @property
    def counted(self) -> tuple[int, int]:
        """The number of pods that are as wanted, and of all."""
        pods = [pod for w in self.workloads for pod in self.select_pods(w)]
        return sum(map(self.is_wanted, pods)), len(pods)


def get_annotations(obj: Object) -> dict[str, str]:
    """Return an object's annotations."""
    return obj["metadata"].get("annotations") or {}


def is_made_anew(pod: Object, workload: Object) -> bool:
    """Tell whether a pod is of the last restart of its workload."""
    template = workload["spec"]["template"].get("metadata") or {}
    mark = (template.get("annotations") or {}).get(RESTARTED)
    return bool(mark) and get_annotations(pod).get(RESTARTED) == mark


def build_sidecar_state(
    workloads: Sequence[Object], pods: Sequence[Object], *, on: bool, revision: str = ""
) -> SidecarState:
    """Return the state of the workloads that injection concerns.

    Those are neither gateways of istiod nor workloads that are never injected.
    """
    own = tuple(w for w in workloads if app.MANAGED not in get_labels(w) and not is_left_out(w))
    return SidecarState(own, tuple(pods), on, revision)


async def read_sidecar_state(context: Context, *, on: bool) -> SidecarState:
    """Read the state of the sidecars from the cluster."""
    namespace = context.workshop.app_namespace
    pods = await context.cluster.find(POD, namespace)
    revision = await read_wanted_revision(context) if on else ""
    return build_sidecar_state(await app.find_workloads(context), pods, on=on, revision=revision)


async def read_wanted_revision(context: Context) -> str:
    """Return the revision whose istiod injects the namespace's pods now; "" when none does."""
    labels = await read_labels(context)
    return get_revision(find_injector(await read_injectors(context), labels, {}))
