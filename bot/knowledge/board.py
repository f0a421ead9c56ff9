"""The board: where each step of the workshop stands, read from a snapshot alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bot.kinds import Object
from bot.knowledge.installation import tracing_words
from bot.knowledge.requests import stream_words
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.typed import spoken
from bot.knowledge.workloads import condition, counts, image_tag, is_ready, labels, of_the_mesh

BOOKINFO = ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
ADDONS = ("prometheus", "grafana", "jaeger")


@dataclass(frozen=True)
class Row:
    """One step: whether it is in place, and the words for it."""

    step: str
    done: bool
    words: str


Look = Callable[[Snapshot], tuple[bool, str]]


def share(names: tuple[str, ...], there: dict[str, Object]) -> tuple[int, list[str]]:
    """How many of these workloads are there, and those that are not ready."""
    found = [n for n in names if n in there]
    return len(found), [n for n in found if not is_ready(there[n])]


def install(now: Snapshot) -> tuple[bool, str]:
    """istiod and what came with it."""
    owned = {n: w for n, w in now.mesh.items() if of_the_mesh(w)}
    if "istiod" not in owned:
        return False, "not installed"
    lagging = [f"{n} {counts(w)[0]}/{counts(w)[1]}" for n, w in owned.items() if not (is_ready(w) and counts(w)[1])]
    version = labels(owned["istiod"]).get("operator.istio.io/version", "")
    if lagging:
        return False, f"Istio {version}: waiting for {', '.join(lagging)}"
    return True, f"Istio {version}, {len(owned)} workloads ready; {tracing_words(now.config)}"


def addons(now: Snapshot) -> tuple[bool, str]:
    """Prometheus, Grafana, Jaeger."""
    found, lagging = share(ADDONS, now.mesh)
    if not found:
        return False, "none installed"
    missing = [n for n in ADDONS if n not in now.mesh]
    words = [f"{found} of {len(ADDONS)} installed"]
    words += [f"missing {', '.join(missing)}"] if missing else []
    words += [f"not ready: {', '.join(lagging)}"] if lagging else []
    return not missing and not lagging, "; ".join(words)


def kiali(now: Snapshot) -> tuple[bool, str]:
    """Kiali."""
    deployment = now.mesh.get("kiali")
    if deployment is None:
        return False, "not installed"
    return is_ready(deployment), f"Kiali {image_tag(deployment)}" + ("" if is_ready(deployment) else ", not ready")


def bookinfo(now: Snapshot) -> tuple[bool, str]:
    """The application's six Deployments."""
    found, lagging = share(BOOKINFO, now.app)
    if not found:
        return False, "not deployed"
    return found == len(BOOKINFO) and not lagging, f"{found - len(lagging)} of {len(BOOKINFO)} deployments ready"


def captured(pod: Object) -> bool:
    """True for a pod whose traffic ztunnel takes."""
    return (pod["metadata"].get("annotations") or {}).get("ambient.istio.io/redirection") == "enabled"


def inject(now: Snapshot) -> tuple[bool, str]:
    """Sidecars, by the annotation that the injector leaves (native sidecars have it too)."""
    pods = now.app_pods
    inside = [p for p in pods if "sidecar.istio.io/status" in (p["metadata"].get("annotations") or {})]
    words = f"{len(inside)} of {len(pods)} pods have a sidecar"
    if now.app_labels.get("istio-injection") == "enabled" and len(inside) < len(pods):
        words += "; the label is set, older pods want a restart"
    elif not inside and pods and all(map(captured, pods)):
        words += "; they are in the ambient mesh instead"
    return bool(pods) and len(inside) == len(pods), words if pods else "no pods yet"


