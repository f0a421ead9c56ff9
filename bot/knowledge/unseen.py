"""Why nothing is seen: an empty graph or a Jaeger without traces, from the objects and from what Prometheus says.

The order of the questions is that of the way: application, proxies, traffic, collector, and then patience.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import CONFIG_MAP, SERVICE, Object
from bot.knowledge.observe import prometheus
from bot.knowledge.offers import offer
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.workloads import condition, is_ready, name
from bot.steps import Context, State

RECENT = 60.0
"""Seconds in which requests may have been sent and not be scraped twice yet."""


@dataclass(frozen=True)
class Reason:
    """Why nothing is seen, and what to type; NORMAL when it only takes time."""

    because: str
    next: tuple[str, ...] = ()
    state: State = State.NOT_YET


def with_sidecar(pod: Object) -> bool:
    """True for a pod that was injected, native sidecars too."""
    return "sidecar.istio.io/status" in (pod["metadata"].get("annotations") or {})


def captured(pod: Object) -> bool:
    """True for a pod whose traffic ztunnel takes."""
    return (pod["metadata"].get("annotations") or {}).get("ambient.istio.io/redirection") == "enabled"


def has_waypoint(now: Snapshot) -> bool:
    """True when a waypoint runs and the namespace uses one."""
    classes = [g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio-waypoint"]
    running = any(condition(g, "Programmed").get("status") == "True" for g in classes)
    return running and "istio.io/use-waypoint" in now.app_labels


def outside(context: Context, now: Snapshot) -> Reason | None:
    """No application, or none of it in the mesh."""
    namespace = context.workshop.app_namespace
    if not now.app_pods:
        return Reason(f"no application runs in {namespace}.", offer(context, "bookinfo"))
    if any(with_sidecar(pod) or captured(pod) for pod in now.app_pods):
        return None
    return Reason(
        f"no pod of {namespace} has a proxy (neither sidecar nor ambient), and only proxies report what they see.",
        offer(context, "inject", "ambient"),
    )


def sent(now: Snapshot) -> float | None:
    """How many seconds ago the bot's own requests last were answered; 0 while a stream goes on, None for never."""
    if any(stream.seen.versions for stream in now.streams):
        return 0.0
    return time.time() - now.last[0] if now.last and now.last[1].versions else None


async def graph(context: Context, now: Snapshot, seconds: int) -> Reason:
    """Why the graph of the last seconds is empty."""
    if (reason := outside(context, now)) is not None:
        return reason
    if "prometheus" not in now.mesh or not is_ready(now.mesh["prometheus"]):
        state = "not ready yet" if "prometheus" in now.mesh else "not installed"
        return Reason(f"Prometheus is {state}, and the graph is drawn from its numbers.", offer(context, "addons"))
    namespace = context.workshop.app_namespace
    try:
        reported = await prometheus.number(context, prometheus.recorded_requests(namespace)) or 0.0
        reached, failure = await prometheus.targets(context, namespace)
        flowing = await prometheus.number(context, prometheus.any_rate(namespace, seconds)) or 0.0
    except ClusterError as problem:
        return Reason(f"Prometheus is installed and does not answer: {problem}", offer(context, "addons", "status"))
    if flowing:
        return await elsewhere(context, now)
    return quiet(context, now, reported=bool(reported), unreached="" if reached else failure or "it knows no target")


def quiet(context: Context, now: Snapshot, *, reported: bool, unreached: str) -> Reason:
    """Nothing flows by Prometheus: no requests, too few scrapes, or pods that it cannot reach."""
    ago, namespace = sent(now), context.workshop.app_namespace
    if ago is not None and ago < RECENT:
        words = "are going on" if not ago else f"were sent {ago:.0f} s ago"
        return Reason(
            f"requests {words}, and Prometheus asks the proxies only every 15 s; a rate needs two answers. "
            "Look again in 30 to 45 s.",
            offer(context, "graph"),
            State.NORMAL,
        )
    if ago is not None and not reported and unreached:
        return Reason(
            f"requests were answered, and Prometheus reaches none of the proxies in {namespace}: {unreached}.",
            offer(context, "addons", "status"),
        )
    words = "no requests were sent lately" if reported or ago is not None else "no request has been seen yet"
    return Reason(f"{words}: without traffic there is no graph.", offer(context, "traffic start", "traffic burst"))


