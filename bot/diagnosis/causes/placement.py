"""Causes that keep pods from being created or placed: room, nodes, quotas, admission, replicas."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.causes.pod_ends import find_unplaced
from bot.diagnosis.facts import describe, list_words, show_field
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.object_facts import get_template_labels
from bot.diagnosis.reasons import (
    CONSEQUENCES,
    Refusal,
    list_concerned_pods,
    list_refusals,
    list_unready_pods,
    name_owner,
    name_refused,
)
from bot.kinds import Object
from bot.knowledge.objects.workloads import get_condition, get_name
from bot.text import Listed, Text, verbatim

NODE_WORDS = r"unschedulable|untolerated taint|not ready"
PLACE_WORDS = r"didn't (match|have|satisfy)|affinity conflict|max volume count"
"""What the scheduler says of nodes (1.36)."""


def list_unscheduled(state: NamespaceState) -> list[tuple[Object, str]]:
    """Return the pods that no node takes, with the scheduler's message."""
    found = []
    for pod in list_unready_pods(state):
        condition = get_condition(pod, "PodScheduled")
        if condition.get("status") == "False":
            found.append((pod, str(condition.get("message") or condition.get("reason") or "")))
    return found


def find_no_room(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods for which no node has the CPU, memory or slots that they ask for."""
    lacking = [
        (p, m) for p, m in list_unscheduled(state) if re.search(r"Insufficient|Too many pods", m)
    ]
    if not lacking:
        return
    resources = sorted({r for _, m in lacking for r in re.findall(r"Insufficient ([\w./-]+)", m)})
    # Without a resource by name it is the kubelet's limit: `Too many pods`.
    short = Listed(resources) if resources else Text("the number of pods")
    yield Finding(
        Text(
            "No node has room for {pods}: {resources} is short.",
            pods=list_words([get_name(p) for p, _ in lacking]),
            resources=short,
        ),
        tuple(verbatim(f"Pod {get_name(p)}: FailedScheduling: {m}") for p, m in lacking[:2]),
        Fix(
            advice=Text(
                "The cluster's administrator: more CPU or memory for the nodes, or smaller "
                "requests."
            )
        ),
        frozenset().union(*(name_owner(state, p) for p, _ in lacking)),
    )


def is_pinned(pod: Object) -> bool:
    """Tell whether a pod is for one node by its name, as those of DaemonSets are: that others do
    not match it says nothing."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return any(term.get("matchFields") for term in required.get("nodeSelectorTerms") or [])


def find_node_unusable(state: NamespaceState) -> Iterator[Finding]:
    """Yield nodes that are cordoned, tainted or not ready, where pods wait or run because of it,
    and pods that nobody places anywhere."""
    yield from find_unplaced(state)
    waiting = [
        (p, m)
        for p, m in list_unscheduled(state)
        if re.search(NODE_WORDS if is_pinned(p) else rf"{NODE_WORDS}|{PLACE_WORDS}", m)
        and not re.fullmatch(r"Unschedulable", m)
    ]
    gone = [
        n for n in state.shared.nodes.values() if get_condition(n, "Ready").get("status") != "True"
    ]
    names = {get_name(n) for n in gone}
    stranded = [p for p in list_concerned_pods(state) if p["spec"].get("nodeName") in names]
    if not waiting and not stranded:
        return
    cordoned = [n for n in state.shared.nodes.values() if n["spec"].get("unschedulable")]
    bad = [*cordoned, *(n for n in gone if n not in cordoned)]
    evidence = [show_field(n, "spec.unschedulable", "true") for n in cordoned[:3]]
    evidence += [
        verbatim(f"{describe(n)}: Ready={get_condition(n, 'Ready').get('status', '?')}")
        for n in gone[:3]
    ]
    evidence += [verbatim(f"Pod {get_name(p)}: FailedScheduling: {m}") for p, m in waiting[:2]]
    pods = [*(p for p, _ in waiting), *stranded]
    yield Finding(
        Text(
            "Nodes take no pods ({nodes}): {pods} cannot run.",
            nodes=list_words([get_name(n) for n in bad]),
            pods=list_words([get_name(p) for p in pods]),
        ),
        tuple(evidence),
        Fix(line=f"kubectl uncordon {get_name(cordoned[0])}" if cordoned else "kubectl get nodes"),
        frozenset().union(*(name_owner(state, p) for p in pods)),
    )


def find_scaled_to_zero(state: NamespaceState) -> Iterator[Finding]:
    """Yield parts of Bookinfo of which somebody wants no pods."""
    for workload in state.bookinfo:
        if workload["spec"].get("replicas", 1) == 0:
            name, app = get_name(workload), get_template_labels(workload).get("app", "")
            yield Finding(
                Text("{workload} is scaled to 0: it has no pods.", workload=name),
                (show_field(workload, "spec.replicas", 0),),
                Fix(line=f"kubectl scale deployment {name} -n {state.namespace} --replicas=1"),
                frozenset({f"Deployment/{name}", f"app/{app}"}),
            )


def find_paused(state: NamespaceState) -> Iterator[Finding]:
    """Yield parts of Bookinfo whose rollout is paused, so that a restart does not reach them."""
    for workload in state.bookinfo:
        if workload["spec"].get("paused"):
            name = get_name(workload)
            reason = get_condition(workload, "Progressing").get("reason", "")
            yield Finding(
                Text(
                    "The rollout of {workload} is paused: a restart does not reach its pods.",
                    workload=name,
                ),
                (show_field(workload, "spec.paused", f"true {reason}".rstrip()),),
                Fix(line=f"kubectl rollout resume deployment/{name} -n {state.namespace}"),
                frozenset({f"Deployment/{name}"}),
            )


def list_refused(state: NamespaceState, pattern: str) -> list[Refusal]:
    """Return the refusals whose message matches."""
    return [r for r in list_refusals(state) if re.search(pattern, r.message)]


def find_quota_exceeded(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the namespace's quota refuses pods."""
    if refused := list_refused(state, r"exceeded quota|failed quota"):
        place = refused[0].workload["metadata"].get("namespace", "")
        yield Finding(
            Text(
                "The quota of {namespace} refuses pods of {workloads}.",
                namespace=place,
                workloads=list_words([get_name(r.workload) for r in refused]),
            ),
            (refused[0].evidence,),
            Fix(line=f"kubectl describe resourcequota -n {place}"),
            name_refused(refused),
        )


def find_limit_range(state: NamespaceState) -> Iterator[Finding]:
    """Yield that a LimitRange refuses pods."""
    pattern = r"(maximum|minimum) \S+ usage per|limit to request ratio"
    if refused := list_refused(state, pattern):
        place = refused[0].workload["metadata"].get("namespace", "")
        yield Finding(
            Text(
                "A LimitRange of {namespace} refuses pods of {workloads}.",
                namespace=place,
                workloads=list_words([get_name(r.workload) for r in refused]),
            ),
            (refused[0].evidence,),
            Fix(line=f"kubectl describe limitrange -n {place}"),
            name_refused(refused),
        )


def find_pod_security(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Pod Security refuses pods, such as those with istio-init."""
    if refused := list_refused(state, r"violates PodSecurity"):
        place = refused[0].workload["metadata"].get("namespace", "")
        level = state.labels.get("pod-security.kubernetes.io/enforce", "")
        yield Finding(
            Text(
                "Pod Security refuses pods of {workloads}: istio-init asks for NET_ADMIN and "
                "NET_RAW.",
                workloads=list_words([get_name(r.workload) for r in refused]),
            )
            if "istio-init" in refused[0].message
            else Text(
                "Pod Security refuses pods of {workloads}.",
                workloads=list_words([get_name(r.workload) for r in refused]),
            ),
            (
                *([verbatim(f"Namespace {place}: enforce={level}")] if level else []),
                refused[0].evidence,
            ),
            Fix(
                line=f"kubectl label namespace {place} pod-security.kubernetes.io/enforce-",
                advice=Text("Or take istio-cni, with which no pod asks for it: `ambient`."),
            ),
            name_refused(refused),
        )


CAUSES = (
    Cause(
        "insufficient-resources",
        Subject.CLUSTER,
        "No node has the room that a pod asks for.",
        "`FailedScheduling … Insufficient cpu` or memory.",
        "A larger machine, or smaller requests.",
        find_no_room,
        ("install", "inject"),
        CONSEQUENCES,
        gravity=1,
        source="Kubernetes 1.36, messages of the scheduler",
        by_object=True,
    ),
    Cause(
        "node-unschedulable",
        Subject.CLUSTER,
        "Nodes are cordoned, tainted or not ready, or nobody places a pod: a gate holds it, or its "
        "scheduler or its node does not exist.",
        "`FailedScheduling … were unschedulable` or an untolerated taint; the Node itself; "
        "condition `PodScheduled` with `SchedulingGated`, or no such condition.",
        "`kubectl uncordon NODE`, what the node says, or a template that names none that is not "
        "there.",
        find_node_unusable,
        explains=(*CONSEQUENCES, "pod-terminating"),
        gravity=1,
        source="Kubernetes 1.36, messages of the scheduler",
        by_object=True,
    ),
    Cause(
        "workload-scaled-to-zero",
        Subject.CLUSTER,
        "Somebody wants no pods of a part of Bookinfo.",
        "`spec.replicas: 0`.",
        "`kubectl scale … --replicas=1`, or the step again.",
        find_scaled_to_zero,
        explains=("subset-without-pods",),
        gravity=2,
        by_object=True,
    ),
    Cause(
        "rollout-paused",
        Subject.CLUSTER,
        "The Deployment is paused, so that a restart does not reach it.",
        "`spec.paused: true`; condition Progressing with `DeploymentPaused`.",
        "`kubectl rollout resume`.",
        find_paused,
        ("inject",),
        ("no-restart-after-label", "sidecar-blocks-ambient", "proxy-older-than-settings"),
        gravity=3,
        by_object=True,
    ),
    Cause(
        "quota-exceeded",
        Subject.CLUSTER,
        "The namespace's quota refuses pods.",
        "`FailedCreate … exceeded quota` on the ReplicaSet.",
        "The cluster's administrator raises the quota.",
        find_quota_exceeded,
        ("bookinfo", "inject"),
        (*CONSEQUENCES, "sidecar-blocks-ambient"),
        gravity=1,
        by_object=True,
    ),
    Cause(
        "limit-range-exceeded",
        Subject.CLUSTER,
        "A LimitRange refuses pods: the sidecar's limit, or an application's, is out of its range.",
        "`FailedCreate … maximum cpu usage per Container is …` on the ReplicaSet.",
        "The cluster's administrator changes the LimitRange.",
        find_limit_range,
        ("bookinfo", "inject"),
        (*CONSEQUENCES, "sidecar-blocks-ambient"),
        gravity=1,
        by_object=True,
    ),
    Cause(
        "pod-security-refuses",
        Subject.CLUSTER,
        "Pod Security admission refuses istio-init, which asks for NET_ADMIN.",
        "The namespace's label `pod-security.kubernetes.io/enforce`; `FailedCreate … violates "
        "PodSecurity`.",
        "Another level for the namespace, or istio-cni.",
        find_pod_security,
        ("inject",),
        (*CONSEQUENCES, "sidecar-blocks-ambient"),
        gravity=1,
        by_object=True,
    ),
)
