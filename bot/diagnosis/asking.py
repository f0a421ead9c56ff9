"""What objects do not tell: the numbers of Prometheus, the page itself, and who did what."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence

from bot.diagnosis.mesh_state import (
    Activity,
    ClusterState,
    NamespaceState,
    Numbers,
    is_in_mesh,
)
from bot.diagnosis.object_facts import count_available
from bot.diagnosis.page_probe import PAGE_TIMEOUT, probe_page
from bot.errors import ClusterError, LedgerError
from bot.kinds import DEPLOYMENT
from bot.knowledge.observe import prometheus
from bot.records import AuditEntry
from bot.steps import Context

PROMETHEUS_TIMEOUT = 1.0
"""Seconds for all numbers together; without them the answer comes from the objects."""
WINDOW = 120
"""Seconds over which rates are taken: some scrapes of 15 s."""
MOST_ENTRIES = 500
"""Rows of the audit that are looked at; questions such as `why` are rows too."""
NEEDING_PROXIES = frozenset({"route", "fault", "shift", "traces", "waypoint"})
TAKEN_BACK_WITH = {
    "inject": NEEDING_PROXIES,
    "ambient": NEEDING_PROXIES,
    "bookinfo": NEEDING_PROXIES | {"inject", "ambient", "expose", "traffic"},
}
"""What nobody waits for any more once a step was taken back by `off`: it needs what is gone."""
RESETS = {"reset", "uninstall"}


async def build_namespace_state(
    context: Context, cluster: ClusterState, namespace: str, *, step: str = ""
) -> NamespaceState:
    """Return the state of one namespace with what only asking tells. Takes at most two seconds."""
    bare = NamespaceState(cluster, namespace)
    activity, numbers, page = await asyncio.gather(
        read_activity(context, namespace, step),
        read_numbers(context, bare),
        probe_page(context, bare, seconds=PAGE_TIMEOUT),
    )
    return NamespaceState(cluster, namespace, activity=activity, numbers=numbers, page=page)


async def read_numbers(context: Context, state: NamespaceState) -> Numbers | None:
    """Return what Prometheus says about the namespace; None when it cannot be asked in time."""
    deployment = state.shared.find_mesh(DEPLOYMENT, "prometheus")
    if deployment is None or not count_available(deployment) or not is_in_mesh(state):
        return None
    namespace = state.namespace
    try:
        async with asyncio.timeout(PROMETHEUS_TIMEOUT):
            rate, recorded, (up, error), lost = await asyncio.gather(
                prometheus.query_number(
                    context, prometheus.build_any_rate_query(namespace, WINDOW)
                ),
                prometheus.query_number(
                    context, prometheus.build_recorded_requests_query(namespace)
                ),
                prometheus.count_reachable_pods(context, namespace),
                prometheus.query(context, prometheus.build_lost_rate_query(namespace, WINDOW)),
            )
    except (ClusterError, TimeoutError):
        return None
    flags = {
        (series["destination_service_name"], series["response_flags"]): series.value
        for series in lost
    }
    return Numbers(rate or 0.0, recorded or 0.0, up, up, error, flags)


async def read_activity(context: Context, namespace: str, step: str) -> Activity:
    """Return what people asked for in the namespace, from the audit and the streams."""
    try:
        entries = await context.audit_trail.entries(most=MOST_ENTRIES)
        streams = [s for s in await context.traffic.streams() if s.namespace == namespace]
    except LedgerError:
        entries, streams = [], []
    own = select_entries(entries, namespace, context.workshop.mesh_namespace)
    wanted = list_wanted_steps(own) | ({step} if step else set())
    users = {stream.user for stream in streams} | list_users(own)
    return Activity(
        frozenset(wanted), frozenset(users), tuple(streams), context.traffic.last(namespace), step
    )


def select_entries(entries: Sequence[AuditEntry], *namespaces: str) -> list[AuditEntry]:
    """Return what was really asked for in these namespaces, and in none in particular.

    What all share is asked for in the mesh's namespace: install, addons, kiali.
    """
    return [
        e
        for e in entries
        if e.namespace in ("", *namespaces) and e.outcome not in ("denied", "refused", "cancelled")
    ]


def list_wanted_steps(newest_first: Sequence[AuditEntry]) -> set[str]:
    """Return the steps that were asked for and not taken back since."""
    wanted: set[str] = set()
    for entry in reversed(newest_first):
        words = entry.arguments.split()
        if entry.step in RESETS:
            wanted.clear()
        elif "off" in words or "stop" in words:
            wanted -= {entry.step} | TAKEN_BACK_WITH.get(entry.step, frozenset())
        else:
            wanted.add(entry.step)
            # Each of the two ways into the mesh takes the other's place.
            wanted -= {"inject": {"ambient", "waypoint"}, "ambient": {"inject"}}.get(
                entry.step, set()
            )
    return wanted


def list_users(entries: Sequence[AuditEntry]) -> set[str]:
    """Return the users whose requests were sent by a command within the last ten minutes."""
    recent = time.time() - 600
    found = set()
    for entry in entries:
        if entry.step == "traffic" and entry.at.timestamp() > recent:
            match = re.search(r"\b(?:as|user=)\s*([\w.-]+)", entry.arguments)
            if match:
                found.add(match[1])
    return found
