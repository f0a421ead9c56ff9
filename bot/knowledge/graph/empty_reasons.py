"""Explanations of an empty graph or a Jaeger without traces, from the objects and from
Prometheus.

The questions follow the way of the data: application, proxies, traffic, collector, and
then patience.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import CONFIG_MAP, SERVICE, Object
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_condition, get_name, is_ready
from bot.knowledge.observe import prometheus
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, State

RECENT = 60.0
"""Seconds in which requests may have been sent and not be scraped twice yet."""


@dataclass(frozen=True)
class Reason:
    """Reason why there is no graph or no traces, and what to type; NORMAL when it only takes
    time.
    """

    because: str
    next: tuple[str, ...] = ()
    state: State = State.NOT_YET


def has_sidecar(pod: Object) -> bool:
    """Tell whether a pod was injected, native sidecars too."""
    return "sidecar.istio.io/status" in (pod["metadata"].get("annotations") or {})


def is_captured(pod: Object) -> bool:
    """Tell whether ztunnel captures a pod's traffic."""
    return (pod["metadata"].get("annotations") or {}).get(
        "ambient.istio.io/redirection"
    ) == "enabled"


def has_waypoint(now: Snapshot) -> bool:
    """Tell whether a waypoint runs and the namespace uses one."""
    classes = [
        g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio-waypoint"
    ]
    running = any(get_condition(g, "Programmed").get("status") == "True" for g in classes)
    return running and "istio.io/use-waypoint" in now.app_labels


def explain_absence_from_mesh(context: Context, now: Snapshot) -> Reason | None:
    """Return the reason when there is no application, or none of it in the mesh; else None."""
    namespace = context.workshop.app_namespace
    if not now.app_pods:
        return Reason(f"no application runs in {namespace}.", suggest_commands(context, "bookinfo"))
    if any(has_sidecar(pod) or is_captured(pod) for pod in now.app_pods):
        return None
    return Reason(
        f"no pod of {namespace} has a proxy (neither sidecar nor ambient), and only proxies report what they see.",
        suggest_commands(context, "inject", "ambient"),
    )


def measure_last_traffic_age(now: Snapshot) -> float | None:
    """Return how many seconds ago the bot's own requests last were answered; 0 while a stream
    goes on, None for never.
    """
    if any(stream.seen.versions for stream in now.streams):
        return 0.0
    return time.time() - now.last[0] if now.last and now.last[1].versions else None


async def explain_empty_graph(context: Context, now: Snapshot, seconds: int) -> Reason:
    """Return why the graph of the last seconds is empty."""
    if (reason := explain_absence_from_mesh(context, now)) is not None:
        return reason
    if "prometheus" not in now.mesh or not is_ready(now.mesh["prometheus"]):
        state = "not ready yet" if "prometheus" in now.mesh else "not installed"
        return Reason(
            f"Prometheus is {state}, and the graph is drawn from its numbers.",
            suggest_commands(context, "addons"),
        )
    namespace = context.workshop.app_namespace
    try:
        reported = (
            await prometheus.query_number(
                context, prometheus.build_recorded_requests_query(namespace)
            )
            or 0.0
        )
        reached, failure = await prometheus.count_reachable_pods(context, namespace)
        flowing = (
            await prometheus.query_number(
                context, prometheus.build_any_rate_query(namespace, seconds)
            )
            or 0.0
        )
    except ClusterError as problem:
        return Reason(
            f"Prometheus is installed and does not answer: {problem}",
            suggest_commands(context, "addons", "status"),
        )
    if flowing:
        return await explain_kiali_lag(context, now)
    return explain_missing_traffic(
        context,
        now,
        reported=bool(reported),
        unreached="" if reached else failure or "it knows no target",
    )


def explain_missing_traffic(
    context: Context, now: Snapshot, *, reported: bool, unreached: str
) -> Reason:
    """Return why Prometheus sees no traffic: no requests, too few scrapes, or pods that it
    cannot reach.
    """
    ago, namespace = measure_last_traffic_age(now), context.workshop.app_namespace
    if ago is not None and ago < RECENT:
        words = "are going on" if not ago else f"were sent {ago:.0f} s ago"
        return Reason(
            f"requests {words}, and Prometheus asks the proxies only every 15 s; a rate needs two answers. "
            "Look again in 30 to 45 s.",
            suggest_commands(context, "graph"),
            State.NORMAL,
        )
    if ago is not None and not reported and unreached:
        return Reason(
            f"requests were answered, and Prometheus reaches none of the proxies in {namespace}: {unreached}.",
            suggest_commands(context, "addons", "status"),
        )
    words = (
        "no requests were sent lately"
        if reported or ago is not None
        else "no request has been seen yet"
    )
    return Reason(
        f"{words}: without traffic there is no graph.",
        suggest_commands(context, "traffic start", "traffic burst"),
    )


