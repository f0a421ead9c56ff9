"""The health of what a workshop leans on: is it there, is it ready, does it answer; and in the pods' own words why not.

Paths are those that the programs' own probes ask: Kiali 1.87 and 2.26, Prometheus 2 and 3, Jaeger 1 and 2, Istio 1.23
and 1.30. istiod's Service does not carry its readiness port, so its monitoring port is asked for the version.
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
from bot.knowledge.answering import plainly
from bot.knowledge.typed import spoken
from bot.knowledge.workloads import condition, is_ready, part
from bot.ports import Ask
from bot.steps import Context

PATIENCE = 8.0
"""Seconds for one answer."""

AGAIN = 1.0
"""Seconds after which what did not answer is asked once more: one lost request is no outage."""

API = "API server"


@dataclass(frozen=True)
class Organ:
    """Something that should answer: its Deployment and Service, and the path that says that it is well."""

    title: str
    deployment: str
    service: str
    port: int
    path: str
    app: bool = False


ORGANS = (
    Organ("istiod", "istiod", "istiod", 15014, "/version"),
    Organ("gateway", "bookinfo-gateway-istio", "bookinfo-gateway-istio", 15021, "/healthz/ready", app=True),
    Organ("Prometheus", "prometheus", "prometheus", 9090, "/-/healthy"),
    Organ("Jaeger", "jaeger", "tracing", 80, "/jaeger/api/services"),
    Organ("Kiali", "kiali", "kiali", 20001, "/kiali/healthz"),
)


@dataclass(frozen=True)
class Pulse:
    """One look: `state` is `up`, `down`, or `absent` when it was never installed; `since` is when it went down, as far
    as its Deployment tells, in epoch seconds."""

    title: str
    state: str
    why: str = ""
    since: float = 0.0


UP, DOWN, ABSENT = "up", "down", "absent"


async def look(context: Context) -> list[Pulse]:
    """All of them at once; when the API server does not answer, that alone is known."""
    try:
        return [Pulse(API, UP), *await asyncio.gather(*(pulse(context, organ) for organ in ORGANS))]
    except (Unavailable, Throttled) as problem:
        return [Pulse(API, DOWN, f"it does not answer: {problem}", time.time())]


async def pulse(context: Context, organ: Organ) -> Pulse:
    """One of them. Raises ClusterError when the API server itself is away."""
    namespace = context.workshop.app_namespace if organ.app else context.workshop.mesh_namespace
    deployment = await context.cluster.get(DEPLOYMENT, organ.deployment, namespace)
    if deployment is None:
        return Pulse(organ.title, ABSENT, f"there is no Deployment {organ.deployment} in {namespace}", time.time())
    if not is_ready(deployment):
        return Pulse(organ.title, DOWN, await words(context, deployment, namespace), unready_since(deployment))
    if not deployment["spec"].get("replicas", 1):
        return Pulse(organ.title, DOWN, f"{organ.deployment} is scaled to no pods", unready_since(deployment))
    why = await silence(context, organ, namespace)
    return Pulse(organ.title, DOWN, why, time.time()) if why else Pulse(organ.title, UP)


async def words(context: Context, deployment: Object, namespace: str) -> str:
    """Why a Deployment is not ready, in its pods' own words."""
    pods, events = await asyncio.gather(
        context.cluster.find(POD, namespace), context.cluster.find(EVENT, namespace, fields="type=Warning")
    )
    seen = part(deployment, pods, events)
    return f"{seen.ready} of {seen.wanted} pods ready" + (f": {seen.note}" if seen.note else "")


def unready_since(deployment: Object) -> float:
    """When it stopped to be available, by its condition; now when that is not told."""
    available = condition(deployment, "Available")
    stamp = available.get("lastTransitionTime") if available.get("status") == "False" else None
    try:
        return datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp() if stamp else time.time()
    except ValueError:
        return time.time()


async def silence(context: Context, organ: Organ, namespace: str) -> str:
    """Why it does not answer although its pods are ready; "" when it answers."""
    ask = Ask(namespace, organ.service, organ.port, organ.path, seconds=PATIENCE)
    why = ""
    for attempt in range(2):
        if attempt:
            await asyncio.sleep(AGAIN)
        try:
            status = (await context.web.ask(ask)).status
        except ClusterError as problem:
            why = f"its pods are ready, but nothing answers: {plainly(str(problem))}"
            continue
        if status < 400:
            return ""
        why = f"its pods are ready, but {organ.path} answers {status}"
    return why


@dataclass(frozen=True)
class News:
    """What changed since the last look, in sentences, and what is to be remembered for the next."""

    down: tuple[str, ...]
    back: tuple[str, ...]
    memory: dict[str, Any]


def compare(found: list[Pulse], memory: Mapping[str, Any], now: float) -> News:
    """Which went down or came back since the look that left this memory. What is absent is down only if it was up."""
    down: list[str] = []
    back: list[str] = []
    kept: dict[str, Any] = dict(memory)
    for one in found:
        before = memory.get(one.title) or {}
        state = DOWN if one.state == ABSENT and before.get("state") in (UP, DOWN) else one.state
        if state == DOWN and before.get("state") != DOWN:
            since = min(one.since or now, now)
            down.append(f"{one.title} is down since {clock(since)}: {one.why}")
            kept[one.title] = {"state": DOWN, "since": since}
        elif state == UP and before.get("state") == DOWN:
            away = spoken(now - float(before["since"]))
            back.append(f"{one.title} is back; it was away for {away}")
            kept[one.title] = {"state": UP, "since": now}
        elif before.get("state") != state:
            kept[one.title] = {"state": state, "since": now}
    return News(tuple(down), tuple(back), kept)


def line(one: Pulse, memory: Mapping[str, Any]) -> str:
    """One of them as it stands: `✅ Kiali answers`."""
    before = memory.get(one.title) or {}
    since = f" since {clock(float(before['since']))}" if before.get("state") == DOWN else ""
    if one.state == UP:
        return f"✅ {one.title} answers"
    if one.state == ABSENT and not since:
        return f"▫️ {one.title} is not installed"
    return f"❌ {one.title} is down{since}: {one.why}"


def clock(moment: float) -> str:
    """`18:03:09 UTC`, with the day when it is another one."""
    now, then = time.gmtime(), time.gmtime(moment)
    day = "" if (now.tm_year, now.tm_yday) == (then.tm_year, then.tm_yday) else time.strftime("%d %b ", then)
    return day + time.strftime("%H:%M:%S UTC", then)
