"""Causes that keep pods from being set up on their node, from being placed at all, and from going
away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.causes.ambient import is_lacking
from bot.diagnosis.facts import describe, show_field, show_newest
from bot.diagnosis.mesh_state import NamespaceState, get_age, list_events_about
from bot.diagnosis.reasons import (
    CONSEQUENCES,
    SLOW_START,
    find_owner,
    list_container_troubles,
    list_unready_pods,
    name_owner,
    parse_moment,
)
from bot.kinds import DEPLOYMENT, POD, Object
from bot.knowledge.objects.workloads import get_condition, get_labels, get_name
from bot.text import Text, verbatim

SANDBOX = "FailedCreatePodSandBox"
"""The kubelet's event when a pod's network cannot be set up, or its sandbox not be made (1.36)."""
DEFAULT_SCHEDULER = "default-scheduler"
ROOT = "non-root policy", "will run as root"
"""Words of the kubelet about a container that must not run as root (1.36)."""


def find_sandbox_failing(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods whose sandbox the runtime cannot make, mostly since the pod network refuses."""
    seen: set[str] = set()
    for pod in list_unready_pods(state):
        events = [
            e
            for e in list_events_about(state, pod)
            if e.get("reason") == SANDBOX and not waits_for_mesh(state, e)
        ]
        owner = find_owner(state, pod)
        key = get_name(owner) if owner else get_name(pod)
        # Once the sandbox is there, what was said of it is past.
        if not events or (pod.get("status") or {}).get("podIP") or key in seen:
            continue
        seen.add(key)
        node = str(pod["spec"].get("nodeName") or "?")
        yield Finding(
            Text(
                "{workload} cannot start on {node}: the node cannot set up its network (CNI).",
                workload=key,
                node=node,
            ),
            tuple(show_newest(events)),
            Fix(line=f"kubectl describe pod {get_name(pod)} -n {pod['metadata']['namespace']}"),
            name_owner(state, pod),
        )


def waits_for_mesh(state: NamespaceState, event: Object) -> bool:
    """Tell whether it is istio-cni that refuses, while it or ztunnel does not run: that is a cause
    of its own."""
    own = 'plugin type="istio-cni"' in str(event.get("message", ""))
    return own and (
        is_lacking(state.shared.cni) or (state.is_ambient and is_lacking(state.shared.ztunnel))
    )


