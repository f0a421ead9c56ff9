"""Reasons why pods are not there or not ready: conditions, states of containers, and events."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.diagnosis.cause import Fix
from bot.diagnosis.facts import show_event
from bot.diagnosis.mesh_state import OVER, NamespaceState, get_age, list_events_about
from bot.diagnosis.object_facts import get_template_labels, is_pod_ready
from bot.kinds import DAEMON_SET, DEPLOYMENT, POD, Object
from bot.knowledge.bookinfo.app import BOOKINFO
from bot.knowledge.objects.quotes import quote_reason, shorten_message
from bot.knowledge.objects.workloads import get_condition, get_name, select_pods
from bot.text import Text, verbatim

PULL_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
}
"""Waiting reasons of the kubelet when an image cannot be had (Kubernetes 1.36)."""
RATE_LIMITED = re.compile(r"toomanyrequests|\b429\b|rate limit", re.IGNORECASE)
NO_PROGRAM = re.compile(r'exec: "|executable file not found|no such file or directory')
"""What the runtime says when a container's command is not there."""
SHORT_RUN = 300.0
"""Seconds; a run that failed later than that is no part of a loop."""
SLOW_START = 60.0
"""Seconds in which a container may become ready before that is a fault."""
STEP_OF = {
    "istiod": "install",
    "istio-ingressgateway": "install",
    "prometheus": "addons prometheus",
    "grafana": "addons grafana",
    "jaeger": "addons jaeger",
    "kiali": "kiali",
    "ztunnel": "ambient",
    "istio-cni-node": "ambient",
    **dict.fromkeys(BOOKINFO, "bookinfo"),
}
"""The step that makes a workload, and sets it back to what it should be."""
CONSEQUENCES = (
    "control-plane-down",
    "gateway-not-ready",
    "waypoint-not-ready",
    "ztunnel-not-ready",
    "cni-not-ready",
    "prometheus-not-ready",
    "kiali-not-ready",
    "tracing-backend-missing",
    "subset-without-pods",
    "no-restart-after-label",
    "ingress-gateway-gone",
    "readiness-failing",
)
"""What follows when the pods of a workload are not there."""


@dataclass(frozen=True)
class Refusal:
    """Pods of a workload that the API server refused to create, with its message."""

    workload: Object
    message: str
    event: Object | None = None

    @property
    def evidence(self) -> Text:
        """The event where there is one, which counts; else the workload's condition."""
        if self.event is not None:
            return show_event(self.event)
        name = f"{self.workload['kind']} {get_name(self.workload)}"
        return verbatim(f"{name}: ReplicaFailure=True {shorten_message(self.message)}")


@dataclass(frozen=True)
class Trouble:
    """What keeps one container, or a whole pod, from being ready: its reason and message."""

    pod: Object
    reason: str
    message: str
    container: str = ""
    image: str = ""

    @property
    def evidence(self) -> Text:
        """The pod, its container and the kubelet's or scheduler's words."""
        place = f", container {self.container}" if self.container else ""
        words = quote_reason(self.reason, self.message)
        return verbatim(f"Pod {get_name(self.pod)}{place}: {words}")


def list_refusals(state: NamespaceState) -> list[Refusal]:
    """Return the workloads here and in the mesh's namespace whose pods are refused now.

    A Deployment says so itself in its condition ReplicaFailure, which goes when pods come; an
    event alone may be of yesterday. A DaemonSet has no such condition: its events count while it
    lacks pods.
    """
    found = []
    for workload in [*state.list_own(DEPLOYMENT), *state.shared.list_mesh(DEPLOYMENT)]:
        condition = get_condition(workload, "ReplicaFailure")
        if condition.get("status") == "True":
            message = str(condition.get("message", ""))
            found.append(Refusal(workload, message, find_refusal_event(state, workload, message)))
    for workload in [*state.list_own(DAEMON_SET), *state.shared.list_mesh(DAEMON_SET)]:
        status = workload.get("status") or {}
        if status.get("currentNumberScheduled", 0) < status.get("desiredNumberScheduled", 0):
            events = [
                e for e in list_events_about(state, workload) if e["reason"] == "FailedCreate"
            ]
            found += [Refusal(workload, str(e.get("message", "")), e) for e in events[-1:]]
    return found


def name_refused(refused: Sequence[Refusal]) -> frozenset[str]:
    """Return the names of refused workloads and of the apps that they are of."""
    names = {f"{r.workload['kind']}/{get_name(r.workload)}" for r in refused}
    apps = {get_template_labels(r.workload).get("app") for r in refused}
    return frozenset(names | {f"app/{app}" for app in apps if app})


def find_refusal_event(state: NamespaceState, workload: Object, message: str) -> Object | None:
    """Return the FailedCreate event of a Deployment's ReplicaSet that fits the message, or None.

    The name of each refused pod differs, so the words after it are compared.
    """
    prefix, words = f"{get_name(workload)}-", message.split('" is ', 1)[-1]
    events = [
        e
        for e in state.events
        if e.get("reason") == "FailedCreate"
        and str((e.get("involvedObject") or {}).get("name", "")).startswith(prefix)
        and words in str(e.get("message", ""))
    ]
    return events[-1] if events else None


def list_concerned_pods(state: NamespaceState) -> list[Object]:
    """Return the pods here and in the mesh's namespace that are not being deleted."""
    pods = state.list_own(POD)
    if state.namespace != state.cluster.mesh_namespace:
        pods = [*pods, *state.shared.list_mesh(POD)]
    return [
        p
        for p in pods
        if "deletionTimestamp" not in p["metadata"]
        and (p.get("status") or {}).get("phase") not in OVER
    ]


