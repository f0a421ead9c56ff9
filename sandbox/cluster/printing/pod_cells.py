"""The READY, STATUS and RESTARTS of a pod, with the rules by which `kubectl get pods` sums up its
containers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.printing.cells import format_age, get_path


def _list_container_statuses(pod: Object, which: str) -> list[Object]:
    statuses: list[Object] = get_path(pod, "status", which) or []
    return statuses


def _list_sidecar_names(pod: Object) -> set[str]:
    """Return the names of init containers that keep running beside the others."""
    inits = get_path(pod, "spec", "initContainers") or ()
    return {each["name"] for each in inits if each.get("restartPolicy") == "Always"}


def format_pod_readiness(pod: Object) -> str:
    """Format ready and total containers as `2/2`; sidecars count as containers."""
    sidecars = _list_sidecar_names(pod)
    total = len(get_path(pod, "spec", "containers") or ()) + len(sidecars)
    running = [*_list_container_statuses(pod, "containerStatuses"), *(
        each for each in _list_container_statuses(pod, "initContainerStatuses") if each["name"] in sidecars)]  # fmt: skip  # noqa: E501
    ready = sum(
        bool(each.get("ready")) and "running" in (each.get("state") or {}) for each in running
    )
    return f"{ready}/{total}"


def format_pod_restarts(pod: Object, now: datetime) -> str:
    """Format the restarts of all containers as `3 (2m ago)`."""
    sidecars = _list_sidecar_names(pod)
    counted = [*_list_container_statuses(pod, "containerStatuses"), *(
        each for each in _list_container_statuses(pod, "initContainerStatuses") if each["name"] in sidecars)]  # fmt: skip  # noqa: E501
    restarts = sum(each.get("restartCount") or 0 for each in counted)
    ends = [get_path(each, "lastState", "terminated", "finishedAt") for each in counted]
    latest = max((end for end in ends if end), default=None)
    return f"{restarts} ({format_age(latest, now)} ago)" if restarts and latest else str(restarts)


def format_pod_status(pod: Object) -> str:
    """Return the phase, or the reason that says more."""
    status = pod.get("status") or {}
    text = str(status.get("reason") or status.get("phase") or "")
    scheduled = next(
        (each for each in status.get("conditions") or () if each["type"] == "PodScheduled"), None
    )
    if scheduled and scheduled.get("reason") == "SchedulingGated":
        text = "SchedulingGated"
    starting = _format_init_status(pod)
    text = starting or _format_container_status(pod, text)
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return text


def _format_init_status(pod: Object) -> str:
    inits = get_path(pod, "spec", "initContainers") or ()
    sidecars = _list_sidecar_names(pod)
    for index, each in enumerate(_list_container_statuses(pod, "initContainerStatuses")):
        state: dict[str, Any] = each.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated and terminated.get("exitCode") == 0:
            continue
        if each["name"] in sidecars and each.get("started"):
            continue
        if terminated:
            return "Init:" + (terminated.get("reason") or _format_exit(terminated))
        reason = waiting.get("reason")
        return (
            f"Init:{reason}"
            if reason and reason != "PodInitializing"
            else f"Init:{index}/{len(inits)}"
        )
    return ""


def _format_exit(terminated: Object) -> str:
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode')}"


def _format_container_status(pod: Object, text: str) -> str:
    running = False
    for each in reversed(_list_container_statuses(pod, "containerStatuses")):
        state: dict[str, Any] = each.get("state") or {}
        waiting, terminated = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason"):
            text = waiting["reason"]
        elif terminated:
            text = terminated.get("reason") or _format_exit(terminated)
        elif each.get("ready") and "running" in state:
            running = True
    if text == "Completed" and running:
        return "Running" if _is_ready(pod) else "NotReady"
    return text


def _is_ready(pod: Object) -> bool:
    conditions = get_path(pod, "status", "conditions") or ()
    return any(each["type"] == "Ready" and each.get("status") == "True" for each in conditions)
