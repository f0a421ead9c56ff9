"""What Kiali says of the mesh after it was installed: its version, what it reaches, and what that means."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import DEPLOYMENT
from bot.knowledge import installation
from bot.knowledge.kialiconfig import misfit
from bot.knowledge.observe import kiali
from bot.knowledge.observe.kiali import Component
from bot.steps import Context

PATIENCE = 20.0
"""Seconds in which a Kiali that has just started reaches istiod and Prometheus."""
PAUSE = 1.0
NEEDED = ("istiod", "prometheus")
"""Without these Kiali has nothing to show; the other components are optional or come and go with profiles."""
GATEWAYS = ("istio-ingressgateway", "istio-egressgateway")


@dataclass(frozen=True)
class Sight:
    """What Kiali sees: observed lines, causes why it is not enough, and commands that mend those."""

    version: str
    lines: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


async def look(context: Context) -> Sight:
    """Asks until what Kiali needs is healthy, or the time is over; what is not installed is not waited for."""
    there = await context.cluster.get(DEPLOYMENT, "prometheus", context.workshop.mesh_namespace)
    patience = min(PATIENCE, context.workshop.readiness_timeout) if there is not None else 0.0
    deadline = time.monotonic() + patience
    while True:
        try:
            found = judged(context, await kiali.components(context))
        except ClusterError as problem:
            found = Sight("", causes=(f"Kiali does not tell its state: {problem}",))
        if not found.causes or time.monotonic() > deadline:
            return await with_version(context, found)
        await asyncio.sleep(PAUSE)


def judged(context: Context, components: list[Component]) -> Sight:
    """Which of the components that it needs are not healthy."""
    words = ", ".join(f"{c.name} {c.status}" for c in components) or "nothing yet"
    sick = [c for c in components if c.name in NEEDED and c.status != "Healthy"]
    causes = tuple(f"Kiali calls {c.name} {c.status}" for c in sick)
    gone = [c.name for c in components if c.name in GATEWAYS and c.status == "NotFound"]
    notes = tuple(
        f"Kiali misses {gateway}, which the ambient profile does not have; this is normal." for gateway in gone
    )
    mend = ("addons prometheus",) if any(c.name == "prometheus" for c in sick) else ()
    return Sight("", (f"Kiali sees: {words}",), causes, notes, mend)


async def with_version(context: Context, found: Sight) -> Sight:
    """The same with the version that Kiali states (its image's tag when it states none), and whether that fits."""
    version = await kiali.version(context)
    try:
        stated = await kiali.own_version(context)
    except ClusterError:
        stated = ""
    version = stated if stated[:2] in {"v1", "v2", "v3"} else version
    istio = await installation.installed_version(context)
    wrong = misfit(istio, version)
    lines = found.lines if wrong else (*found.lines, f"Kiali {version} fits Istio {istio}")
    return Sight(version, lines, (*found.causes, *([wrong] if wrong else [])), found.notes, found.next)
