"""Kiali's view of the mesh after its installation: its version, the components it reaches,
and what that means.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import DEPLOYMENT
from bot.knowledge.istio import installation
from bot.knowledge.observe import kiali
from bot.knowledge.observe.kiali import Component
from bot.knowledge.observe.kiali_config import explain_version_mismatch
from bot.steps import Context
from bot.text import Text

PATIENCE = 20.0
"""Seconds in which a Kiali that has just started reaches istiod and Prometheus."""
PAUSE = 1.0
NEEDED = ("istiod", "prometheus")
"""Without these Kiali has nothing to show; the other components are optional or come and go with
profiles."""
GATEWAYS = ("istio-ingressgateway", "istio-egressgateway")


@dataclass(frozen=True)
class KialiStatus:
    """Kiali's view of the mesh: observed lines, causes why it is not enough, and commands that
    help.
    """

    version: str
    lines: tuple[Text, ...] = ()
    causes: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    next: tuple[str, ...] = ()


async def read_kiali_status(context: Context) -> KialiStatus:
    """Ask Kiali until what it needs is healthy or PATIENCE ends; an add-on that is not
    installed is not waited for.
    """
    there = await context.cluster.get(DEPLOYMENT, "prometheus", context.workshop.mesh_namespace)
    patience = min(PATIENCE, context.workshop.readiness_timeout) if there is not None else 0.0
    deadline = time.monotonic() + patience
    while True:
        try:
            found = judge_components(context, await kiali.list_components(context))
        except ClusterError as problem:
            found = KialiStatus(
                "",
                causes=(Text("Kiali does not tell its state: {problem}", problem=problem.message),),
            )
        if not found.causes or time.monotonic() > deadline:
            return await add_version_check(context, found)
        await asyncio.sleep(PAUSE)


def judge_components(context: Context, components: list[Component]) -> KialiStatus:
    """Return the status by its components: those that Kiali needs and that are not healthy are
    causes.
    """
    words = ", ".join(f"{c.name} {c.status}" for c in components) or Text("nothing yet")
    sick = [c for c in components if c.name in NEEDED and c.status != "Healthy"]
    causes = tuple(Text("Kiali calls {name} {status}", name=c.name, status=c.status) for c in sick)
    gone = [c.name for c in components if c.name in GATEWAYS and c.status == "NotFound"]
    notes = tuple(
        Text(
            "Kiali misses {gateway}, which the ambient profile does not have; this is normal.",
            gateway=gateway,
        )
        for gateway in gone
    )
    mend = ("addons prometheus",) if any(c.name == "prometheus" for c in sick) else ()
    return KialiStatus("", (Text("Kiali sees: {words}", words=words),), causes, notes, mend)


async def add_version_check(context: Context, found: KialiStatus) -> KialiStatus:
    """Return the status with the version that Kiali states (else its image's tag), and whether
    it fits Istio.
    """
    version = await kiali.read_image_version(context)
    try:
        stated = await kiali.read_stated_version(context)
    except ClusterError:
        stated = ""
    version = stated if stated[:2] in {"v1", "v2", "v3"} else version
    istio = await installation.read_installed_version(context)
    wrong = explain_version_mismatch(istio, version)
    lines = (
        found.lines
        if wrong
        else (
            *found.lines,
            Text("Kiali {version} fits Istio {istio}", version=version, istio=istio),
        )
    )
    return KialiStatus(
        version, lines, (*found.causes, *([wrong] if wrong else [])), found.notes, found.next
    )
