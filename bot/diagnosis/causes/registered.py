"""Causes in what istiod knows of the application: namespaces that it leaves out, and hosts that
are registered twice."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe, join_labels, show_field
from bot.diagnosis.mesh_rules import get_cluster_domain
from bot.diagnosis.mesh_state import APPS, NamespaceState, is_in_mesh
from bot.kinds import NAMESPACE, SERVICE_ENTRY, Object
from bot.knowledge.objects.selectors import matches_selector
from bot.knowledge.objects.workloads import get_name
from bot.text import Text


def find_not_discovered(state: NamespaceState) -> Iterator[Finding]:
    """Yield that the mesh's configuration has istiod leave the namespace out."""
    selectors = state.cluster.mesh_config.get("discoverySelectors") or []
    if not selectors or state.object is None or not state.bookinfo:
        return
    if any(matches_selector(each, state.labels) for each in selectors):
        return
    if not is_in_mesh(state) and not {"istio-injection", "istio.io/rev"} & set(state.labels):
        return
    wanted = selectors[0].get("matchLabels") or {}
    line = f"kubectl label namespace {state.namespace} {' '.join(build_pairs(wanted))}"
    yield Finding(
        Text(
            "istiod leaves namespace {namespace} out: none of discoverySelectors fits its labels, "
            "so that proxies know none of its Services and rules.",
            namespace=state.namespace,
        ),
        (
            Text("discoverySelectors of the mesh: {labels}", labels=join_labels(wanted)),
            show_field(state.object, "labels", join_labels(state.labels)),
        ),
        Fix(line=line)
        if wanted
        else Fix(line=f"kubectl get configmap istio -n {state.cluster.mesh_namespace} -o yaml"),
        frozenset({f"Namespace/{state.namespace}"}),
    )


def build_pairs(labels: dict[str, str]) -> list[str]:
    """Return labels as `kubectl label` takes them."""
    return [f"{key}={value}" for key, value in labels.items()]


def list_stray_addresses(state: NamespaceState, entry: Object) -> list[str]:
    """Return the addresses that a ServiceEntry gives and that no pod of the namespace has."""
    own = {(pod.get("status") or {}).get("podIP") for pod in state.pods}
    return [
        str(each.get("address"))
        for each in entry["spec"].get("endpoints") or []
        if each.get("address") not in own
    ]


def find_host_twice(state: NamespaceState) -> Iterator[Finding]:
    """Yield ServiceEntries for the host of one of Bookinfo's Services, whose endpoints istiod adds
    to the Service's own.

    Of the same namespace alone: another one's is a host of its own to istiod.
    """
    if not is_in_mesh(state):
        return
    suffix = f".{state.namespace}.svc.{get_cluster_domain(state)}"
    for entry in state.list_own(SERVICE_ENTRY):
        hosts = [str(host) for host in entry["spec"].get("hosts") or []]
        apps = [a for a in APPS if f"{a}{suffix}" in hosts and a in state.services]
        stray = list_stray_addresses(state, entry)
        if not apps or not stray or entry["spec"].get("resolution") != "STATIC":
            continue
        yield Finding(
            Text(
                "{entry} is for the host of Service {service}: a part of its requests goes to "
                "{address}, which is none of its pods.",
                entry=describe(entry),
                service=apps[0],
                address=stray[0],
            ),
            (
                show_field(entry, "hosts", ", ".join(hosts)),
                show_field(entry, "endpoints", ", ".join(stray)),
            ),
            Fix(line=f"kubectl delete serviceentry {get_name(entry)} -n {state.namespace}"),
            frozenset({f"Service/{apps[0]}", f"app/{apps[0]}"}),
        )


CAUSES = (
    Cause(
        "namespace-not-discovered",
        Subject.SIDECARS,
        "The mesh's `discoverySelectors` leave the namespace out: istiod reads nothing of it.",
        "`discoverySelectors` in the mesh's configuration, and labels of the namespace that none "
        "of them fits.",
        "Label the namespace as a selector asks, or take the selectors out",
        find_not_discovered,
        ("inject", "install"),
        ("no-traffic", "prometheus-not-scraping", "readiness-failing", "no-restart-after-label"),
        gravity=1,
        source="Istio's reference of MeshConfig, discoverySelectors",
        needs=(NAMESPACE,),
    ),
    Cause(
        "serviceentry-over-service",
        Subject.RULES,
        "A ServiceEntry has the host of a Service, and its endpoints are added to the Service's.",
        "The ServiceEntry's `hosts` and `endpoints` (STATIC, of the same namespace), and addresses "
        "that are no pod's.",
        "Delete the ServiceEntry, or give it a host of its own",
        find_host_twice,
        ("egress",),
        ("circuit-breaker-open",),
        gravity=2,
        source="Istio 1.23 and 1.30: endpoints are kept by host and namespace",
        by_object=True,
    ),
)
