"""Health checks of the components: installed, ready, answering; and in the pods' own words
why not.

Paths are those that the programs' own probes ask: Kiali 1.87 and 2.26, Prometheus 2 and
3, Jaeger 1 and 2, Istio 1.23 and 1.30. istiod's Service does not carry its readiness
port, so its monitoring port is asked for the version.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.errors import ClusterError, Throttled, Unavailable
from bot.kinds import DEPLOYMENT, EVENT, POD, Object
from bot.knowledge.objects.workloads import build_part, get_condition, is_ready
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import HttpRequest
from bot.steps import Context
from bot.text import EMPTY, Seconds, Text, verbatim

PATIENCE = 8.0
"""Seconds for one answer."""

AGAIN = 1.0
"""Seconds after which what did not answer is asked once more: one lost request is no outage."""

API = Text("API server")


@dataclass(frozen=True)
class HealthTarget:
    """A component that should answer: its Deployment and Service, and the path of its health
    check.
    """

    title: str
    deployment: str
    service: str
    port: int
    path: str
    app: bool = False


HEALTH_TARGETS = (
    HealthTarget("istiod", "istiod", "istiod", 15014, "/version"),
    HealthTarget(
        "gateway",
        "bookinfo-gateway-istio",
        "bookinfo-gateway-istio",
        15021,
        "/healthz/ready",
        app=True,
    ),
    HealthTarget("Prometheus", "prometheus", "prometheus", 9090, "/-/healthy"),
    HealthTarget("Jaeger", "jaeger", "tracing", 80, "/jaeger/api/services"),
    HealthTarget("Kiali", "kiali", "kiali", 20001, "/kiali/healthz"),
)


@dataclass(frozen=True)
class HealthResult:
    """Result of one check: `state` is `up`, `down`, or `absent` when it is not installed;
    `since` is when it went down, as far as its Deployment tells, in epoch seconds.
    """

    title: Text
    state: str
    why: Text = EMPTY
    since: float = 0.0


UP, DOWN, ABSENT = "up", "down", "absent"


async def check_all(context: Context) -> list[HealthResult]:
    """Check all components at once; when the API server does not answer, return that alone."""
    try:
        return [
            HealthResult(API, UP),
            *await asyncio.gather(*(check_target(context, target) for target in HEALTH_TARGETS)),
        ]
    except (Unavailable, Throttled) as problem:
        return [
            HealthResult(
                API,
                DOWN,
                Text("it does not answer: {problem}", problem=problem.message),
                time.time(),
            )
        ]


async def check_target(context: Context, target: HealthTarget) -> HealthResult:
    """Check one component. Raises ClusterError when the API server itself is away."""
    namespace = context.workshop.app_namespace if target.app else context.workshop.mesh_namespace
    deployment = await context.cluster.get(DEPLOYMENT, target.deployment, namespace)
    if deployment is None:
        return HealthResult(
            verbatim(target.title),
            ABSENT,
            Text(
                "there is no Deployment {deployment} in {namespace}",
                deployment=target.deployment,
                namespace=namespace,
            ),
            time.time(),
        )
    if not is_ready(deployment):
        return HealthResult(
            verbatim(target.title),
            DOWN,
            await describe_unready(context, deployment, namespace),
            find_unready_since(deployment),
        )
    if not deployment["spec"].get("replicas", 1):
        return HealthResult(
            verbatim(target.title),
            DOWN,
            Text("{deployment} is scaled to no pods", deployment=target.deployment),
            find_unready_since(deployment),
        )
    why = await explain_silence(context, target, namespace)
    return (
        HealthResult(verbatim(target.title), DOWN, why, time.time())
        if why
        else HealthResult(verbatim(target.title), UP)
    )


async def describe_unready(context: Context, deployment: Object, namespace: str) -> Text:
    """Return why a Deployment is not ready, in its pods' own words."""
    pods, events = await asyncio.gather(
        context.cluster.find(POD, namespace),
        context.cluster.find(EVENT, namespace, fields="type=Warning"),
    )
    seen = build_part(deployment, pods, events)
    if not seen.note:
        return Text("{ready} of {wanted} pods ready", ready=seen.ready, wanted=seen.wanted)
    return Text(
        "{ready} of {wanted} pods ready: {note}",
        ready=seen.ready,
        wanted=seen.wanted,
        note=seen.note,
    )