def list_unready_pods(state: NamespaceState) -> list[Object]:
    """Return the concerned pods that are not ready."""
    return [pod for pod in list_concerned_pods(state) if not is_pod_ready(pod)]


def list_container_troubles(pod: Object) -> Iterator[Trouble]:
    """Yield what each container of a pod that is not ready waits for or died of."""
    status, spec = pod.get("status") or {}, pod["spec"]
    images = {
        c["name"]: str(c.get("image", ""))
        for c in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    }
    for each in [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]:
        container = each.get("state") or {}
        why = container.get("waiting") or (
            container.get("terminated") if not each.get("ready") else None
        )
        if why is None and has_just_ended(each):
            why = each["lastState"]["terminated"]
        if why and why.get("reason") != "Completed":
            name = str(each.get("name", ""))
            reason, message = str(why.get("reason", "")), str(why.get("message", ""))
            yield Trouble(pod, reason, message, name, images.get(name, ""))


def has_just_ended(status: Object) -> bool:
    """Tell whether a container runs again after a short run that failed, and is not ready: between
    two ends of a loop the kubelet shows it as running."""
    ended = (status.get("lastState") or {}).get("terminated") or {}
    runs = "running" in (status.get("state") or {}) and not status.get("ready")
    begun, over = (parse_moment(ended.get(key)) for key in ("startedAt", "finishedAt"))
    short = begun is None or over is None or (over - begun).total_seconds() < SHORT_RUN
    return runs and bool(status.get("restartCount")) and bool(ended.get("exitCode")) and short


def parse_moment(text: object) -> datetime | None:
    """Return a moment as the API writes it, None where there is none."""
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None


def is_crashing(pod: Object, trouble: Trouble) -> bool:
    """Tell whether a container ends again and again, or cannot even be started."""
    if trouble.reason == "CrashLoopBackOff" or cannot_start(trouble):
        return True
    return trouble.reason in ("Error", "OOMKilled", "StartError", "ContainerCannotRun") and (
        get_status(pod, trouble.container).get("restartCount", 0) > 0
    )


def cannot_start(trouble: Trouble) -> bool:
    """Tell whether a container's program is not in its image (containerd and CRI-O with runc)."""
    return trouble.reason == "RunContainerError" and bool(NO_PROGRAM.search(trouble.message))


def get_status(pod: Object, container: str) -> Object:
    """Return the status of one container, empty when the kubelet has none yet."""
    status = pod.get("status") or {}
    every = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    found: list[Object] = [each for each in every if each.get("name") == container]
    return found[0] if found else {}


def list_pull_messages(state: NamespaceState, trouble: Trouble) -> str:
    """Return all that was said about a pull: the state's message and the pod's events.

    `Back-off pulling image` alone does not tell why; the event before it does.
    """
    events = " ".join(str(e.get("message", "")) for e in list_events_about(state, trouble.pod))
    return f"{trouble.message} {events}"


def list_failing_readiness(state: NamespaceState, pod: Object) -> list[str]:
    """Return the names of containers that run, do not restart, and are not ready.

    Only after SLOW_START, or when the kubelet reports that the probe failed: a container that
    has just been started is no fault.
    """
    status = pod.get("status") or {}
    every = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    lagging = [
        str(each["name"])
        for each in every
        if "running" in (each.get("state") or {}) and not each.get("ready")
    ]
    failing = any(e.get("reason") == "Unhealthy" for e in list_events_about(state, pod))
    return lagging if failing or get_age(state, pod) > SLOW_START else []


def find_owner(state: NamespaceState, pod: Object) -> Object | None:
    """Return the Deployment or DaemonSet that a pod belongs to, or None."""
    place = pod["metadata"].get("namespace", "")
    for kind in (DEPLOYMENT, DAEMON_SET):
        for workload in state.cluster.by_namespace.get((kind, place), []):
            if select_pods([pod], workload):
                return workload
    return None


def name_owner(state: NamespaceState, pod: Object) -> frozenset[str]:
    """Return the names by which findings about a pod, its workload and its application meet."""
    app = (pod["metadata"].get("labels") or {}).get("app")
    return name_workload(state, pod) | (frozenset({f"app/{app}"}) if app else frozenset())


def name_workload(state: NamespaceState, pod: Object) -> frozenset[str]:
    """Return the names by which findings about a pod and about its workload meet."""
    owner, names = find_owner(state, pod), {f"Pod/{get_name(pod)}"}
    if owner is not None:
        names.add(f"{owner['kind']}/{get_name(owner)}")
    node = pod["spec"].get("nodeName")
    # Of a DaemonSet the node misses its pod; to others it does not matter where a pod fails.
    if node and owner is not None and owner["kind"] == "DaemonSet":
        names.add(f"Node/{node}")
    return frozenset(names)


def suggest_fix(state: NamespaceState, pod: Object, *, line: str = "") -> Fix:
    """Return the step that sets the pod's workload back, else a line that shows the pod."""
    owner = find_owner(state, pod)
    step = STEP_OF.get(get_name(owner), "") if owner is not None else ""
    place = pod["metadata"].get("namespace", "")
    return Fix(step, line or ("" if step else f"kubectl describe pod {get_name(pod)} -n {place}"))


def build_removal_line(name: str, namespace: str, path: str) -> str:
    """Return the line that removes one field of a Deployment."""
    patch = f'[{{"op":"remove","path":"{path}"}}]'
    return f"kubectl patch deployment {name} -n {namespace} --type=json -p '{patch}'"
