"""Causes in the application itself: its namespace, its workloads, and its Services."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import EVERYTHING, Cause, Finding, Fix, Subject
from bot.diagnosis.facts import (
    describe,
    join_labels,
    list_names,
    list_words,
    show_condition,
    show_field,
)
from bot.diagnosis.mesh_rules import get_cluster_domain, is_registered, service_exists
from bot.diagnosis.mesh_state import APPS, NamespaceState, list_pods_of
from bot.diagnosis.object_facts import get_template_labels, is_pod_ready
from bot.diagnosis.program_settings import list_asked_hosts
from bot.diagnosis.service_ports import list_selected_pods
from bot.kinds import DEPLOYMENT, NAMESPACE, POD, SERVICE, Object
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.text import Text, verbatim

LATER_STEPS = frozenset(
    {"inject", "expose", "traffic", "route", "fault", "shift", "ambient", "waypoint", "traces"}
)
"""Steps that need Bookinfo."""


def find_not_deployed(state: NamespaceState) -> Iterator[Finding]:
    """Yield that a later step was asked for, and Bookinfo is not there."""
    if is_terminating(state.object):
        return
    if state.bookinfo:
        yield from find_part_missing(state)
        return
    asked = sorted(state.activity.wanted & LATER_STEPS)
    signs = [verbatim(describe(g)) for g in state.gateways]
    if state.object is not None:
        keys = ("istio-injection", "istio.io/dataplane-mode", "istio.io/use-waypoint")
        signs += [
            show_field(state.object, "label", f"{key}={state.labels[key]}")
            for key in keys
            if state.labels.get(key) not in (None, "disabled", "none")
        ]
    if not asked and not signs and not state.activity.streams:
        return
    nothing = (
        Text("there is no namespace {namespace}", namespace=state.namespace)
        if state.object is None
        else Text("no Deployment of Bookinfo in {namespace}", namespace=state.namespace)
    )
    steps = [Text("asked for: {steps}", steps=list_words(asked))] if asked else []
    yield Finding(
        Text("Bookinfo is not deployed in {namespace}.", namespace=state.namespace),
        (nothing, *steps, *signs[:2]),
        Fix(command="bookinfo"),
    )


def find_part_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield that parts of Bookinfo are gone whose Services are still there."""
    there = {get_template_labels(d).get("app") for d in state.workloads}
    there |= {get_labels(pod).get("app") for pod in state.pods}
    gone = [app for app in APPS if app in state.services and app not in there]
    if gone:
        yield Finding(
            Text(
                "Bookinfo in {namespace} lacks {apps}: nobody is behind the Service.",
                apps=list_words(gone),
                namespace=state.namespace,
            ),
            (
                Text("no Deployment has pods with the label app={app}", app=gone[0]),
                verbatim(describe(state.services[gone[0]])),
            ),
            Fix(command="bookinfo"),
            frozenset({f"{kind}/{app}" for app in gone for kind in ("app", "Service")}),
        )


def is_terminating(namespace: Object | None) -> bool:
    """Tell whether a namespace is being deleted."""
    return bool((namespace or {}).get("status", {}).get("phase") == "Terminating")


def find_terminating(state: NamespaceState) -> Iterator[Finding]:
    """Yield namespaces that are being deleted, with what holds them."""
    for name in dict.fromkeys((state.namespace, state.cluster.mesh_namespace)):
        namespace = state.shared.find_cluster_object(NAMESPACE, name)
        if namespace is None or not is_terminating(namespace):
            continue
        held = [
            show_condition(namespace, c["type"])
            for c in namespace["status"].get("conditions") or []
            if c.get("status") == "True"
        ]
        yield Finding(
            Text(
                "Namespace {namespace} is being deleted: nothing can be created in it.",
                namespace=name,
            ),
            (show_field(namespace, "status.phase", "Terminating"), *held[:3]),
            Fix(line=f"kubectl get namespace {name} -o yaml"),
            frozenset({f"Namespace/{name}"}),
        )