def find_unready_since(deployment: Object) -> float:
    """Return when a Deployment became unavailable by its condition (epoch seconds), or now
    when that is not known.
    """
    available = get_condition(deployment, "Available")
    stamp = available.get("lastTransitionTime") if available.get("status") == "False" else None
    try:
        return (
            datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp()
            if stamp
            else time.time()
        )
    except ValueError:
        return time.time()


async def explain_silence(context: Context, target: HealthTarget, namespace: str) -> Text:
    """Return why a component does not answer although its pods are ready; "" when it answers."""
    ask = HttpRequest(namespace, target.service, target.port, target.path, seconds=PATIENCE)
    why = EMPTY
    for attempt in range(2):
        if attempt:
            await asyncio.sleep(AGAIN)
        try:
            status = (await context.web.ask(ask)).status
        except ClusterError as problem:
            why = Text(
                "its pods are ready, but nothing answers: {why}",
                why=strip_proxy_prefix(problem.message),
            )
            continue
        if status < 400:
            return EMPTY
        why = Text(
            "its pods are ready, but {path} answers {status}", path=target.path, status=status
        )
    return why


@dataclass(frozen=True)
class HealthChanges:
    """Changes since the last check, in sentences, and the memory for the next."""

    down: tuple[Text, ...]
    back: tuple[Text, ...]
    memory: dict[str, Any]


def compare_with_memory(
    found: list[HealthResult], memory: Mapping[str, Any], now: float
) -> HealthChanges:
    """Return which components went down or came back since the check that left this memory.

    What is absent counts as down only if it was up before.
    """
    down: list[Text] = []
    back: list[Text] = []
    kept: dict[str, Any] = dict(memory)
    for one in found:
        before = memory.get(str(one.title)) or {}
        state = DOWN if one.state == ABSENT and before.get("state") in (UP, DOWN) else one.state
        if state == DOWN and before.get("state") != DOWN:
            since = min(one.since or now, now)
            down.append(
                Text(
                    "{title} is down since {clock_time}: {why}",
                    title=one.title,
                    clock_time=format_clock_time(since),
                    why=one.why,
                )
            )
            kept[str(one.title)] = {"state": DOWN, "since": since}
        elif state == UP and before.get("state") == DOWN:
            away = Seconds(now - float(before["since"]), "rough")
            back.append(Text("{title} is back; it was away for {away}", title=one.title, away=away))
            kept[str(one.title)] = {"state": UP, "since": now}
        elif before.get("state") != state:
            kept[str(one.title)] = {"state": state, "since": now}
    return HealthChanges(tuple(down), tuple(back), kept)


def describe_health(one: HealthResult, memory: Mapping[str, Any]) -> Text:
    """Return one component's state, such as `✅ Kiali answers`."""
    before = memory.get(str(one.title)) or {}
    since = format_clock_time(float(before["since"])) if before.get("state") == DOWN else ""
    if one.state == UP:
        return Text("✅ {title} answers", title=one.title)
    if one.state == ABSENT and not since:
        return Text("▫️ {title} is not installed", title=one.title)
    if since:
        return Text(
            "❌ {title} is down since {since}: {why}", title=one.title, since=since, why=one.why
        )
    return Text("❌ {title} is down: {why}", title=one.title, why=one.why)


def format_clock_time(moment: float) -> str:
    """Return a time (epoch seconds) as `18:03:09 UTC`, with the day when it is not today."""
    now, then = time.gmtime(), time.gmtime(moment)
    day = (
        ""
        if (now.tm_year, now.tm_yday) == (then.tm_year, then.tm_yday)
        else time.strftime("%d %b ", then)
    )
    return day + time.strftime("%H:%M:%S UTC", then)
