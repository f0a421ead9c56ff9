"""The state of each step of the workshop, read from a snapshot alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.kinds import Object
from bot.knowledge.bookinfo.app import BOOKINFO
from bot.knowledge.bookinfo.traffic_report import describe_stream
from bot.knowledge.mesh_config import describe_tracing
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.workloads import (
    count_ready_pods,
    get_condition,
    get_image_tag,
    get_labels,
    get_name,
    is_installed_by_istio,
    is_ready,
)
from bot.knowledge.routing.manifests import has_no_weight, is_waypoint, iterate_http_rules
from bot.knowledge.snapshot import Snapshot
from bot.text import EMPTY, Listed, Seconds, Text, counted, join, verbatim

ADDONS = ("prometheus", "grafana", "jaeger")


@dataclass(frozen=True)
class StepStatus:
    """One step's state: whether it is in place, and a description."""

    step: str
    done: bool
    words: Text


StepCheck = Callable[[Snapshot], tuple[bool, Text]]
"""Returns whether a step is in place, and a description."""


def count_installed(names: tuple[str, ...], there: dict[str, Object]) -> tuple[int, list[str]]:
    """Return how many of these workloads exist, and the names of those that are not ready."""
    found = [n for n in names if n in there]
    return len(found), [n for n in found if not is_ready(there[n])]


def check_install(now: Snapshot) -> tuple[bool, Text]:
    """Check istiod and the other workloads of the installation; return (done, description)."""
    owned = {n: w for n, w in now.mesh.items() if is_installed_by_istio(w)}
    if "istiod" not in owned:
        return False, Text("not installed")
    lagging = [
        "{} {}/{}".format(name, *count_ready_pods(workload))
        for name, workload in owned.items()
        if not (is_ready(workload) and count_ready_pods(workload)[1])
    ]
    version = get_labels(owned["istiod"]).get("operator.istio.io/version", "")
    if lagging:
        return False, Text(
            "Istio {version}: waiting for {lagging}",
            version=version,
            lagging=Listed(lagging, "comma"),
        )
    ready = counted(
        "Istio {version}, {n} workload ready",
        "Istio {version}, {n} workloads ready",
        n=len(owned),
        version=version,
    )
    return True, join("semicolon", ready, describe_tracing(now.config))


def check_addons(now: Snapshot) -> tuple[bool, Text]:
    """Check Prometheus, Grafana and Jaeger; return (done, description)."""
    found, lagging = count_installed(ADDONS, now.mesh)
    if not found:
        return False, Text("none installed")
    missing = [n for n in ADDONS if n not in now.mesh]
    words = join(
        "semicolon",
        Text("{found} of {wanted} installed", found=found, wanted=len(ADDONS)),
        Text("missing {missing}", missing=Listed(missing, "comma")) if missing else EMPTY,
        Text("not ready: {lagging}", lagging=Listed(lagging, "comma")) if lagging else EMPTY,
    )
    return not missing and not lagging, words


def check_kiali(now: Snapshot) -> tuple[bool, Text]:
    """Check Kiali's Deployment; return (done, description)."""
    deployment = now.mesh.get("kiali")
    if deployment is None:
        return False, Text("not installed")
    version = get_image_tag(deployment)
    if is_ready(deployment):
        return True, Text("Kiali {version}", version=version)
    return False, Text("Kiali {version}, not ready", version=version)


def check_bookinfo(now: Snapshot) -> tuple[bool, Text]:
    """Check the application's six Deployments; return (done, description)."""
    found, lagging = count_installed(BOOKINFO, now.app)
    if not found:
        return False, Text("not deployed")
    return found == len(BOOKINFO) and not lagging, Text(
        "{ready} of {wanted} deployments ready",
        ready=found - len(lagging),
        wanted=len(BOOKINFO),
    )


def check_inject(now: Snapshot) -> tuple[bool, Text]:
    """Check the sidecars, by the injector's annotation (native sidecars have it too); return
    (done, description).
    """
    pods = now.app_pods
    injected = [
        p for p in pods if "sidecar.istio.io/status" in (p["metadata"].get("annotations") or {})
    ]
    if not pods:
        return False, Text("no pods yet")
    words = Text("{injected} of {pods} pods have a sidecar", injected=len(injected), pods=len(pods))
    remark = EMPTY
    if now.app_labels.get("istio-injection") == "enabled" and len(injected) < len(pods):
        remark = Text("the label is set, older pods need a restart")
    elif not injected and all(map(is_captured, pods)):
        remark = Text("they are in the ambient mesh instead")
    return len(injected) == len(pods), join("semicolon", words, remark)


