"""The state of steps of the workshop, read from a snapshot alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.kinds import Object
from bot.knowledge.bookinfo.app import BOOKINFO
from bot.knowledge.bookinfo.traffic_report import describe_stream
from bot.knowledge.istio.installation import get_istio_version
from bot.knowledge.mesh_config import describe_tracing
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.workloads import (
    count_ready_pods,
    get_condition,
    get_image_tag,
    get_labels,
    get_name,
    is_being_deleted,
    is_installed_by_istio,
    is_ready,
)
from bot.knowledge.snapshot import Snapshot
from bot.text import EMPTY, Listed, Seconds, Text, counted, join, verbatim

ADDONS = ("prometheus", "grafana", "jaeger")
BASES = ("install", "addons", "kiali", "bookinfo")
"""Steps that have to be in place for the others, whether or not they were done before."""


@dataclass(frozen=True)
class StepStatus:
    """One step's state: whether it is in place now, and a description.

    `reached`: it was done in this workshop, or is in place. `broken`: something keeps what it made
    from working.
    """

    step: str
    done: bool
    words: Text
    reached: bool = False
    broken: bool = False

    @property
    def is_behind(self) -> bool:
        """Tell whether the step was done and is past: taken back, or overtaken by another one."""
        return self.reached and not self.done and not self.broken


def describe_row(row: StepStatus) -> Text:
    """Return a step with its mark: in place, done and past, or not yet."""
    if row.done:
        return Text("✅ {step} — {words}", step=row.step, words=row.words)
    if row.is_behind:
        return Text("☑️ done, not in force now: {step} — {words}", step=row.step, words=row.words)
    return Text("▫️ not yet: {step} — {words}", step=row.step, words=row.words)


def summarize_rows(rows: Sequence[StepStatus]) -> tuple[Text, ...]:
    """Return the steps' states in few lines: what is broken with its reason, and the names of those
    in place, past, and not yet done.
    """

    def name(chosen: Iterable[StepStatus]) -> Listed:
        return Listed([row.step for row in chosen], "dots")

    broken = [row for row in rows if row.broken]
    done = [row for row in rows if row.done]
    behind = [row for row in rows if row.is_behind]
    left = [row for row in rows if not (row.done or row.is_behind or row.broken)]
    lines = [
        *(Text("⚠️ {step} — {words}", step=row.step, words=row.words) for row in broken[:2]),
        Text("✅ {steps}", steps=name(done)) if done else EMPTY,
        Text("☑️ done, not in force now: {steps}", steps=name(behind)) if behind else EMPTY,
        Text("▫️ not yet: {steps}", steps=name(left)) if left else EMPTY,
    ]
    return tuple(filter(None, lines))


def describe_reached(rows: Sequence[StepStatus]) -> Text:
    """Return how many steps were done in this workshop, EMPTY when all of them are in place."""
    reached = sum(row.reached for row in rows)
    if reached == sum(row.done for row in rows):
        return EMPTY
    return counted("{n} was done in this workshop.", "{n} were done in this workshop.", n=reached)


def list_waiting_steps(rows: Sequence[StepStatus]) -> list[str]:
    """Return the steps to take next: those never done, and those that all others stand on; or else
    those that are not in place.
    """
    left = [row.step for row in rows if not row.done]
    behind = {row.step for row in rows if row.is_behind and row.step not in BASES}
    return [step for step in left if step not in behind] or left


StepCheck = Callable[[Snapshot], tuple[bool, Text]]
"""Returns whether a step is in place, and a description."""


def count_installed(names: tuple[str, ...], there: dict[str, Object]) -> tuple[int, list[str]]:
    """Return how many of these workloads exist, and the names of those that are not ready."""
    found = [n for n in names if n in there]
    return len(found), [n for n in found if not is_ready(there[n])]


def check_install(now: Snapshot) -> tuple[bool, Text]:
    """Check istiod and the other workloads of the installation; return (done, description)."""
    planes = [w for w in now.mesh.values() if get_labels(w).get("app") == "istiod"]
    istiod = now.mesh.get("istiod")
    if istiod is None or is_being_deleted(istiod):
        return False, describe_other_revisions(planes)
    others = {get_labels(w).get("istio.io/rev") for w in planes if w is not istiod}
    owned = {
        name: w
        for name, w in now.mesh.items()
        if w is istiod
        or (is_installed_by_istio(w) and get_labels(w).get("istio.io/rev") not in others)
    }
    lagging = [
        "{} {}/{}".format(name, *count_ready_pods(workload))
        for name, workload in owned.items()
        if not (is_ready(workload) and count_ready_pods(workload)[1])
    ]
    version = get_istio_version(istiod)
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
    return True, join("semicolon", ready, describe_tracing(now.config, now.telemetries))


def describe_other_revisions(planes: list[Object]) -> Text:
    """Return which control planes are there when the default revision is not."""
    if not planes:
        return Text("not installed")
    found = Listed(
        [
            Text(
                "Istio {version} as revision {revision}",
                version=get_istio_version(plane),
                revision=get_labels(plane).get("istio.io/rev", ""),
            )
            for plane in planes
        ]
    )
    return Text("{found}; the default revision is not installed", found=found)


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
    """Check that each of the application's six Deployments has a pod that serves, were it of an
    older template; return (done, description).
    """
    found, lagging = count_installed(BOOKINFO, now.app)
    if not found:
        return False, Text("not deployed")
    away = [n for n in lagging if not count_serving(now.app[n])]
    old = [n for n in lagging if n not in away]
    words = join(
        "semicolon",
        Text(
            "{ready} of {wanted} deployments ready", ready=found - len(away), wanted=len(BOOKINFO)
        ),
        Text("new pods not ready: {lagging}", lagging=Listed(old, "comma")) if old else EMPTY,
    )
    return found == len(BOOKINFO) and not away, words


def count_serving(workload: Object) -> int:
    """Return how many of a Deployment's wanted pods serve, whatever template they are of."""
    wanted = workload["spec"].get("replicas", 1)
    return min(int(wanted), int((workload.get("status") or {}).get("availableReplicas") or 0))


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
    return False, join("semicolon", spans, describe_tracing(now.config, now.telemetries))


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


STEP_CHECKS: tuple[tuple[str, StepCheck], ...] = (
    ("install", check_install),
    ("addons", check_addons),
    ("kiali", check_kiali),
    ("bookinfo", check_bookinfo),
    ("inject", check_inject),
    ("expose", check_expose),
    ("traffic", check_traffic),
    ("traces", check_traces),
    ("ambient", check_ambient),
)
"""By step; those of rules and waypoints are checked in `bot.diagnosis.board`."""

STEPS = (
    "install",
    "addons",
    "kiali",
    "bookinfo",
    "inject",
    "expose",
    "traffic",
    "traces",
    "route",
    "fault",
    "shift",
    "ambient",
    "waypoint",
)
"""The steps of the board, in the order of the workshop."""