def find_unplaced(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that nobody places: a gate holds them, or their scheduler or node is not there."""
    for pod in list_unready_pods(state):
        spec, name = pod["spec"], get_name(pod)
        placed = get_condition(pod, "PodScheduled")
        if placed.get("reason") == "SchedulingGated":
            gates = [str(each.get("name")) for each in spec.get("schedulingGates") or []]
            yield build_unplaced(
                state,
                pod,
                Text("{pod} is held by a gate, and is placed nowhere.", pod=name),
                show_field(pod, "spec.schedulingGates", ", ".join(gates)),
            )
        elif placed or get_age(state, pod) <= SLOW_START:
            continue
        elif not spec.get("nodeName"):
            scheduler = str(spec.get("schedulerName", DEFAULT_SCHEDULER))
            yield build_unplaced(
                state,
                pod,
                Text(
                    "{pod} is for scheduler {scheduler}, and none has looked at it.",
                    pod=name,
                    scheduler=scheduler,
                ),
                show_field(pod, "spec.schedulerName", scheduler),
            )
        elif state.shared.nodes and spec["nodeName"] not in state.shared.nodes:
            yield build_unplaced(
                state,
                pod,
                Text(
                    "{pod} is for node {node}, which is not there.", pod=name, node=spec["nodeName"]
                ),
                show_field(pod, "spec.nodeName", spec["nodeName"]),
            )


def build_unplaced(state: NamespaceState, pod: Object, sentence: Text, shown: Text) -> Finding:
    """Return the finding of a pod that nobody places."""
    return Finding(
        sentence,
        (shown, verbatim(f"{describe(pod)}: {(pod.get('status') or {}).get('phase', 'Pending')}")),
        Fix(line=f"kubectl describe pod {get_name(pod)} -n {pod['metadata']['namespace']}"),
        name_owner(state, pod),
    )


def find_root_refused(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods whose container must not run as root, and would."""
    seen: set[str] = set()
    for pod in list_unready_pods(state):
        owner = find_owner(state, pod)
        key = get_name(owner) if owner else get_name(pod)
        for trouble in list_container_troubles(pod):
            if key in seen or not any(words in trouble.message for words in ROOT):
                continue
            seen.add(key)
            yield Finding(
                Text(
                    "{workload} cannot start: its container must not run as root, and would.",
                    workload=key,
                ),
                (trouble.evidence,),
                Fix(advice=Text("Set `runAsUser` to another user than 0, as the image's own.")),
                name_owner(state, pod),
            )


def find_terminating(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods and Deployments that were deleted and do not go."""
    for obj in (*state.list_own(POD), *state.list_own(DEPLOYMENT)):
        meta = obj["metadata"]
        since = parse_moment(meta.get("deletionTimestamp"))
        # A pod's moment is the end of its grace period already.
        if since is None or state.cluster.read_at - since < timedelta(seconds=SLOW_START):
            continue
        holds = show_what_holds(state, obj)
        kind, name = obj.get("kind", "Pod"), get_name(obj)
        finalizers = [str(f) for f in meta.get("finalizers") or []]
        own = [f for f in finalizers if f != "foregroundDeletion"]
        patch = """--type=merge -p '{"metadata":{"finalizers":null}}'"""
        place = f"{kind.lower()} {name} -n {meta['namespace']}"
        app = get_labels(obj).get("app", "")
        yield Finding(
            Text("{object} was deleted and does not go.", object=f"{kind} {name}"),
            (show_field(obj, "metadata.deletionTimestamp", meta["deletionTimestamp"]), *holds),
            Fix(
                line=f"kubectl patch {place} {patch}"
                if own or not holds
                else f"kubectl describe {place}"
            ),
            frozenset({f"{kind}/{name}"} | ({f"app/{app}"} if app else set())),
        )


def show_what_holds(state: NamespaceState, obj: Object) -> list[Text]:
    """Return what keeps a deleted object: its finalizers, or its node, which does not answer."""
    shown = []
    if finalizers := obj["metadata"].get("finalizers"):
        shown.append(show_field(obj, "metadata.finalizers", ", ".join(map(str, finalizers))))
    node = state.shared.nodes.get(str((obj.get("spec") or {}).get("nodeName") or ""))
    if node is not None and get_condition(node, "Ready").get("status") != "True":
        ready = get_condition(node, "Ready")
        shown.append(verbatim(f"{describe(node)}: Ready={ready.get('status', '?')}"))
    return shown


CAUSES = (
    Cause(
        "pod-sandbox-failing",
        Subject.CLUSTER,
        "A node cannot set up a pod's sandbox: the pod network's plugin (CNI) refuses or is away.",
        "Event `FailedCreatePodSandBox`, in the plugin's words, and a pod without an address.",
        "What the plugin says; the cluster's administrator",
        find_sandbox_failing,
        ("install", "bookinfo", "inject"),
        (*CONSEQUENCES, "pod-starting", "workload-scaled-to-zero"),
        gravity=1,
        source="Kubernetes 1.36, the kubelet",
        by_object=True,
    ),
    Cause(
        "runs-as-root",
        Subject.CLUSTER,
        "A container must not run as root, and its user, or its image's, is root.",
        "`CreateContainerConfigError … runAsNonRoot` or `… non-root policy`.",
        "Another `runAsUser`, or an image with another user",
        find_root_refused,
        ("bookinfo",),
        (*CONSEQUENCES, "pod-starting"),
        gravity=1,
        source="Kubernetes 1.36, the kubelet",
        by_object=True,
    ),
    Cause(
        "pod-terminating",
        Subject.CLUSTER,
        "A pod or a Deployment was deleted and does not go.",
        "A `deletionTimestamp` that is past by a minute, and finalizers, or a node that is not "
        "ready.",
        "Let the finalizer's controller do its work, or take the finalizer out",
        find_terminating,
        ("bookinfo", "uninstall"),
        ("app-not-deployed", "subset-without-pods", "workload-scaled-to-zero"),
        gravity=6,
        source="Kubernetes 1.36, deletion and finalizers",
        by_object=True,
    ),
)
