"""Explanations of an empty graph, from the objects and from Prometheus.

The questions follow the way of the data: application, proxies, traffic, collector, and
then time.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import time

from bot.errors import ClusterError
from bot.kinds import CONFIG_MAP
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_condition, is_ready
from bot.knowledge.observe import prometheus
from bot.knowledge.routing.manifests import is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, State
from bot.text import Text

RECENT = 60.0
"""Seconds in which requests may have been sent and not be scraped twice yet."""


@dataclass(frozen=True)
class Reason:
    """Reason why there is no graph or no traces, and what to type; NORMAL when it only takes
    time.
    """

    because: Text
    next: tuple[str, ...] = ()
    state: State = State.NOT_YET


def has_waypoint(now: Snapshot) -> bool:
    """Tell whether a waypoint runs and the namespace uses one."""
    waypoints = filter(is_waypoint, now.gateways.values())
    running = any(get_condition(g, "Programmed").get("status") == "True" for g in waypoints)
    return running and "istio.io/use-waypoint" in now.app_labels


def explain_absence_from_mesh(context: Context, now: Snapshot) -> Reason | None:
    """Return the reason when there is no application, or none of it in the mesh; else None."""
    namespace = context.workshop.app_namespace
    if not now.app_pods:
        return Reason(
            Text("no application runs in {namespace}.", namespace=namespace),
            suggest_commands(context, "bookinfo"),
        )
    if any(has_sidecar(pod) or is_captured(pod) for pod in now.app_pods):
        return None
    return Reason(
        Text(
            "no pod of {namespace} has a proxy (neither sidecar nor ambient), and only proxies "
            "report what they see.",
            namespace=namespace,
        ),
        suggest_commands(context, "inject", "ambient"),
    )


def measure_last_traffic_age(now: Snapshot) -> float | None:
    """Return how many seconds ago the bot's own requests last were answered; 0 while a stream
    goes on, None for never.
    """
    if any(stream.seen.versions for stream in now.streams):
        return 0.0
    return time() - now.last[0] if now.last and now.last[1].versions else None


def explain_missing_prometheus(context: Context, now: Snapshot) -> Reason | None:
    """Return the reason when Prometheus is not installed or not ready, else None."""
    following = suggest_commands(context, "addons")
    if "prometheus" not in now.mesh:
        return Reason(
            Text("Prometheus is not installed, and the graph is drawn from its numbers."),
            following,
        )
    if not is_ready(now.mesh["prometheus"]):
        return Reason(
            Text("Prometheus is not ready yet, and the graph is drawn from its numbers."),
            following,
        )
    return None


async def explain_empty_graph(context: Context, now: Snapshot, seconds: int) -> Reason:
    """Return why the graph of the last seconds is empty."""
    reason = explain_absence_from_mesh(context, now) or explain_missing_prometheus(context, now)
    if reason is not None:
        return reason
    namespace = context.workshop.app_namespace
    recorded = prometheus.build_recorded_requests_query(namespace)
    any_rate = prometheus.build_any_rate_query(namespace, seconds)
    try:
        reported = await prometheus.query_number(context, recorded) or 0.0
        reached, failure = await prometheus.count_reachable_pods(context, namespace)
        flowing = await prometheus.query_number(context, any_rate) or 0.0
    except ClusterError as problem:
        return Reason(
            Text("Prometheus is installed and gives no figures: {why}", why=problem.message),
            suggest_commands(context, "addons", "status"),
        )
    if flowing:
        return await explain_kiali_lag(context)
    if is_too_early(now):
        return explain_early_question(context, now)
    if measure_last_traffic_age(now) is not None and not reported and not reached:
        return explain_unreached_proxies(context, failure)
    return explain_missing_traffic(context, now, reported=bool(reported))


def is_too_early(now: Snapshot) -> bool:
    """Tell whether requests were sent so lately that Prometheus cannot know a rate yet."""
    ago = measure_last_traffic_age(now)
    return ago is not None and ago < RECENT


def explain_early_question(context: Context, now: Snapshot) -> Reason:
    """Return that the requests only need time to be seen."""
    ago = measure_last_traffic_age(now) or 0.0
    because = (
        Text(
            "requests were sent {seconds:.0f} s ago, and Prometheus asks the proxies only every "
            "15 s; a rate needs two answers. Look again in 30 to 45 s.",
            seconds=ago,
        )
        if ago
        else Text(
            "requests are going on, and Prometheus asks the proxies only every 15 s; a rate needs "
            "two answers. Look again in 30 to 45 s."
        )
    )
    return Reason(because, suggest_commands(context, "graph"), State.NORMAL)


def explain_unreached_proxies(context: Context, failure: str | Text) -> Reason:
    """Return that Prometheus reaches no proxy; `failure` is why, empty when it looks for none."""
    return Reason(
        Text(
            "requests were answered, and Prometheus reaches none of the proxies in {namespace}: "
            "{why}.",
            namespace=context.workshop.app_namespace,
            why=failure or Text("it has no target there"),
        ),
        suggest_commands(context, "addons", "status"),
    )


def explain_missing_traffic(context: Context, now: Snapshot, *, reported: bool) -> Reason:
    """Return that there were no requests; `reported` tells whether there ever were any."""
    because = (
        Text("no requests were sent lately: without traffic there is no graph.")
        if reported or measure_last_traffic_age(now) is not None
        else Text("no request has been seen yet: without traffic there is no graph.")
    )
    return Reason(because, suggest_commands(context, "traffic start", "traffic burst"))


async def explain_kiali_lag(context: Context) -> Reason:
    """Return why Prometheus has numbers that Kiali does not show: it may read another
    Prometheus, or lag.
    """
    usual = f"prometheus.{context.workshop.mesh_namespace}"
    held = await context.cluster.get(CONFIG_MAP, "kiali", context.workshop.mesh_namespace)
    text = (held or {}).get("data", {}).get("config.yaml", "")
    addresses = [
        line.strip()
        for line in text.splitlines()
        if "http" in line and ("9090" in line or "prometheus" in line.lower())
    ]
    if other := [address for address in addresses if usual not in address]:
        return Reason(
            Text(
                "Prometheus has the numbers, and Kiali reads another one ({other}); usual is "
                "{usual}.",
                other=other[0],
                usual=f"http://{usual}:9090",
            )
        )
    return Reason(
        Text(
            "Prometheus has the numbers, and Kiali has not caught up with them. Look again in 30 s."
        ),
        suggest_commands(context, "graph"),
        State.NORMAL,
    )
