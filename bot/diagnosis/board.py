"""The board: the state of each step of the workshop, never green over something broken.

A row is green when what the step made is there and can have its effect: rules are read by host and
not by name, and a cause that holds for what a step made turns its row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.diagnosis.cause import Subject
from bot.diagnosis.causes.faults import list_faults
from bot.diagnosis.diagnose import Diagnosis, NamedCause, diagnose
from bot.diagnosis.gateway_pods import find_deployment
from bot.diagnosis.mesh_rules import HttpRule, list_rules_in_force
from bot.diagnosis.mesh_state import APPS, Activity, NamespaceState
from bot.diagnosis.object_facts import count_available
from bot.diagnosis.reading import read_cluster_state
from bot.diagnosis.waypoint_binding import is_bound
from bot.kinds import (
    DAEMON_SET,
    DEPLOYMENT,
    DESTINATION_RULE,
    GATEWAY,
    HTTP_ROUTE,
    POD,
    TELEMETRY,
    VIRTUAL_SERVICE,
    Kind,
    Object,
)
from bot.knowledge.bookinfo.app import BOOKINFO
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.snapshot import Snapshot, add_senders, index_by_name
from bot.knowledge.workshop.progress import STEP_CHECKS, STEPS, StepStatus
from bot.knowledge.workshop.reached import list_reached_steps
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, counted, join, verbatim

EARLY = frozenset({"install", "addons", "kiali"})
"""Rows of what all share; a cause in the application does not turn them."""


@dataclass(frozen=True)
class Board:
    """The rows in the order of the workshop, and the diagnosis that they were checked against.

    `reached` are the steps that were done in this workshop, also those without a row.
    """

    rows: tuple[StepStatus, ...]
    diagnosis: Diagnosis
    snapshot: Snapshot
    reached: frozenset[str] = frozenset()


async def read_board(context: Context) -> Board:
    """Read the cluster once, and return the state of every step.

    Raises ClusterError when the cluster cannot be reached.
    """
    cluster = await read_cluster_state(context, context.workshop.app_namespace)
    streams = await context.traffic.streams()
    namespace = context.workshop.app_namespace
    own = tuple(stream for stream in streams if stream.namespace == namespace)
    activity = Activity(streams=own, last=context.traffic.last(namespace))
    state = NamespaceState(cluster, namespace, activity=activity)
    snapshot = await add_senders(context, build_snapshot(state))
    diagnosis = diagnose(state)
    reached = await list_reached_steps(context, snapshot.mesh.values())
    rows = (
        replace(row, reached=row.done or row.step in reached)
        for row in list_step_statuses(state, snapshot, diagnosis)
    )
    return Board(tuple(rows), diagnosis, snapshot, reached)


def build_snapshot(state: NamespaceState) -> Snapshot:
    """Return the objects of the workshop as steps know them, from a state that was read."""

    def index(kind: Kind) -> dict[str, Object]:
        return index_by_name(state.list_own(kind))

    mesh = [*state.shared.list_mesh(DEPLOYMENT), *state.shared.list_mesh(DAEMON_SET)]
    return Snapshot(
        index_by_name(mesh),
        index(DEPLOYMENT),
        state.object,
        tuple(state.list_own(POD)),
        index(GATEWAY),
        index(HTTP_ROUTE),
        index(VIRTUAL_SERVICE),
        index(DESTINATION_RULE),
        state.cluster.mesh_config,
        state.activity.streams,
        state.activity.last,
        telemetries=(*state.list_own(TELEMETRY), *state.shared.list_mesh(TELEMETRY)),
    )


def list_step_statuses(
    state: NamespaceState, snapshot: Snapshot, diagnosis: Diagnosis
) -> Iterable[StepStatus]:
    """Yield the state of all steps, in the order of the workshop."""
    checks = dict(STEP_CHECKS)
    for step in STEPS:
        own = OWN_CHECKS.get(step)
        row = StepStatus(step, *(own(state) if own else checks[step](snapshot)))
        yield mark_row(row, diagnosis)


def mark_row(row: StepStatus, diagnosis: Diagnosis) -> StepStatus:
    """Return a row as not done where a cause keeps what the step made from working."""
    named = next((n for n in diagnosis.broken if concerns_row(row, n)), None)
    if named is None:
        return row
    words = join("semicolon", row.words, named.findings[0].sentence)
    return replace(row, done=False, words=words, broken=True)


def concerns_row(row: StepStatus, named: NamedCause) -> bool:
    """Tell whether a cause is about what a row's step made.

    A step that is not in place is marked only by a cause that is met at it.
    """
    if row.step in named.cause.steps:
        begun = row.words not in NOT_BEGUN or named.cause.subject is not Subject.CLUSTER
        return row.done or (begun and named.cause.gravity < CONTEXT_GRAVITY)
    if row.step == "bookinfo" and named.cause.subject in MEMBERSHIP and named.cause.gravity > 1:
        return False
    objects = {name for finding in named.findings for name in finding.objects}
    return row.done and bool(objects & MADE_BY.get(row.step, frozenset()))


MEMBERSHIP = frozenset({Subject.SIDECARS, Subject.AMBIENT})
"""Subjects that say whether Bookinfo's workloads are in the mesh: that has rows of its own, and but
for the gravest, an application outside serves its page all the same."""


CONTEXT_GRAVITY = 6
"""Gravity from which a cause only disturbs a view: no reason why a step is not in place."""
NOT_BEGUN = (
    Text("not deployed"),
    Text("no pods yet"),
    Text("no gateway"),
    Text("no route for reviews"),
    Text("no fault injected"),
    Text("no weights"),
    Text("ztunnel is not installed"),
    Text("no waypoint"),
)
"""Words of rows whose step nobody has begun: trouble of the cluster is no news of theirs."""
MADE_BY = {
    "install": frozenset({"Deployment/istiod", "Deployment/istio-ingressgateway"}),
    "addons": frozenset(f"Deployment/{name}" for name in ("prometheus", "grafana", "jaeger")),
    "kiali": frozenset({"Deployment/kiali"}),
    "bookinfo": frozenset(
        {f"Deployment/{name}" for name in BOOKINFO} | {f"app/{app}" for app in APPS}
    ),
    "expose": frozenset({"app/productpage"}),
    "ambient": frozenset({"DaemonSet/ztunnel", "DaemonSet/istio-cni-node"}),
}
"""What a step made, by the names in findings."""


def check_route(state: NamespaceState) -> tuple[bool, Text]:
    """Check the rules for reviews, whatever they are called; return (done, description)."""
    rules = list_rules_in_force(state, "reviews")
    if not rules:
        return False, Text("no route for reviews")
    if not any(map(is_choosing, rules)):
        owner = rules[0].owner
        return False, Text(
            "{kind} {name} is in force, and sends nobody to a version of their own",
            kind=str(owner.get("kind", "")),
            name=get_name(owner),
        )
    owner, number = rules[0].owner, sum(rule.owner is rules[0].owner for rule in rules)
    if owner.get("kind") == "HTTPRoute":
        return True, verbatim(f"HTTPRoute {get_name(owner)}")
    return True, counted(
        "VirtualService {name}, {n} rule",
        "VirtualService {name}, {n} rules",
        n=number,
        name=get_name(owner),
    )


def is_choosing(rule: HttpRule) -> bool:
    """Tell whether a rule for reviews sends somebody elsewhere than to any version; a time limit
    alone does not.
    """
    there = rule.destinations
    elsewhere = any(d.subset or d.service != "reviews" for d in there)
    return elsewhere or bool(rule.users or rule.other_headers) or not there


def check_fault(state: NamespaceState) -> tuple[bool, Text]:
    """Check for faults that are in force; return (done, description)."""
    services = list(dict.fromkeys(service for service, _ in list_faults(state)))
    if not services:
        return False, Text("no fault injected")
    return True, Text("fault on {services}", services=Listed(services, "comma"))


def check_shift(state: NamespaceState) -> tuple[bool, Text]:
    """Check for weights between versions; return (done, description)."""
    weights = [
        weight
        for service in state.services
        for rule in list_rules_in_force(state, service)
        for weight in list_weights(rule)
    ]
    return bool(weights), verbatim(" ".join(weights)) if weights else Text("no weights")


def list_weights(rule: HttpRule) -> list[str]:
    """Return the weights of a rule as `v1=90`, where it divides requests at all."""
    some = [d for d in rule.destinations if d.weight]
    if len(some) < 2:
        return []
    return [f"{d.subset or d.service}={d.weight}" for d in some]


def check_waypoint(state: NamespaceState) -> tuple[bool, Text]:
    """Check that Services use a waypoint, and that it has a pod; return (done, description)."""
    if not state.waypoints:
        return False, Text("no waypoint")
    bound = [service for service in APPS if is_bound(state, service)]
    deployments = [find_deployment(state, gateway) for gateway in state.waypoints]
    ready = any(deployment and count_available(deployment) for deployment in deployments)
    words = Text("its pod is ready") if ready else Text("no pod of it is ready")
    used = (
        Text("used by {services}", services=Listed(bound, "comma"))
        if bound
        else Text("no Service uses it")
    )
    return ready and bool(bound), join("semicolon", words, used or EMPTY)


OWN_CHECKS = {
    "route": check_route,
    "fault": check_fault,
    "shift": check_shift,
    "waypoint": check_waypoint,
}
"""Rows that are read from rules as Istio reads them, not by the names of objects."""
