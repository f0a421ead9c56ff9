"""A pod's status as a kubelet (1.36) reports it, computed from the states of its containers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object
from sandbox.cluster.kubelet.images import compute_digest, normalize_image_name
from sandbox.cluster.machinery.meta import find_condition, uid_of
from sandbox.cluster.machinery.quantities import compute_qos_class, is_sidecar

CREATING = "ContainerCreating"
INITIALIZING = "PodInitializing"
_OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def build_waiting_state(reason: str, message: str = "") -> Object:
    """Return the state of a container that does not run."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


@dataclass(eq=False)
class Container:
    """One container of a pod on its node. `last` is how it ended before; `death` ends its present
    run; `final` says that it never runs again."""

    spec: Object
    init: bool
    state: Object
    last: Object = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restarts: int = 0
    runs: int = 0
    death: asyncio.Future[int] | None = None
    final: bool = False

    @property
    def name(self) -> str:
        """The container's name in the pod."""
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """The image as the pod names it."""
        return str(self.spec["image"])

    @property
    def is_native_sidecar(self) -> bool:
        """Tell whether the container is an init container that keeps running."""
        return self.init and is_sidecar(self.spec)

    @property
    def field_path(self) -> str:
        """The field path by which events name the container."""
        return f"spec.{'initContainers' if self.init else 'containers'}{{{self.name}}}"

    @property
    def is_running(self) -> bool:
        """Tell whether the container runs now."""
        return "running" in self.state

    @property
    def is_initialized(self) -> bool:
        """Tell whether an init container lets the next one begin."""
        if self.is_native_sidecar:
            return self.started
        return (
            bool(self.state.get("terminated", {}).get("exitCode") == 0)
            if "terminated" in self.state
            else False
        )

    def build_status(self, uid: str) -> Object:
        """Return the container's entry in the pod's status."""
        status: Object = {
            "name": self.name,
            "image": normalize_image_name(self.image),
            "imageID": "",
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }
        if self.runs:
            repository = normalize_image_name(self.image).partition("@")[0].rpartition(":")[0]
            status["imageID"] = f"{repository}@sha256:{compute_digest(self.image)}"
            status["containerID"] = f"containerd://{compute_digest(f'{uid}{self.name}{self.runs}')}"
        return status


def build_containers(pod: Object) -> list[Container]:
    """Return the pod's containers before anything has started, init containers first."""
    inits = pod["spec"].get("initContainers") or []
    first = build_waiting_state(INITIALIZING if inits else CREATING)
    return [
        *(Container(spec, True, build_waiting_state(INITIALIZING)) for spec in inits),
        *(Container(spec, False, first) for spec in pod["spec"]["containers"]),
    ]


def compute_phase(containers: Sequence[Container]) -> str:
    """Return Pending until every container has run, then Running (crash loops included), and
    Succeeded or Failed once none of them will run again.
    """
    if any(each.init and each.final for each in containers):
        return "Failed"
    own = [each for each in containers if not each.init]
    if all(each.final for each in own) and not any(each.is_running for each in containers):
        codes = (each.state.get("terminated", {}).get("exitCode", 0) for each in own)
        return "Failed" if any(codes) else "Succeeded"
    if any(each.init and not each.is_initialized for each in containers) and not any(
        each.runs for each in containers if not each.init
    ):
        return "Pending"
    # A container that waits to be started again has run (`last`): a crash loop is Running.
    never_ran = any(
        "waiting" in each.state and not each.last for each in containers if not each.init
    )
    return "Pending" if never_ran else "Running"


@dataclass(frozen=True)
class PodPlacement:
    """The node address, pod address and start time of a pod.

    The pod address is "" before its sandbox is up.
    """

    host: str
    address: str
    since: str


def compute_pod_status(
    pod: Object, containers: Sequence[Container], place: PodPlacement, now: str
) -> Object:
    """Return the whole status to write."""
    generation = pod["metadata"].get("generation", 1)
    status: Object = {
        "observedGeneration": generation,
        "phase": compute_phase(containers),
        "conditions": _compute_conditions(pod, containers, place, now),
        "hostIP": place.host,
        "hostIPs": [{"ip": place.host}],
        "startTime": place.since,
        "qosClass": compute_qos_class(pod),
        "containerStatuses": [
            each.build_status(uid_of(pod)) for each in containers if not each.init
        ],
    }
    if inits := [each.build_status(uid_of(pod)) for each in containers if each.init]:
        status["initContainerStatuses"] = inits
    if place.address:
        status |= {"podIP": place.address, "podIPs": [{"ip": place.address}]}
    return status


def _compute_conditions(
    pod: Object, containers: Sequence[Container], place: PodPlacement, now: str
) -> list[Object]:
    known: list[Object] = pod.get("status", {}).get("conditions") or []
    phase = compute_phase(containers)
    ready = _check_ready(containers)
    if phase in ("Succeeded", "Failed"):
        ready = (False, "PodCompleted" if phase == "Succeeded" else "PodFailed", "")
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    findings = [
        ("PodReadyToStartContainers", (bool(place.address), "", "")),
        ("Initialized", _check_initialized(containers)),
        ("Ready", _check_readiness_gates(known, gates) if ready[0] else ready),
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
            condition |= {"reason": reason} | ({"message": message} if message else {})
        conditions.append(condition)
    # The conditions of readiness gates are others' to write.
    return [*conditions, *(each for each in known if each["type"] not in _OWN)]


def _check_initialized(containers: Sequence[Container]) -> tuple[bool, str, str]:
    # Containers run only after the init containers: a sidecar that starts again later does not take
    # that back.
    if any(each.runs for each in containers if not each.init):
        return True, "", ""
    missing = [each.name for each in containers if each.init and not each.is_initialized]
    if not missing:
        return True, "", ""
    return (
        False,
        "ContainersNotInitialized",
        f"containers with incomplete status: [{' '.join(missing)}]",
    )


def _check_ready(containers: Sequence[Container]) -> tuple[bool, str, str]:
    missing = [
        each.name
        for each in containers
        if (each.is_native_sidecar or not each.init) and not each.ready
    ]
    if not missing:
        return True, "", ""
    return False, "ContainersNotReady", f"containers with unready status: [{' '.join(missing)}]"


def _check_readiness_gates(known: list[Object], gates: list[str]) -> tuple[bool, str, str]:
    unmet = []
    for gate in gates:
        condition = find_condition(known, gate)
        if condition is None:
            unmet.append(f'corresponding condition of pod readiness gate "{gate}" does not exist.')
        elif condition["status"] != "True":
            unmet.append(
                f'the status of pod readiness gate "{gate}" is not "True", but '
                f"{condition['status']}"
            )
    return (False, "ReadinessGatesNotReady", ", ".join(unmet)) if unmet else (True, "", "")
