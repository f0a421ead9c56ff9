"""Explanations of a Jaeger without traces, from the objects and the mesh configuration."""

from __future__ import annotations

import json

from bot.kinds import SERVICE, Object
from bot.knowledge.graph.empty_reasons import (
    Reason,
    explain_absence_from_mesh,
    has_waypoint,
    measure_last_traffic_age,
)
from bot.knowledge.mesh_config import describe_tracing, resolve_tracing
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, State
from bot.text import EMPTY, Listed, Text, counted

SPAN_DELAY = 30.0
"""Seconds after which spans have come if they come at all; proxies send them in batches of a few
seconds (Envoy's default, Istio 1.23 to 1.30)."""
MOST_NAMES = 3
"""Pods that are named in a sentence."""


async def explain_missing_traces(context: Context, now: Snapshot) -> Reason:
    """Return why Jaeger has no traces of the application."""
    reason = explain_absence_from_mesh(context, now) or explain_disabled_tracing(context, now)
    if reason is not None:
        return reason
    settings = resolve_tracing(now.config, now.telemetries)
    address = settings.address
    service, _, domain = address.partition(":")[0].partition(".")
    namespace = domain.partition(".")[0] or context.workshop.mesh_namespace
    if await context.cluster.get(SERVICE, service, namespace) is None:
        return Reason(
            Text("proxies send spans to {address}, and there is no such Service.", address=address),
            suggest_commands(context, "addons"),
        )
    # A provider's address comes with the listeners; the proxies' own one is read at their start.
    older = [
        get_name(pod)
        for pod in now.app_pods
        if has_sidecar(pod)
        and not settings.provider
        and get_zipkin_address(read_proxy_config(pod)) != address
    ]
    if older:
        return explain_older_pods(context, older)
    return explain_pending_spans(context, now)


def explain_older_pods(context: Context, older: list[str]) -> Reason:
    """Return that these pods were started with other tracing settings."""
    left = len(older) - MOST_NAMES
    more = counted("{n} more", "{n} more", n=left) if left > 0 else EMPTY
    return Reason(
        counted(
            "{n} pod was started before tracing was set and has no address to send spans to "
            "({pods}): it needs a restart.",
            "{n} pods were started before tracing was set and have no address to send spans to "
            "({pods}): they need a restart.",
            n=len(older),
            pods=Listed([*older[:MOST_NAMES], more], "comma"),
        ),
        suggest_commands(context, "inject"),
    )


def explain_disabled_tracing(context: Context, now: Snapshot) -> Reason | None:
    """Return the reason when tracing is switched off, or only ztunnel, which does not parse
    requests, could do it; else None.
    """
    tracing = resolve_tracing(now.config, now.telemetries)
    if tracing.off or (tracing.provider and not tracing.address):
        told = describe_tracing(now.config, now.telemetries)
        return Reason(
            Text("the mesh is told not to trace: {told}.", told=told)
            if tracing.off
            else Text("{told}.", told=told),
            suggest_commands(context, "why traces"),
        )
    if not tracing.address:
        return Reason(
            Text(
                "the mesh is not told to trace: the settings were not given, or lost in an "
                "upgrade that did not repeat them."
            ),
            suggest_commands(context, "install", "ambient"),
        )
    if not any(has_sidecar(pod) for pod in now.app_pods) and not has_waypoint(now):
        return Reason(
            Text(
                "the application is in the ambient mesh without a waypoint: ztunnel sees "
                "connections and sends no spans."
            ),
            suggest_commands(context, "waypoint"),
        )
    return None


def warn_about_stale_traces(context: Context, now: Snapshot) -> tuple[Text, ...]:
    """Return a warning when there will be no more traces: those in Jaeger stay when the mesh
    changes.
    """
    reason = explain_absence_from_mesh(context, now) or explain_disabled_tracing(context, now)
    if reason is None:
        return ()
    return (Text("These may be old or of the gateway alone: {why}", why=reason.because),)


def explain_pending_spans(context: Context, now: Snapshot) -> Reason:
    """Return why there are no spans although all is in place: no requests, low sampling, or
    spans on their way.
    """
    ago, sampling = (
        measure_last_traffic_age(now),
        resolve_tracing(now.config, now.telemetries).share,
    )
    if ago is None:
        return Reason(
            Text(
                "no requests were sent since the bot started, so that there was nothing to trace."
            ),
            suggest_commands(context, "traffic once", "traffic start"),
        )
    if sampling < 100:
        return Reason(
            Text(
                "only {share:g} % of requests are sampled (the workshop sets 100): send more, or "
                "set it.",
                share=sampling,
            ),
            suggest_commands(context, "install", "traffic burst"),
        )
    if ago > SPAN_DELAY:
        return Reason(
            Text(
                "requests were sent {seconds:.0f} s ago, and no span of them came to Jaeger.",
                seconds=ago,
            ),
            suggest_commands(context, "why traces", "traffic once"),
        )
    return Reason(
        Text(
            "requests were sent {seconds:.0f} s ago, and their spans are on their way. Look again "
            "in a few seconds.",
            seconds=ago,
        ),
        suggest_commands(context, "traces", "traffic once"),
        State.NORMAL,
    )


def get_zipkin_address(proxy_config: Object) -> str:
    """Return where a proxy sends spans by its configuration; "" when unset."""
    tracing = proxy_config.get("tracing") or {}
    return str((tracing.get("zipkin") or {}).get("address") or "")


def read_proxy_config(pod: Object) -> Object:
    """Return the proxy configuration with which a pod was injected; empty when there is none."""
    spec = pod["spec"]
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for variable in container.get("env") or []:
            if container["name"] == "istio-proxy" and variable["name"] == "PROXY_CONFIG":
                parsed = json.loads(variable.get("value") or "{}")
                return parsed if isinstance(parsed, dict) else {}
    return {}