def check_expose(now: Snapshot) -> tuple[bool, Text]:
    """Check the application's Gateway; return (done, description)."""
    gateways = [g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio"]
    if not gateways:
        return False, Text("no gateway")
    programmed = get_condition(gateways[0], "Programmed")
    reason, name = str(programmed.get("reason") or "Pending"), get_name(gateways[0])
    if programmed.get("status") == "True":
        return True, Text("gateway {name} programmed", name=name)
    words = GATEWAY_REASONS.get(reason) or verbatim(reason)
    return False, Text("gateway {name}: {words}", name=name, words=words)


GATEWAY_REASONS = {
    "AddressNotAssigned": Text(
        "has no address yet: `minikube tunnel`, or annotate it with "
        "networking.istio.io/service-type=ClusterIP"
    ),
    "Pending": Text("waits for istiod"),
    "Invalid": Text("is refused by istiod: its status says why"),
}
"""Reasons why a Gateway is not programmed (Gateway API 1.1 to 1.5, Istio 1.23 and 1.30), and what
helps."""


def check_route(now: Snapshot) -> tuple[bool, Text]:
    """Check the routes for reviews, by VirtualService or by HTTPRoute with a waypoint; return
    (done, description).
    """
    if "reviews" in now.virtual_services:
        rules = list(iterate_http_rules(now.virtual_services["reviews"]))
        if "reviews" not in now.destination_rules:
            return False, Text(
                "VirtualService reviews without its DestinationRule: callers get 503"
            )
        return True, counted(
            "VirtualService reviews, {n} rule", "VirtualService reviews, {n} rules", n=len(rules)
        )
    if "reviews" in now.routes:
        return True, verbatim("HTTPRoute reviews")
    return False, Text("no route for reviews")


def check_fault(now: Snapshot) -> tuple[bool, Text]:
    """Check for injected faults; through a waypoint, for rules whose backends all weigh
    nothing. Return (done, description).
    """
    faulty = [
        name
        for name, service in now.virtual_services.items()
        if any(rule.get("fault") for rule in iterate_http_rules(service))
    ]
    faulty += [
        name
        for name, route in now.routes.items()
        if any(map(has_no_weight, route["spec"].get("rules") or []))
    ]
    if not faulty:
        return False, Text("no fault injected")
    return True, Text("fault on {services}", services=Listed(faulty, "comma"))


def check_traffic(now: Snapshot) -> tuple[bool, Text]:
    """Check what the bot itself sends and has sent, since requests leave no trace in objects;
    return (done, description).
    """
    if now.streams:
        streams = Listed(map(describe_stream, now.streams), "semicolon")
        return any(stream.seen.versions for stream in now.streams), Text(
            "going on: {streams}", streams=streams
        )
    if now.last is None:
        return False, Text("no requests were sent since the bot started")
    when, seen = now.last
    pages, failed = sum(seen.versions.values()), seen.versions.get("none", 0)
    result = (
        Text(
            "{pages} of {asked} requests got a page with reviews",
            pages=pages - failed,
            asked=seen.asked,
        )
        if pages
        else Text("nothing answered")
    )
    return pages > failed, Text(
        "{duration} ago: {result}", duration=Seconds(time.time() - when, "rough"), result=result
    )


def check_traces(now: Snapshot) -> tuple[bool, Text]:
    """Check that spans arrived, which only Jaeger knows; return (done, description)."""
    if "jaeger" not in now.mesh:
        return False, Text("no Jaeger to look at")
    if now.senders:
        return True, Text("spans came from {senders}", senders=Listed(now.senders, "comma"))
    spans = Text("no spans yet") if now.senders is not None else Text("Jaeger does not answer")
    return False, join("semicolon", spans, describe_tracing(now.config))


def check_shift(now: Snapshot) -> tuple[bool, Text]:
    """Check for weights between versions; return (done, description)."""
    routes = [
        route
        for n in now.virtual_services.values()
        for rule in iterate_http_rules(n)
        for route in rule.get("route") or []
    ]
    weights = [
        f"{r['destination'].get('subset', '?')}={r['weight']}"
        for r in routes
        if 0 < r.get("weight", 0) < 100
    ]
    backends = [
        b
        for r in now.routes.values()
        for rule in r["spec"].get("rules") or []
        for b in rule.get("backendRefs") or []
    ]
    weights += [f"{b['name']}={b['weight']}" for b in backends if 1 < b.get("weight", 1) < 100]
    return bool(weights), verbatim(" ".join(weights)) if weights else Text("no weights")


def check_ambient(now: Snapshot) -> tuple[bool, Text]:
    """Check ztunnel, istio-cni and that the application's pods are captured; return (done,
    description).
    """
    if "ztunnel" not in now.mesh:
        return False, Text("ztunnel is not installed")
    pods = now.app_pods
    captured = sum(map(is_captured, pods))
    ready = all(is_ready(now.mesh[n]) for n in ("ztunnel", "istio-cni-node") if n in now.mesh)
    words = Text("{captured} of {pods} pods captured", captured=captured, pods=len(pods))
    lagging = EMPTY if ready else Text("ztunnel or istio-cni not ready")
    return ready and bool(pods) and captured == len(pods), join("semicolon", words, lagging)


def check_waypoint(now: Snapshot) -> tuple[bool, Text]:
    """Check the namespace's waypoint and its label; return (done, description)."""
    found = list(filter(is_waypoint, now.gateways.values()))
    if not found:
        return False, Text("no waypoint")
    programmed = get_condition(found[0], "Programmed").get("status") == "True"
    labelled = "istio.io/use-waypoint" in now.app_labels
    words = Text("programmed") if programmed else Text("not programmed")
    enrolled = EMPTY if labelled else Text("the namespace is not enrolled")
    return programmed and labelled, join("semicolon", words, enrolled)


STEP_CHECKS: tuple[tuple[str, StepCheck], ...] = (
    ("install", check_install),
    ("addons", check_addons),
    ("kiali", check_kiali),
    ("bookinfo", check_bookinfo),
    ("inject", check_inject),
    ("expose", check_expose),
    ("traffic", check_traffic),
    ("traces", check_traces),
    ("route", check_route),
    ("fault", check_fault),
    ("shift", check_shift),
    ("ambient", check_ambient),
    ("waypoint", check_waypoint),
)
"""By step, in the order of the workshop."""


def list_step_statuses(now: Snapshot) -> list[StepStatus]:
    """Return the state of all steps, in the order of the workshop."""
    return [StepStatus(step, *check(now)) for step, check in STEP_CHECKS]
