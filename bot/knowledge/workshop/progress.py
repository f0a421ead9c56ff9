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
from bot.knowledge.routing.manifests import has_no_weight, iterate_http_rules
from bot.knowledge.snapshot import Snapshot
from bot.text import Listed, Seconds, Text, counted, join, verbatim

ADDONS = ("prometheus", "grafana", "jaeger")


@dataclass(frozen=True)
class StepStatus:
    """One step's state: whether it is in place, and a description."""

    step: str
    done: bool
    words: Text


Look = Callable[[Snapshot], tuple[bool, Text]]


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
        f"{n} {count_ready_pods(w)[0]}/{count_ready_pods(w)[1]}"
        for n, w in owned.items()
        if not (is_ready(w) and count_ready_pods(w)[1])
    ]
    version = get_labels(owned["istiod"]).get("operator.istio.io/version", "")
    if lagging:
        return False, Text(
            "Istio {version}: waiting for {lagging}",
            version=version,
            lagging=Listed(lagging, "comma"),
        )
    return True, Text(
        "Istio {version}, {owned} workloads ready; {tracing}",
        version=version,
        owned=len(owned),
        tracing=describe_tracing(now.config),
    )


def check_addons(now: Snapshot) -> tuple[bool, Text]:
    """Check Prometheus, Grafana and Jaeger; return (done, description)."""
    found, lagging = count_installed(ADDONS, now.mesh)
    if not found:
        return False, Text("none installed")
    missing = [n for n in ADDONS if n not in now.mesh]
    words = [Text("{found} of {wanted} installed", found=found, wanted=len(ADDONS))]
    words += [Text("missing {missing}", missing=Listed(missing, "comma"))] if missing else []
    words += [Text("not ready: {lagging}", lagging=Listed(lagging, "comma"))] if lagging else []
    return not missing and not lagging, join("semicolon", *words)


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
    inside = [
        p for p in pods if "sidecar.istio.io/status" in (p["metadata"].get("annotations") or {})
    ]
    if not pods:
        return False, Text("no pods yet")
    words = Text("{inside} of {pods} pods have a sidecar", inside=len(inside), pods=len(pods))
    if now.app_labels.get("istio-injection") == "enabled" and len(inside) < len(pods):
        words = Text("{state}; the label is set, older pods need a restart", state=words)
    elif not inside and all(map(is_captured, pods)):
        words = Text("{state}; they are in the ambient mesh instead", state=words)
    return len(inside) == len(pods), words


def check_expose(now: Snapshot) -> tuple[bool, Text]:
    """Check the application's Gateway; return (done, description)."""
    gateways = [g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio"]
    if not gateways:
        return False, Text("no gateway")
    programmed = get_condition(gateways[0], "Programmed")
    done = programmed.get("status") == "True"
    reason, name = str(programmed.get("reason") or "Pending"), get_name(gateways[0])
    if done:
        return True, Text("gateway {name} programmed", name=name)
    words = GATEWAY_WORDS.get(reason) or verbatim(reason)
    return False, Text("gateway {name}: {words}", name=name, words=words)


GATEWAY_WORDS = {
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
        return (
            True,
            counted(
                "VirtualService reviews, {n} rule",
                "VirtualService reviews, {n} rules",
                n=len(rules),
            ),
        )
    return (
        "reviews" in now.routes,
        Text("HTTPRoute reviews") if "reviews" in now.routes else Text("no route for reviews"),
    )


def check_fault(now: Snapshot) -> tuple[bool, Text]:
    """Check for injected faults; through a waypoint, for rules whose backends all weigh
    nothing. Return (done, description).
    """
    hurt = [
        n
        for n, service in now.virtual_services.items()
        if any(rule.get("fault") for rule in iterate_http_rules(service))
    ]
    hurt += [
        n
        for n, route in now.routes.items()
        if any(map(has_no_weight, route["spec"].get("rules") or []))
    ]
    return bool(hurt), Text("fault on {hurt}", hurt=Listed(hurt, "comma")) if hurt else Text(
        "no fault injected"
    )


def check_traffic(now: Snapshot) -> tuple[bool, Text]:
    """Check what the bot itself sends and has sent, since requests leave no trace in objects;
    return (done, description).
    """
    if now.streams:
        words = Listed([describe_stream(stream) for stream in now.streams], "semicolon")
        return any(stream.seen.versions for stream in now.streams), Text(
            "going on: {words}", words=words
        )
    if now.last is None:
        return False, Text("no requests were sent since the bot started")
    when, seen = now.last
    pages, failed = sum(seen.versions.values()), seen.versions.get("none", 0)
    met = (
        Text(
            "{pages} of {asked} requests got a page with reviews",
            pages=pages - failed,
            asked=seen.asked,
        )
        if pages
        else Text("nothing answered")
    )
    return pages > failed, Text(
        "{duration} ago: {met}", duration=Seconds(time.time() - when, "rough"), met=met
    )


def check_traces(now: Snapshot) -> tuple[bool, Text]:
    """Check that spans arrived, which only Jaeger knows; return (done, description)."""
    if "jaeger" not in now.mesh:
        return False, Text("no Jaeger to look at")
    if now.senders:
        return True, Text("spans came from {senders}", senders=Listed(now.senders, "comma"))
    came = Text("no spans yet") if now.senders is not None else Text("Jaeger does not answer")
    tracing = describe_tracing(now.config)
    return False, Text("{spans}; {tracing}", spans=came, tracing=tracing)


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
    marked = [p for p in pods if is_captured(p)]
    ready = all(is_ready(now.mesh[n]) for n in ("ztunnel", "istio-cni-node") if n in now.mesh)
    words = Text("{captured} of {pods} pods captured", captured=len(marked), pods=len(pods))
    if not ready:
        words = Text("{state}; ztunnel or istio-cni not ready", state=words)
    return ready and bool(pods) and len(marked) == len(pods), words


def check_waypoint(now: Snapshot) -> tuple[bool, Text]:
    """Check the namespace's waypoint and its label; return (done, description)."""
    found = [
        g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio-waypoint"
    ]
    if not found:
        return False, Text("no waypoint")
    programmed = get_condition(found[0], "Programmed").get("status") == "True"
    labelled = "istio.io/use-waypoint" in now.app_labels
    words = Text("programmed") if programmed else Text("not programmed")
    if not labelled:
        words = Text("{state}; the namespace is not enrolled", state=words)
    return programmed and labelled, words


LOOKS: tuple[tuple[str, Look], ...] = (
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


def list_step_statuses(now: Snapshot) -> list[StepStatus]:
    """Return the state of all steps, in the order of the workshop."""
    return [StepStatus(step, *look(now)) for step, look in LOOKS]
