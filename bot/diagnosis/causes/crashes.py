"""Causes in containers that end again and again: what their status tells of the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.reasons import (
    CONSEQUENCES,
    Trouble,
    find_owner,
    get_status,
    is_crashing,
    list_container_troubles,
    list_unready_pods,
    name_owner,
)
from bot.kinds import Object
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

WRONG_FORMAT = re.compile(r"exec format error|executable file format", re.IGNORECASE)
"""What runc and crun say of a program for another processor."""


def find_crash_loop(state: NamespaceState) -> Iterator[Finding]:
    """Yield containers that end again and again, for a reason that only their log tells."""
    for pod, trouble, workload in list_crashes(state, is_unexplained_crash):
        place = pod["metadata"].get("namespace", "")
        line = f"kubectl logs {get_name(pod)} -n {place} -c {trouble.container} --previous"
        yield Finding(
            Text(
                "Container {container} of {workload} ends again and again.",
                container=trouble.container,
                workload=workload,
            ),
            (trouble.evidence, *show_last_exit(state, pod, trouble.container)),
            Fix(line=line),
            name_owner(state, pod),
        )


def is_unexplained_crash(pod: Object, trouble: Trouble) -> bool:
    """Tell whether the end of a container has none of the reasons that its status tells."""
    return not (is_out_of_memory(pod, trouble) or is_wrong_architecture(pod, trouble))


def list_crashes(
    state: NamespaceState, accept: Callable[[Object, Trouble], bool]
) -> Iterator[tuple[Object, Trouble, str]]:
    """Yield the pods whose container ends again and again in the way that is accepted, one for
    each workload, with its name.
    """
    seen: set[str] = set()
    for pod in list_unready_pods(state):
        for trouble in list_container_troubles(pod):
            owner = find_owner(state, pod)
            key = get_name(owner) if owner else get_name(pod)
            if key not in seen and is_crashing(pod, trouble) and accept(pod, trouble):
                seen.add(key)
                yield pod, trouble, key


def is_out_of_memory(pod: Object, trouble: Trouble) -> bool:
    """Tell whether a container was killed for want of memory."""
    return get_end(pod, trouble.container).get("reason") == "OOMKilled"


def is_wrong_architecture(pod: Object, trouble: Trouble) -> bool:
    """Tell whether a container's program is for another processor, by its status' message."""
    said = f"{trouble.message} {get_end(pod, trouble.container).get('message', '')}"
    return bool(WRONG_FORMAT.search(said))


def find_out_of_memory(state: NamespaceState) -> Iterator[Finding]:
    """Yield containers that the kernel kills because they need more memory than they may have."""
    for pod, trouble, workload in list_crashes(state, is_out_of_memory):
        limits = [
            str(((c.get("resources") or {}).get("limits") or {}).get("memory", ""))
            for c in pod["spec"].get("containers") or []
            if c.get("name") == trouble.container
        ]
        limit = next(filter(None, limits), "")
        shown = [Text("its memory limit is {limit}", limit=limit)] if limit else []
        yield Finding(
            Text(
                "Container {container} of {workload} is killed for want of memory: OOMKilled.",
                container=trouble.container,
                workload=workload,
            ),
            (trouble.evidence, *show_last_exit(state, pod, trouble.container), *shown),
            Fix(
                advice=Text(
                    "Raise its memory limit, or take the limit off; without a limit the node has "
                    "too little memory."
                )
            ),
            name_owner(state, pod),
        )


def find_wrong_architecture(state: NamespaceState) -> Iterator[Finding]:
    """Yield containers whose program is for another processor than their node's."""
    for pod, trouble, workload in list_crashes(state, is_wrong_architecture):
        said = str(get_end(pod, trouble.container).get("message", "")).strip()
        yield Finding(
            Text(
                "Image {image} of {workload} is for another processor than its node's: exec "
                "format error.",
                image=trouble.image,
                workload=workload,
            ),
            (
                *([verbatim(f"Pod {get_name(pod)}: {said}")] if said else []),
                trouble.evidence,
                *show_last_exit(state, pod, trouble.container),
            ),
            Fix(advice=Text("Use an image that is there for the node's architecture too.")),
            name_owner(state, pod),
        )


def get_end(pod: Object, container: str) -> Object:
    """Return how a container ended, now or last; empty when it never did."""
    status = get_status(pod, container)
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        if "terminated" in state:
            found: Object = state["terminated"]
            return found
    return {}


def show_last_exit(state: NamespaceState, pod: Object, container: str) -> list[Text]:
    """Return the last exit code of a container, and the node's architecture beside it."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    ended = [
        s["lastState"]["terminated"]
        for s in statuses
        if s.get("name") == container and "terminated" in (s.get("lastState") or {})
    ]
    if not ended:
        return []
    node = state.shared.nodes.get(pod["spec"].get("nodeName", ""))
    arch = get_labels(node).get("kubernetes.io/arch", "") if node else ""
    words = f"last exit code {ended[0].get('exitCode')} {ended[0].get('reason', '')}".rstrip()
    return [verbatim(f"{words}, node {arch}" if arch else words)]


CAUSES = (
    Cause(
        "crash-loop",
        Subject.CLUSTER,
        "A container ends again and again: wrong architecture, bad configuration.",
        "`CrashLoopBackOff`, and the last exit code.",
        "Its log says why; on arm64 a newer image.",
        find_crash_loop,
        ("bookinfo",),
        CONSEQUENCES,
        gravity=1,
        by_object=True,
    ),
    Cause(
        "out-of-memory",
        Subject.CLUSTER,
        "A container is killed because it needs more memory than it may have.",
        "Its last state: `OOMKilled`, exit code 137.",
        "Raise its memory limit.",
        find_out_of_memory,
        ("bookinfo",),
        (*CONSEQUENCES, "crash-loop"),
        gravity=1,
        source="Kubernetes 1.36, states of containers",
        by_object=True,
    ),
    Cause(
        "wrong-architecture",
        Subject.CLUSTER,
        "A container's program is for another processor than its node's.",
        "`exec format error` in the container's state (where the pod has it told there).",
        "An image for that architecture.",
        find_wrong_architecture,
        ("bookinfo",),
        (*CONSEQUENCES, "crash-loop"),
        gravity=1,
        source="runc and crun; Bookinfo before 1.17 was for amd64 alone",
        by_object=True,
    ),
)
