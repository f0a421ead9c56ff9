"""A pod's status as a kubelet (1.36) reports it, computed from the states of its containers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.controllers.meta import find_condition, uid_of
from bot.sandbox.cluster.controllers.quantities import is_sidecar, quality_of
from bot.sandbox.cluster.kubelet_images import digest_of, full_name

CREATING = "ContainerCreating"
INITIALIZING = "PodInitializing"
_OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that does not run."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


@dataclass(eq=False)
class Container:
    """One container of a pod on its node. `last` is how it ended before; `death` ends its present run."""

    spec: Object
    init: bool
    state: Object
    last: Object = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restarts: int = 0
    runs: int = 0
    death: asyncio.Future[int] | None = None

    @property
    def name(self) -> str:
        """Its name in the pod."""
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """The image as the pod names it."""
        return str(self.spec["image"])

    @property
    def sidecar(self) -> bool:
        """Whether it is an init container that keeps running."""
        return self.init and is_sidecar(self.spec)

    @property
    def field_path(self) -> str:
        """How events name it."""
        return f"spec.{'initContainers' if self.init else 'containers'}{{{self.name}}}"

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return "running" in self.state

    @property
    def initialized(self) -> bool:
        """Whether an init container lets the next one begin."""
        if self.sidecar:
            return self.started
        return bool(self.state.get("terminated", {}).get("exitCode") == 0) if "terminated" in self.state else False

    def report(self, uid: str) -> Object:
        """Its entry in the pod's status."""
        status: Object = {
            "name": self.name,
            "image": full_name(self.image),
            "imageID": "",
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }
        if self.runs:
            repository = full_name(self.image).partition("@")[0].rpartition(":")[0]
            status["imageID"] = f"{repository}@sha256:{digest_of(self.image)}"
            status["containerID"] = f"containerd://{digest_of(f'{uid}{self.name}{self.runs}')}"
        return status


def containers_of(pod: Object) -> list[Container]:
    """The pod's containers before anything has started, init containers first."""
    inits = pod["spec"].get("initContainers") or []
    first = waiting(INITIALIZING if inits else CREATING)
    return [
        *(Container(spec, True, waiting(INITIALIZING)) for spec in inits),
        *(Container(spec, False, first) for spec in pod["spec"]["containers"]),
    ]


def phase_of(containers: Sequence[Container]) -> str:
    """Pending until every container has run, then Running (crash loops included)."""
    if any(each.init and not each.initialized for each in containers) and not any(
        each.runs for each in containers if not each.init
    ):
        return "Pending"
    never_ran = any("waiting" in each.state and not each.last for each in containers if not each.init)
    return "Pending" if never_ran else "Running"


@dataclass(frozen=True)
class Place:
    """Where a pod runs: node address, pod address ("" before its sandbox is up), and since when."""

    host: str
    address: str
    since: str


def status_of(pod: Object, containers: Sequence[Container], place: Place, now: str) -> Object:
    """The whole status to write."""
    generation = pod["metadata"].get("generation", 1)
    status: Object = {
        "observedGeneration": generation,
        "phase": phase_of(containers),
        "conditions": _conditions(pod, containers, place, now),
        "hostIP": place.host,
        "hostIPs": [{"ip": place.host}],
        "startTime": place.since,
        "qosClass": quality_of(pod),
        "containerStatuses": [each.report(uid_of(pod)) for each in containers if not each.init],
    }
    if inits := [each.report(uid_of(pod)) for each in containers if each.init]:
        status["initContainerStatuses"] = inits
    if place.address:
        status |= {"podIP": place.address, "podIPs": [{"ip": place.address}]}
    return status


def _conditions(pod: Object, containers: Sequence[Container], place: Place, now: str) -> list[Object]:
    known: list[Object] = pod.get("status", {}).get("conditions") or []
    ready = _ready(containers)
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    findings = [
        ("PodReadyToStartContainers", (bool(place.address), "", "")),
        ("Initialized", _initialized(containers)),
        ("Ready", _gated(known, gates) if ready[0] else ready),
        ("ContainersReady", ready),
        ("PodScheduled", (True, "", "")),
    ]
    conditions = []
    for kind, (true, reason, message) in findings:
        before = find_condition(known, kind)
        status = str(true)
        since = before["lastTransitionTime"] if before and before["status"] == status else now
        condition: Object = {
            "type": kind,
            "status": status,
            "observedGeneration": pod["metadata"].get("generation", 1),
            "lastProbeTime": None,
            "lastTransitionTime": since,
        }
        if reason:
            condition |= {"reason": reason, "message": message}
        conditions.append(condition)
    return [*conditions, *(each for each in known if each["type"] not in _OWN)]


def _initialized(containers: Sequence[Container]) -> tuple[bool, str, str]:
    if any(each.runs for each in containers if not each.init):
        return True, "", ""
    missing = [each.name for each in containers if each.init and not each.initialized]
    if not missing:
        return True, "", ""
    return False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(missing)}]"


def _ready(containers: Sequence[Container]) -> tuple[bool, str, str]:
    missing = [each.name for each in containers if (each.sidecar or not each.init) and not each.ready]
    if not missing:
        return True, "", ""
    return False, "ContainersNotReady", f"containers with unready status: [{' '.join(missing)}]"


def _gated(known: list[Object], gates: list[str]) -> tuple[bool, str, str]:
    unmet = []
    for gate in gates:
        condition = find_condition(known, gate)
        if condition is None:
            unmet.append(f'corresponding condition of pod readiness gate "{gate}" does not exist.')
        elif condition["status"] != "True":
            unmet.append(f'the status of pod readiness gate "{gate}" is not "True", but {condition["status"]}')
    return (False, "ReadinessGatesNotReady", ", ".join(unmet)) if unmet else (True, "", "")
