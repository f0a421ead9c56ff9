"""Causes why pods are not captured: they ask so, carry a sidecar, or the platform differs."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.causes.ambient import is_lacking
from bot.diagnosis.facts import describe, list_names, show_field, show_label
from bot.diagnosis.mesh_state import APPS, MODE, NamespaceState, get_age, list_bookinfo_pods
from bot.diagnosis.object_facts import get_template_labels, is_pod_ready
from bot.diagnosis.reasons import build_removal_line, find_owner, name_owner, name_workload
from bot.kinds import Object
from bot.knowledge.ambient.join import is_kept_out
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

CAPTURE_TIME = 60.0
"""Seconds in which istio-cni captures a running pod, with room (usually less than two)."""


def list_uncaptured(state: NamespaceState) -> list[Object]:
    """Return the pods of Bookinfo that ambient should capture and has not, though it had time."""
    return [
        pod
        for pod in list_bookinfo_pods(state)
        if not is_captured(pod)
        and not has_sidecar(pod)
        and is_pod_ready(pod)
        and not is_kept_out(pod)
        and get_age(state, pod) > CAPTURE_TIME
    ]


def find_platform_paths(state: NamespaceState) -> Iterator[Finding]:
    """Yield that istio-cni and ztunnel run everywhere, and no pod is ever captured."""
    if not state.is_ambient or state.captured:
        return
    if is_lacking(state.shared.cni) or is_lacking(state.shared.ztunnel):
        return
    pods, known = list_uncaptured(state), state.shared.nodes
    names = [str(pod["spec"].get("nodeName")) for pod in pods]
    nodes = [known[name] for name in names if name in known]
    systems = {
        "minikube": [n for n in nodes if "minikube.k8s.io/name" in get_labels(n)],
        "k3s": [n for n in nodes if "k3s" in get_version(n)],
        "k3d": [n for n in nodes if get_name(n).startswith("k3d-")],
    }
    for platform, found in systems.items():
        if found:
            info = found[0].get("status", {}).get("nodeInfo") or {}
            runtime = info.get("containerRuntimeVersion", "")
            yield Finding(
                Text(
                    "istio-cni runs and captures no pod: its directories do not fit {platform}.",
                    platform=platform,
                ),
                (
                    show_field(found[0], "nodeInfo", f"{get_version(found[0])} {runtime}"),
                    Text("not captured: {pods}", pods=list_names(pods)),
                ),
                Fix(command=f"ambient platform={platform}"),
            )
            return


def get_version(node: Object) -> str:
    """Return the kubelet's version of a node, which names k3s where it is one."""
    return str((node.get("status", {}).get("nodeInfo") or {}).get("kubeletVersion", ""))


def find_opted_out(state: NamespaceState) -> Iterator[Finding]:
    """Yield parts of Bookinfo that stay out of ambient by their template."""
    if not state.is_ambient:
        return
    for workload in state.bookinfo:
        labels = get_template_labels(workload)
        network = workload["spec"]["template"]["spec"].get("hostNetwork")
        if labels.get("app") not in APPS or not (labels.get(MODE) == "none" or network):
            continue
        name = get_name(workload)
        path = f"/spec/template/metadata/labels/{MODE.replace('/', '~1')}"
        field = "spec.template.spec.hostNetwork" if network else "spec.template.metadata.labels"
        yield Finding(
            Text(
                "{workload} is on the host's network, which ambient never captures.", workload=name
            )
            if network
            else Text("{workload} asks to stay out of the ambient mesh.", workload=name),
            (show_field(workload, field, "true" if network else f"{MODE}=none"),),
            Fix(
                line=build_removal_line(
                    name, state.namespace, "/spec/template/spec/hostNetwork" if network else path
                )
            ),
            frozenset({f"Deployment/{name}", f"app/{labels.get('app')}"}),
        )
    yield from find_pods_opted_out(state)


def find_pods_opted_out(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods of Bookinfo that somebody labelled themselves, beside their template."""
    for pod in list_bookinfo_pods(state):
        owner = find_owner(state, pod)
        inherited = owner is not None and get_template_labels(owner).get(MODE) == "none"
        if get_labels(pod).get(MODE) != "none" or inherited:
            continue
        yield Finding(
            Text("{workload} asks to stay out of the ambient mesh.", workload=describe(pod)),
            (show_field(pod, "metadata.labels", f"{MODE}=none"),),
            Fix(line=f"kubectl label pod {get_name(pod)} -n {state.namespace} {MODE}-"),
            name_owner(state, pod),
        )


def find_blocked_by_sidecar(state: NamespaceState) -> Iterator[Finding]:
    """Yield pods that ambient skips because they still carry a sidecar."""
    if not state.is_ambient or state.object is None:
        return
    pods = [p for p in list_bookinfo_pods(state) if has_sidecar(p) and not is_captured(p)]
    if pods:
        yield Finding(
            Text(
                "{pods} still carry a sidecar, and ambient skips such pods.", pods=list_names(pods)
            ),
            (
                show_label(state.object, MODE),
                *(
                    [show_label(state.object, "istio-injection")]
                    if "istio-injection" in state.labels
                    else []
                ),
                verbatim(f"{describe(pods[0])}: sidecar.istio.io/status, no redirection"),
            ),
            Fix(command="ambient"),
            frozenset().union(*(name_owner(state, p) for p in pods)),
            each=tuple(name_workload(state, p) for p in pods),
        )


CAUSES = (
    Cause(
        "cni-platform-paths",
        Subject.AMBIENT,
        "The directories of istio-cni do not fit the platform, such as minikube with Docker.",
        "istio-cni is ready, pods are never captured, and the node tells its platform.",
        "`/mesh ambient platform=minikube`",
        find_platform_paths,
        ("ambient",),
        gravity=2,
        source="Istio's page on prerequisites of platforms",
    ),
    Cause(
        "ambient-opted-out",
        Subject.AMBIENT,
        "Pods of Bookinfo carry `istio.io/dataplane-mode: none`, or are on the host's network.",
        "The label, or hostNetwork, of the template.",
        "Take it out",
        find_opted_out,
        ("ambient",),
        ("caller-outside-mesh",),
        gravity=3,
        by_object=True,
    ),
    Cause(
        "sidecar-blocks-ambient",
        Subject.AMBIENT,
        "Pods that still carry a sidecar are skipped by ambient: both labels, or not restarted.",
        "The ambient label, and pods with `sidecar.istio.io/status` and no redirection.",
        "`/mesh ambient`",
        find_blocked_by_sidecar,
        ("ambient",),
        ("waypoint-not-enrolled",),
        gravity=3,
        source="Istio 1.23 and 1.30",
    ),
)