def find_service_missing(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services of Bookinfo that are gone while their workload is there, and hosts that parts
    of it ask and that never were."""
    yield from find_host_unknown(state)
    for app in APPS:
        workloads = [d for d in state.bookinfo if get_template_labels(d).get("app") == app]
        if workloads and app not in state.services:
            yield Finding(
                Text("Service {service} is gone: its callers know no such host.", service=app),
                (
                    Text(
                        "no Service {service} in {namespace}",
                        service=app,
                        namespace=state.namespace,
                    ),
                    Text("there is {workloads}", workloads=list_names(workloads)),
                ),
                Fix(command="bookinfo"),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def find_host_unknown(state: NamespaceState) -> Iterator[Finding]:
    """Yield parts of Bookinfo whose environment has them ask a Service that does not exist."""
    for workload in state.bookinfo:
        for asked in list_asked_hosts(workload):
            name, place, known = find_asked_service(state, asked.host)
            if known or is_registered(state, asked.host):
                continue
            yield Finding(
                Text(
                    "{workload} asks {host}, and there is no such Service.",
                    workload=get_name(workload),
                    host=asked.host,
                ),
                (
                    show_field(workload, "env", ", ".join(asked.variables)),
                    Text("no Service {service} in {namespace}", service=name, namespace=place),
                ),
                Fix(command="bookinfo"),
                frozenset({f"Service/{name}", f"Deployment/{get_name(workload)}"}),
            )


def find_asked_service(state: NamespaceState, host: str) -> tuple[str, str, bool]:
    """Return the Service and the namespace that a pod here means by a host, and whether it is
    there: the resolver completes `NAME`, `NAME.NS`, `NAME.NS.svc` and the full name."""
    name, _, rest = host.partition(".")
    place, _, end = rest.partition(".")
    domain = get_cluster_domain(state)
    # `svc.cluster.local` alone leaves the namespace out.
    fits = end in ("", "svc", f"svc.{domain}") and place != "svc"
    place = place or state.namespace
    return name, place, fits and service_exists(state, name, place)


def find_service_without_pods(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services of Bookinfo that select nobody, or others, although ready pods are there."""
    yield from find_service_of_others(state)
    for app in APPS:
        service = state.services.get(app)
        if service is None or list_selected_pods(state, service):
            continue
        there = [pod for pod in list_pods_of(state, app) if is_pod_ready(pod)] or [
            pod for pod in state.pods if is_pod_ready(pod) and get_name(pod).startswith(f"{app}-")
        ]
        if there:
            selector = (service["spec"].get("selector")) or {}
            words = join_labels(selector)
            labels = ",".join(f"{k}={get_labels(there[0]).get(k, '?')}" for k in selector)
            yield Finding(
                Text(
                    "Service {service} selects no pod, although ready ones are there.", service=app
                ),
                (
                    show_field(service, "spec.selector", words),
                    verbatim(f"{describe(there[0])}: {labels or 'labels do not matter'}"),
                ),
                Fix(command="bookinfo"),
                frozenset({f"Service/{app}", f"app/{app}"}),
            )


def find_service_of_others(state: NamespaceState) -> Iterator[Finding]:
    """Yield Services of Bookinfo that select pods of another application, and none of their own."""
    for app in APPS:
        service, own = state.services.get(app), list_pods_of(state, app)
        if service is None:
            continue
        selected = list_selected_pods(state, service)
        others = {get_labels(p).get("app", "") for p in selected} & set(APPS)
        if not others or app in others or not any(is_pod_ready(p) for p in own):
            continue
        yield Finding(
            Text(
                "Service {service} selects pods of {others} and none of its own.",
                service=app,
                others=list_words(sorted(others)),
            ),
            (
                show_field(service, "spec.selector", join_labels(service["spec"]["selector"])),
                verbatim(f"{describe(own[0])}: app={app}"),
            ),
            Fix(command="bookinfo"),
            frozenset({f"Service/{app}", f"app/{app}"}),
        )


CAUSES = (
    Cause(
        "app-not-deployed",
        Subject.APPLICATION,
        "A later step was asked for, and Bookinfo, or a part of it, is not in the namespace.",
        "No workloads of Bookinfo in the namespace, or none behind one of its Services.",
        "`/mesh bookinfo`",
        find_not_deployed,
        ("inject", "expose", "route", "ambient"),
        (
            "namespace-not-labelled",
            "route-backend-missing",
            "virtualservice-host-unknown",
            "service-missing",
            "subset-without-pods",
            "no-traffic",
            "service-selects-no-pods",
        ),
        gravity=1,
        by_object=True,
        needs=(
            DEPLOYMENT,
            NAMESPACE,
            POD,
        ),
    ),
    Cause(
        "namespace-terminating",
        Subject.APPLICATION,
        "The namespace is being deleted, and something holds it.",
        "Phase Terminating; a condition such as `NamespaceFinalizersRemaining` says which "
        "finalizer.",
        "Remove that finalizer, or let the controller that it belongs to do it.",
        find_terminating,
        ("bookinfo", "uninstall"),
        (EVERYTHING,),
        gravity=0,
    ),
    Cause(
        "service-missing",
        Subject.APPLICATION,
        "A Service of Bookinfo is gone, or a part of it is told to ask one that does not exist.",
        "The workload is there, the Service is not; its callers fail with an unknown host.",
        "`/mesh bookinfo`",
        find_service_missing,
        ("bookinfo",),
        ("route-backend-missing", "virtualservice-host-unknown", "destinationrule-host-mismatch"),
        gravity=1,
        by_object=True,
        needs=(SERVICE,),
    ),
    Cause(
        "service-selects-no-pods",
        Subject.APPLICATION,
        "A Service selects nobody, or another application's pods, although its own are ready.",
        "Its selector differs from the labels of ready pods: no endpoints, 503 `UH`, or answers of "
        "another application.",
        "`/mesh bookinfo`",
        find_service_without_pods,
        ("bookinfo",),
        ("subset-without-pods",),
        gravity=1,
        source="KIA0601, IST0103 are near it",
        by_object=True,
    ),
)