async def elsewhere(context: Context, now: Snapshot) -> Reason:
    """Prometheus has numbers that Kiali does not show: it may read another Prometheus."""
    held = await context.cluster.get(CONFIG_MAP, "kiali", context.workshop.mesh_namespace)
    text = (held or {}).get("data", {}).get("config.yaml", "")
    usual = f"http://prometheus.{context.workshop.mesh_namespace}:9090"
    said = [line.strip() for line in text.splitlines() if "9090" in line or "prometheus" in line.lower()]
    other = [line for line in said if "http" in line and f"prometheus.{context.workshop.mesh_namespace}" not in line]
    if other:
        return Reason(f"Prometheus has the numbers, and Kiali reads another one ({other[0]}); usual is {usual}.")
    return Reason(
        "Prometheus has the numbers, and Kiali has not caught up with them. Look again in 30 s.",
        offer(context, "graph"),
        State.NORMAL,
    )


async def traces(context: Context, now: Snapshot) -> Reason:
    """Why Jaeger has no traces of the application."""
    reason = outside(context, now) or unconfigured(context, now)
    if reason is not None:
        return reason
    address = zipkin(now.config)
    service, _, place = address.partition(":")[0].partition(".")
    place = place.partition(".")[0] or context.workshop.mesh_namespace
    if await context.cluster.get(SERVICE, service, place) is None:
        return Reason(f"proxies send spans to {address}, and there is no such Service.", offer(context, "addons"))
    older = [name(pod) for pod in now.app_pods if with_sidecar(pod) and zipkin(bootstrap(pod), "tracing") != address]
    if older:
        some = ", ".join(older[:3]) + ("…" if len(older) > 3 else "")
        words = f"{len(older)} pods were started before tracing was set and do not know where to send spans ({some})"
        return Reason(f"{words}: they want a restart.", offer(context, "inject"))
    return untravelled(context, now)


def unconfigured(context: Context, now: Snapshot) -> Reason | None:
    """Tracing that is switched off, or that only ztunnel could do, which knows no requests."""
    if not zipkin(now.config) or now.config.get("enableTracing") is False:
        words = (
            "the mesh is not told to trace: the settings were not given, or lost in an upgrade that did not repeat them"
        )
        return Reason(f"{words}.", offer(context, "install", "ambient"))
    if not any(with_sidecar(pod) for pod in now.app_pods) and not has_waypoint(now):
        return Reason(
            "the application is in the ambient mesh without a waypoint: ztunnel sees connections and sends no spans.",
            offer(context, "waypoint"),
        )
    return None


def trace_cautions(context: Context, now: Snapshot) -> tuple[str, ...]:
    """Why there will be no more traces though there are some: what Jaeger has stays when the mesh changes."""
    reason = outside(context, now) or unconfigured(context, now)
    return (f"These may be old or of the gateway alone: {reason.because}",) if reason else ()


def untravelled(context: Context, now: Snapshot) -> Reason:
    """Everything is in place: no requests, too few of them sampled, or spans on their way."""
    ago, sampling = sent(now), sampled(now.config)
    if ago is None:
        words = "no requests were sent since the bot started, so that there was nothing to trace"
        return Reason(f"{words}.", offer(context, "traffic once", "traffic start"))
    if sampling < 100:
        words = f"only {sampling:g} % of requests are sampled (the workshop sets 100)"
        return Reason(f"{words}: send more, or set it.", offer(context, "install", "traffic burst"))
    return Reason(
        f"requests were sent {ago:.0f} s ago, and their spans are on their way. Look again in a few seconds.",
        offer(context, "traces", "traffic once"),
        State.NORMAL,
    )


def zipkin(config: Object, *path: str) -> str:
    """Where spans go by a mesh configuration, or by a proxy's own."""
    tracing = config.get("tracing") if path else (config.get("defaultConfig") or {}).get("tracing")
    return str(((tracing or {}).get("zipkin") or {}).get("address") or "")


def sampled(config: Object) -> float:
    """How many per cent of requests are traced; 1 unless said (Istio 1.23 and 1.30)."""
    tracing = (config.get("defaultConfig") or {}).get("tracing") or {}
    return float(tracing.get("sampling", 1.0))


def bootstrap(pod: Object) -> Object:
    """The proxy configuration that a pod was injected with."""
    spec = pod["spec"]
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for variable in container.get("env") or []:
            if container["name"] == "istio-proxy" and variable["name"] == "PROXY_CONFIG":
                parsed = json.loads(variable.get("value") or "{}")
                return parsed if isinstance(parsed, dict) else {}
    return {}