async def explain_kiali_lag(context: Context, now: Snapshot) -> Reason:
    """Return why Prometheus has numbers that Kiali does not show: it may read another
    Prometheus, or lag.
    """
    held = await context.cluster.get(CONFIG_MAP, "kiali", context.workshop.mesh_namespace)
    text = (held or {}).get("data", {}).get("config.yaml", "")
    usual = f"http://prometheus.{context.workshop.mesh_namespace}:9090"
    said = [
        line.strip() for line in text.splitlines() if "9090" in line or "prometheus" in line.lower()
    ]
    other = [
        line
        for line in said
        if "http" in line and f"prometheus.{context.workshop.mesh_namespace}" not in line
    ]
    if other:
        return Reason(
            f"Prometheus has the numbers, and Kiali reads another one ({other[0]}); usual is {usual}."
        )
    return Reason(
        "Prometheus has the numbers, and Kiali has not caught up with them. Look again in 30 s.",
        suggest_commands(context, "graph"),
        State.NORMAL,
    )


async def explain_missing_traces(context: Context, now: Snapshot) -> Reason:
    """Return why Jaeger has no traces of the application."""
    reason = explain_absence_from_mesh(context, now) or explain_disabled_tracing(context, now)
    if reason is not None:
        return reason
    address = get_zipkin_address(now.config)
    service, _, place = address.partition(":")[0].partition(".")
    place = place.partition(".")[0] or context.workshop.mesh_namespace
    if await context.cluster.get(SERVICE, service, place) is None:
        return Reason(
            f"proxies send spans to {address}, and there is no such Service.",
            suggest_commands(context, "addons"),
        )
    older = [
        get_name(pod)
        for pod in now.app_pods
        if has_sidecar(pod) and get_zipkin_address(read_proxy_config(pod), "tracing") != address
    ]
    if older:
        some = ", ".join(older[:3]) + ("…" if len(older) > 3 else "")
        words = f"{len(older)} pods were started before tracing was set and do not know where to send spans ({some})"
        return Reason(f"{words}: they want a restart.", suggest_commands(context, "inject"))
    return explain_pending_spans(context, now)


def explain_disabled_tracing(context: Context, now: Snapshot) -> Reason | None:
    """Return the reason when tracing is switched off, or only ztunnel, which knows no
    requests, could do it; else None.
    """
    if not get_zipkin_address(now.config) or now.config.get("enableTracing") is False:
        words = "the mesh is not told to trace: the settings were not given, or lost in an upgrade that did not repeat them"
        return Reason(f"{words}.", suggest_commands(context, "install", "ambient"))
    if not any(has_sidecar(pod) for pod in now.app_pods) and not has_waypoint(now):
        return Reason(
            "the application is in the ambient mesh without a waypoint: ztunnel sees connections and sends no spans.",
            suggest_commands(context, "waypoint"),
        )
    return None


def warn_about_stale_traces(context: Context, now: Snapshot) -> tuple[str, ...]:
    """Return a warning when there will be no more traces: those in Jaeger stay when the mesh
    changes.
    """
    reason = explain_absence_from_mesh(context, now) or explain_disabled_tracing(context, now)
    return (f"These may be old or of the gateway alone: {reason.because}",) if reason else ()


def explain_pending_spans(context: Context, now: Snapshot) -> Reason:
    """Return why there are no spans although all is in place: no requests, low sampling, or
    spans on their way.
    """
    ago, sampling = measure_last_traffic_age(now), get_sampling_percentage(now.config)
    if ago is None:
        words = "no requests were sent since the bot started, so that there was nothing to trace"
        return Reason(f"{words}.", suggest_commands(context, "traffic once", "traffic start"))
    if sampling < 100:
        words = f"only {sampling:g} % of requests are sampled (the workshop sets 100)"
        return Reason(
            f"{words}: send more, or set it.", suggest_commands(context, "install", "traffic burst")
        )
    return Reason(
        f"requests were sent {ago:.0f} s ago, and their spans are on their way. Look again in a few seconds.",
        suggest_commands(context, "traces", "traffic once"),
        State.NORMAL,
    )


def get_zipkin_address(config: Object, *path: str) -> str:
    """Return where spans go by a mesh configuration, or, with any `path`, by a proxy's own; ""
    when unset.
    """
    tracing = config.get("tracing") if path else (config.get("defaultConfig") or {}).get("tracing")
    return str(((tracing or {}).get("zipkin") or {}).get("address") or "")


def get_sampling_percentage(config: Object) -> float:
    """Return the percentage of requests that are traced; 1 unless set (Istio 1.23 and 1.30)."""
    tracing = (config.get("defaultConfig") or {}).get("tracing") or {}
    return float(tracing.get("sampling", 1.0))


def read_proxy_config(pod: Object) -> Object:
    """Return the proxy configuration with which a pod was injected; empty when there is none."""
    spec = pod["spec"]
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for variable in container.get("env") or []:
            if container["name"] == "istio-proxy" and variable["name"] == "PROXY_CONFIG":
                parsed = json.loads(variable.get("value") or "{}")
                return parsed if isinstance(parsed, dict) else {}
    return {}