def expose(now: Snapshot) -> tuple[bool, str]:
    """The Gateway for the application."""
    gateways = [g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio"]
    if not gateways:
        return False, "no gateway"
    programmed = condition(gateways[0], "Programmed")
    done = programmed.get("status") == "True"
    reason = str(programmed.get("reason") or "waits for istiod")
    words = "programmed" if done else GATEWAY_WORDS.get(reason, reason)
    return done, f"gateway {gateways[0]['metadata']['name']} {words}"


GATEWAY_WORDS = {
    "AddressNotAssigned": "has no address yet: `minikube tunnel`, or annotate it with "
    "networking.istio.io/service-type=ClusterIP",
    "Pending": "waits for istiod",
    "Invalid": "is refused by istiod: its status says why",
}
"""Reasons why a Gateway is not programmed (Gateway API 1.1 to 1.5, Istio 1.23 and 1.30), and what helps."""


def http_rules(service: Object) -> Iterator[Any]:
    """The HTTP routes of a VirtualService."""
    yield from service["spec"].get("http") or []


def route(now: Snapshot) -> tuple[bool, str]:
    """Routes for reviews: by VirtualService, or by HTTPRoute with a waypoint."""
    if "reviews" in now.virtual_services:
        rules = list(http_rules(now.virtual_services["reviews"]))
        if "reviews" not in now.destination_rules:
            return False, "VirtualService reviews without its DestinationRule: callers get 503"
        return True, f"VirtualService reviews, {len(rules)} {'rule' if len(rules) == 1 else 'rules'}"
    return ("reviews" in now.routes, "HTTPRoute reviews" if "reviews" in now.routes else "no route for reviews")


def weightless(rule: Object) -> bool:
    """True for an HTTPRoute's rule that answers 500, because no backend has any weight."""
    backends = rule.get("backendRefs") or []
    return bool(backends) and all(backend.get("weight", 1) == 0 for backend in backends)


def fault(now: Snapshot) -> tuple[bool, str]:
    """Injected faults; through a waypoint, rules of HTTPRoutes whose backends all weigh nothing."""
    hurt = [n for n, service in now.virtual_services.items() if any(rule.get("fault") for rule in http_rules(service))]
    hurt += [n for n, route in now.routes.items() if any(map(weightless, route["spec"].get("rules") or []))]
    return bool(hurt), f"fault on {', '.join(hurt)}" if hurt else "no fault injected"


def traffic(now: Snapshot) -> tuple[bool, str]:
    """Requests leave no trace in the cluster's objects: this is what the bot itself sends and has sent."""
    if now.streams:
        words = "; ".join(stream_words(stream) for stream in now.streams)
        return any(stream.seen.versions for stream in now.streams), f"going on: {words}"
    if now.last is None:
        return False, "no requests were sent since the bot started"
    when, seen = now.last
    pages, failed = sum(seen.versions.values()), seen.versions.get("none", 0)
    met = f"{pages - failed} of {seen.asked} requests got a page with reviews" if pages else "nothing answered"
    return pages > failed, f"{spoken(time.time() - when)} ago: {met}"


def traces(now: Snapshot) -> tuple[bool, str]:
    """Spans need somewhere to go, and whether any came, only Jaeger tells."""
    if "jaeger" not in now.mesh:
        return False, "no Jaeger to look at"
    if now.senders:
        return True, f"spans came from {', '.join(now.senders)}"
    came = "no spans yet" if now.senders is not None else "Jaeger does not answer"
    return False, f"{came}; {tracing_words(now.config)}"


def shift(now: Snapshot) -> tuple[bool, str]:
    """Weights between versions."""
    routes = [
        route for n in now.virtual_services.values() for rule in http_rules(n) for route in rule.get("route") or []
    ]
    weights = [f"{r['destination'].get('subset', '?')}={r['weight']}" for r in routes if 0 < r.get("weight", 0) < 100]
    backends = [
        b for r in now.routes.values() for rule in r["spec"].get("rules") or [] for b in rule.get("backendRefs") or []
    ]
    weights += [f"{b['name']}={b['weight']}" for b in backends if 1 < b.get("weight", 1) < 100]
    return bool(weights), " ".join(weights) if weights else "no weights"


def ambient(now: Snapshot) -> tuple[bool, str]:
    """ztunnel, istio-cni, and the application's pods in the ambient mesh."""
    if "ztunnel" not in now.mesh:
        return False, "ztunnel is not installed"
    pods = now.app_pods
    marked = [p for p in pods if captured(p)]
    ready = all(is_ready(now.mesh[n]) for n in ("ztunnel", "istio-cni-node") if n in now.mesh)
    words = f"{len(marked)} of {len(pods)} pods captured" + ("" if ready else "; ztunnel or istio-cni not ready")
    return ready and bool(pods) and len(marked) == len(pods), words


def waypoint(now: Snapshot) -> tuple[bool, str]:
    """The namespace's waypoint and its label."""
    found = [g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio-waypoint"]
    if not found:
        return False, "no waypoint"
    programmed = condition(found[0], "Programmed").get("status") == "True"
    labelled = "istio.io/use-waypoint" in now.app_labels
    return programmed and labelled, ("programmed" if programmed else "not programmed") + (
        "" if labelled else "; the namespace is not enrolled"
    )


LOOKS: tuple[tuple[str, Look], ...] = (
    ("install", install),
    ("addons", addons),
    ("kiali", kiali),
    ("bookinfo", bookinfo),
    ("inject", inject),
    ("expose", expose),
    ("traffic", traffic),
    ("traces", traces),
    ("route", route),
    ("fault", fault),
    ("shift", shift),
    ("ambient", ambient),
    ("waypoint", waypoint),
)


def rows(now: Snapshot) -> list[Row]:
    """All steps in the order of the workshop."""
    return [Row(step, *look(now)) for step, look in LOOKS]
