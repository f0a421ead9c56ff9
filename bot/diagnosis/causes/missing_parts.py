"""Causes in what pods name and nobody has: accounts, ConfigMaps, Secrets; and other refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.causes.control_plane import (
    find_control_plane_down,
    find_not_installed,
    find_stale_webhook,
)
from bot.diagnosis.causes.pod_ends import ROOT
from bot.diagnosis.facts import list_words
from bot.diagnosis.mesh_state import NamespaceState, list_events_about
from bot.diagnosis.reasons import (
    CONSEQUENCES,
    cannot_start,
    find_owner,
    list_container_troubles,
    list_refusals,
    list_unready_pods,
    name_owner,
    name_refused,
)
from bot.kinds import Object
from bot.knowledge.objects.workloads import get_condition, get_name
from bot.text import Text, verbatim

CONFIG_REASONS = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
"""States of containers that the kubelet cannot start as they are written (Kubernetes 1.36)."""
WEBHOOK_CAUSES = (find_control_plane_down, find_stale_webhook, find_not_installed)
"""What explains webhooks that cannot be asked."""
CLAIM = re.compile(r"persistentvolumeclaim \S+ not found|unbound immediate PersistentVolumeClaims")
"""Words of the scheduler about a claim that is not there, or that nobody fulfils."""
MISSING = re.compile(r"not found|non-existent|does not exist|couldn't find")
NAMED_ELSEWHERE = re.compile(
    r"exceeded quota|failed quota|usage per|limit to request ratio|violates PodSecurity"
)
"""Words of refusals that are causes of their own."""


def find_refused(state: NamespaceState) -> Iterator[Finding]:
    """Yield workloads whose pods the API server refuses for a reason that is no other cause's."""
    refused = [r for r in list_refusals(state) if not NAMED_ELSEWHERE.search(r.message)]
    if any(True for find in WEBHOOK_CAUSES for _ in find(state)):
        refused = [r for r in refused if "failed calling webhook" not in r.message]
    if refused:
        first = refused[0].workload
        place = first["metadata"].get("namespace", "")
        yield Finding(
            Text(
                "The API server refuses pods of {workloads}.",
                workloads=list_words([get_name(r.workload) for r in refused]),
            ),
            tuple(r.evidence for r in refused[:2]),
            Fix(line=f"kubectl describe replicaset -n {place}"),
            name_refused(refused),
        )


def find_unmounted(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that cannot start for want of a ConfigMap, a Secret or another part."""
    seen: set[str] = set()
    for pod in list_unready_pods(state):
        owner = find_owner(state, pod)
        key = get_name(owner) if owner else get_name(pod)
        shown = show_missing(state, pod)
        if shown is None or key in seen:
            continue
        seen.add(key)
        place = pod["metadata"].get("namespace", "")
        yield Finding(
            Text(
                "Pods of {workload} cannot start: something that they name is missing.",
                workload=key,
            ),
            (shown,),
            Fix(line=f"kubectl describe pod {get_name(pod)} -n {place}"),
            name_owner(state, pod),
        )


def show_missing(state: NamespaceState, pod: Object) -> Text | None:
    """Return the kubelet's words about what a pod lacks, or None."""
    for trouble in list_container_troubles(pod):
        refused = any(words in trouble.message for words in ROOT)
        if trouble.reason in CONFIG_REASONS and not cannot_start(trouble) and not refused:
            return trouble.evidence
    placed = get_condition(pod, "PodScheduled")
    if placed.get("status") == "False" and CLAIM.search(str(placed.get("message", ""))):
        return verbatim(f"Pod {get_name(pod)}: FailedScheduling: {placed['message']}")
    events = list_events_about(state, pod)
    mounts = [e for e in events if e.get("reason") in ("FailedMount", "FailedAttachVolume")]
    missing = [e for e in mounts if MISSING.search(str(e.get("message", "")))]
    # A pod with an address has its volumes: what was said before that is past.
    if not missing or (pod.get("status") or {}).get("podIP"):
        return None
    return verbatim(f"Pod {get_name(pod)}: FailedMount: {missing[-1].get('message', '')}")


CAUSES = (
    Cause(
        "pods-refused",
        Subject.CLUSTER,
        "The API server refuses pods, for instance since their ServiceAccount does not exist.",
        "Condition ReplicaFailure and event `FailedCreate`, in the API server's words.",
        "What the message says is missing",
        find_refused,
        ("bookinfo",),
        CONSEQUENCES,
        gravity=1,
        source="Kubernetes 1.36, admission of pods",
        by_object=True,
    ),
    Cause(
        "mount-missing",
        Subject.CLUSTER,
        "A pod names a ConfigMap, a Secret, a claim or another part that does not exist.",
        "`CreateContainerConfigError`, event `FailedMount … not found`, or `FailedScheduling` for "
        "a claim that is missing or unbound.",
        "Create it, or take it out of the template",
        find_unmounted,
        ("bookinfo",),
        (*CONSEQUENCES, "pod-starting"),
        gravity=1,
        source="Kubernetes 1.36, the kubelet",
        by_object=True,
    ),
)
