"""Reading Deployments, DaemonSets and pods: how many are ready, and in the pod's own words why
not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bot.kinds import DAEMON_SET, DEPLOYMENT, EVENT, POD, Object
from bot.knowledge.objects.quotes import quote_reason
from bot.ports import Part, WatchCache
from bot.text import EMPTY, Text, verbatim

FOLLOWED_KINDS = (DEPLOYMENT, DAEMON_SET, POD, EVENT)
"""The kinds that `build_parts` reads from a view."""
ORDINARY_REASONS = {"ContainerCreating", "PodInitializing"}
"""Waiting reasons that every pod passes through."""


def get_name(obj: Object) -> str:
    """Return an object's name."""
    return str(obj["metadata"]["name"])


def get_labels(obj: Object) -> dict[str, str]:
    """Return an object's labels."""
    return obj["metadata"].get("labels") or {}


def get_condition(obj: Object, type_: str) -> Object:
    """Return the status condition of that type, or an empty one."""
    found = [c for c in obj.get("status", {}).get("conditions") or [] if c.get("type") == type_]
    return found[0] if found else {}


def select_pods(
    pods: Iterable[Object], workload: Object, *, with_terminating: bool = False
) -> list[Object]:
    """Return the pods that a workload's matchLabels select, without those being deleted."""
    wanted = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    return [
        pod
        for pod in pods
        if wanted
        and wanted.items() <= get_labels(pod).items()
        and (with_terminating or "deletionTimestamp" not in pod["metadata"])
    ]


def count_ready_pods(workload: Object) -> tuple[int, int]:
    """Return how many pods are ready and up to date, and how many are wanted.

    Pods of an older template are counted as the ready ones as long as they are there: a
    Deployment's status does not tell whose the available pods are.
    """
    status = workload.get("status") or {}
    current = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
    if workload.get("kind") == "DaemonSet":
        ready, wanted = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
        updated = status.get("updatedNumberScheduled", 0)
    else:
        wanted, updated = workload["spec"].get("replicas", 1), status.get("updatedReplicas", 0)
        old = max(0, status.get("replicas", 0) - updated)
        ready = max(0, status.get("availableReplicas", 0) - old)
    return (min(ready, updated), wanted) if current else (0, wanted)


def is_ready(workload: Object) -> bool:
    """Tell whether all wanted pods are ready and of the newest template; a DaemonSet that
    wants none is not ready.
    """
    ready, wanted = count_ready_pods(workload)
    return ready >= wanted and (wanted > 0 or workload.get("kind") == "Deployment")


def explain_unready_pod(pod: Object, events: Sequence[Object] = ()) -> Text:
    """Return why a pod is not ready, in its own words; EMPTY when it is ready."""
    if get_condition(pod, "Ready").get("status") == "True":
        return EMPTY
    scheduled = get_condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        said = scheduled.get("message") or scheduled.get("reason")
        return verbatim(str(said)) if said else Text("not scheduled")
    said = (
        describe_waiting_container(pod)
        or find_last_warning(pod, events)
        or get_condition(pod, "Ready").get("message")
    )
    return verbatim(str(said)) if said else Text("starting")


def describe_waiting_container(pod: Object) -> str:
    """Return the kubelet's reason and message of the first container that waits or has failed.

    A reason that every pod passes through counts only when there is no other; "" when all run.
    """
    status = pod.get("status") or {}
    ordinary = ""
    for container in [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]:
        state = container.get("state") or {}
        why = state.get("waiting") or (
            state.get("terminated") if not container.get("ready") else None
        )
        if not why or why.get("reason") == "Completed":
            continue
        reason, message = why.get("reason", "waiting"), why.get("message", "")
        words = quote_reason(reason, message)
        if reason not in ORDINARY_REASONS:
            return words
        ordinary = ordinary or words
    return ordinary


def find_last_warning(pod: Object, events: Sequence[Object]) -> str:
    """Return the newest warning event about a pod, or ""."""
    about = [
        e
        for e in events
        if e.get("type") == "Warning"
        and (e.get("involvedObject") or {}).get("uid") == pod["metadata"].get("uid")
    ]
    if not about:
        return ""
    newest = max(about, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))
    return quote_reason(newest.get("reason", ""), newest.get("message", ""))


def build_part(workload: Object, pods: Iterable[Object], events: Sequence[Object] = ()) -> Part:
    """Return a workload as one component of a run."""
    ready, wanted = count_ready_pods(workload)
    note = EMPTY
    if not is_ready(workload):
        notes = [
            words
            for pod in select_pods(pods, workload)
            if (words := explain_unready_pod(pod, events))
        ]
        refused = get_condition(workload, "ReplicaFailure")
        note = notes[0] if notes else verbatim(str(refused.get("message") or ""))
    return Part(verbatim(get_name(workload)), ready, wanted, note, done=is_ready(workload))


def is_being_deleted(obj: Object) -> bool:
    """Tell whether an object is being deleted: it stands there until its pods and finalizers are
    gone.
    """
    return "deletionTimestamp" in obj["metadata"]


def is_installed_by_istio(workload: Object) -> bool:
    """Tell whether Istio's installer made a workload, and has not pruned it since."""
    managed = get_labels(workload).get("operator.istio.io/managed") == "Reconcile"
    return managed and not is_being_deleted(workload)


def build_parts(view: WatchCache, among: Callable[[Object], bool]) -> list[Part]:
    """Return the workloads of a followed namespace that `among` accepts, each as a component."""
    pods, events = view.objects(POD), view.objects(EVENT)
    return [
        build_part(w, pods, events)
        for kind in (DEPLOYMENT, DAEMON_SET)
        for w in view.objects(kind)
        if among(w)
    ]


def get_image_tag(workload: Object, container: str = "") -> str:
    """Return the tag of a workload's (first, or named) container image."""
    for spec in workload["spec"]["template"]["spec"].get("containers") or []:
        if not container or spec.get("name") == container:
            return str(spec.get("image", "")).rpartition(":")[2]
    return ""
