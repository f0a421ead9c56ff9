"""Health checks of the components: installed, ready, answering; and in the pods' own words why not.

Paths are those that the programs' own probes ask: Kiali 1.87 and 2.26, Prometheus 2 and 3, Jaeger 1
and 2, Istio 1.23 and 1.30. istiod's Service does not carry its readiness port, so its monitoring
port is asked for the version.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.errors import ClusterError, Throttled, Unavailable, Unreadable
from bot.kinds import DEPLOYMENT, EVENT, POD, Object
from bot.knowledge.objects.workloads import build_part, get_condition, is_ready
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import HttpRequest
from bot.steps import Context
from bot.text import EMPTY, Moment, Seconds, Text, verbatim

ANSWER_TIMEOUT = 8.0
"""Seconds for one answer."""
RETRY_DELAY = 1.0
"""Seconds after which what did not answer is asked once more: one lost request is no outage."""

API_SERVER = Text("API server")


@dataclass(frozen=True)
class HealthTarget:
    """A component that should answer: its Deployment and Service, and its health check's path."""

    title: Text
    deployment: str
    service: str
    port: int
    path: str
    app: bool = False


HEALTH_TARGETS = (
    HealthTarget(verbatim("istiod"), "istiod", "istiod", 15014, "/version"),
    HealthTarget(
        Text("gateway"),
        "bookinfo-gateway-istio",
        "bookinfo-gateway-istio",
        15021,
        "/healthz/ready",
        app=True,
    ),
    HealthTarget(verbatim("Prometheus"), "prometheus", "prometheus", 9090, "/-/healthy"),
    HealthTarget(verbatim("Jaeger"), "jaeger", "tracing", 80, "/jaeger/api/services"),
    HealthTarget(verbatim("Kiali"), "kiali", "kiali", 20001, "/kiali/healthz"),
)


@dataclass(frozen=True)
class HealthResult:
    """Result of one check: `state` is `up`, `down`, or `absent` when it is not installed.

    `since` is when it went down (epoch seconds), as far as its Deployment tells.
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
            HealthResult(API_SERVER, UP),
            *await asyncio.gather(*(check_target(context, target) for target in HEALTH_TARGETS)),
        ]
    except (Unavailable, Throttled) as problem:
        return [
            HealthResult(
                API_SERVER,
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
            target.title,
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
            target.title,
            DOWN,
            await describe_unready(context, deployment, namespace),
            find_unready_since(deployment),
        )
    if not deployment["spec"].get("replicas", 1):
        return HealthResult(
            target.title,
            DOWN,
            Text("{deployment} is scaled to no pods", deployment=target.deployment),
            find_unready_since(deployment),
        )
    why = await explain_no_answer(context, target, namespace)
    return (
        HealthResult(target.title, DOWN, why, time.time())
        if why
        else HealthResult(target.title, UP)
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
    """Return when a Deployment became unavailable by its condition (epoch seconds).

    That is now when the Deployment does not tell it.
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


async def explain_no_answer(context: Context, target: HealthTarget, namespace: str) -> Text:
    """Return why a component whose pods are ready does not answer; EMPTY when it does."""
    ask = HttpRequest(namespace, target.service, target.port, target.path, seconds=ANSWER_TIMEOUT)
    why = EMPTY
    for attempt in range(2):
        if attempt:
            await asyncio.sleep(RETRY_DELAY)
        try:
            status = (await context.web.ask(ask)).status
        except Unreadable as problem:
            return Text("its pods are ready, but {why}", why=problem.message)
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

    What is absent counts as down only if it was up before. The memory is by the English title.
    """
    down: list[Text] = []
    back: list[Text] = []
    kept: dict[str, Any] = dict(memory)
    for one in found:
        title = str(one.title)
        before = memory.get(title) or {}
        state = DOWN if one.state == ABSENT and before.get("state") in (UP, DOWN) else one.state
        if state == DOWN and before.get("state") != DOWN:
            since = min(one.since or now, now)
            down.append(
                Text(
                    "{title} is down since {since}: {why}",
                    title=one.title,
                    since=build_moment(since),
                    why=one.why,
                )
            )
            kept[title] = {"state": DOWN, "since": since}
        elif state == UP and before.get("state") == DOWN:
            away = Seconds(now - float(before["since"]), "rough")
            back.append(Text("{title} is back; it was away for {away}", title=one.title, away=away))
            kept[title] = {"state": UP, "since": now}
        elif before.get("state") != state:
            kept[title] = {"state": state, "since": now}
    return HealthChanges(tuple(down), tuple(back), kept)


def find_outage_start(one: HealthResult, memory: Mapping[str, Any]) -> float | None:
    """Return since when a component is down by the memory (epoch seconds), None when it is not."""
    before = memory.get(str(one.title)) or {}
    return float(before["since"]) if before.get("state") == DOWN else None


def is_down(one: HealthResult, memory: Mapping[str, Any]) -> bool:
    """Tell whether a component is down, or was and is now absent."""
    absent = one.state == ABSENT and find_outage_start(one, memory) is not None
    return one.state == DOWN or absent


def describe_health(one: HealthResult, memory: Mapping[str, Any]) -> Text:
    """Return one component's state, such as `✅ Kiali answers`."""
    if one.state == UP:
        return Text("✅ {title} answers", title=one.title)
    since = find_outage_start(one, memory)
    if since is not None:
        return Text(
            "❌ {title} is down since {since}: {why}",
            title=one.title,
            since=build_moment(since),
            why=one.why,
        )
    if one.state == ABSENT:
        return Text("▫️ {title} is not installed", title=one.title)
    return Text("❌ {title} is down: {why}", title=one.title, why=one.why)


def build_moment(at: float) -> Moment:
    """Return a time (epoch seconds) as `18:03:09 UTC`, with the day when it is not today."""
    today = time.gmtime(at)[:3] == time.gmtime()[:3]
    return Moment(at, date="" if today else "day", time="seconds", named="plain")
