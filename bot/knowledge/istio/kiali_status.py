"""Kiali's view of the mesh after its installation: its version, the components it reaches, and what
that means."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from bot.errors import ClusterError
from bot.kinds import DAEMON_SET, DEPLOYMENT, Object
from bot.knowledge.istio import installation
from bot.knowledge.objects.workloads import count_ready_pods, get_labels, get_name
from bot.knowledge.observe import kiali
from bot.knowledge.observe.kiali import Component
from bot.knowledge.observe.kiali_config import explain_version_mismatch
from bot.steps import Context
from bot.text import Listed, Text, join

STATUS_TIMEOUT = 20.0
"""Seconds in which a Kiali that has just started reaches istiod and Prometheus."""
PAUSE = 1.0
"""Seconds between two questions."""
NEEDED = ("istiod", "prometheus")
"""Without these Kiali has nothing to show; the other components are optional or come and go with
profiles."""
GATEWAYS = ("istio-ingressgateway", "istio-egressgateway")
OF_ALL = ("NotReady", "Unhealthy")
"""What Kiali 2 calls istiod when anything in its namespace lacks pods: it takes the worst health
of the whole namespace (Kiali's source; measured with Prometheus, ztunnel and istio-cni)."""


@dataclass(frozen=True)
class KialiStatus:
    """Kiali's view of the mesh: what was observed, causes why it is not enough, and what helps.

    `next` holds the commands that help.
    """

    version: str
    lines: tuple[Text, ...] = ()
    causes: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    next: tuple[str, ...] = ()


async def read_kiali_status(context: Context) -> KialiStatus:
    """Ask Kiali until what it needs is healthy or STATUS_TIMEOUT ends.

    A Prometheus that is not installed is not waited for.
    """
    there = await context.cluster.get(DEPLOYMENT, "prometheus", context.workshop.mesh_namespace)
    timeout = min(STATUS_TIMEOUT, context.workshop.readiness_timeout) if there is not None else 0.0
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = await judge_kiali(context)
        except ClusterError as problem:
            found = KialiStatus(
                "",
                causes=(Text("Kiali does not tell its state: {problem}", problem=problem.message),),
            )
        if not found.causes or time.monotonic() > deadline:
            return await add_version_check(context, found)
        await asyncio.sleep(PAUSE)


async def judge_kiali(context: Context) -> KialiStatus:
    """Ask Kiali once for its components; read what the mesh's namespace really has beside them."""
    components = await kiali.list_components(context)
    reached = await kiali.list_external_services(context)
    namespace = context.workshop.mesh_namespace
    workloads = [
        each
        for kind in (DEPLOYMENT, DAEMON_SET)
        for each in await context.cluster.find(kind, namespace)
    ]
    found = judge_components(components, workloads, namespace)
    if any(c.name == "prometheus" for c in components) or "Prometheus" in reached:
        return found
    return replace(
        found,
        causes=(*found.causes, Text("Kiali does not reach Prometheus")),
        next=("addons prometheus",),
    )


def judge_components(
    components: list[Component], workloads: list[Object], namespace: str
) -> KialiStatus:
    """Return the status by the components: the unhealthy ones that Kiali needs are causes, but an
    istiod that is only blamed for others.
    """
    seen = join("comma", *(f"{c.name} {c.status}" for c in components)) or Text("nothing yet")
    unhealthy = [c for c in components if c.name in NEEDED and c.status != "Healthy"]
    blamed = [c for c in unhealthy if is_blamed_for_others(c, workloads)]
    causes = tuple(
        Text("Kiali calls {name} {status}", name=c.name, status=c.status)
        for c in unhealthy
        if c not in blamed
    )
    gone = [c.name for c in components if c.name in GATEWAYS and c.status == "NotFound"]
    notes = tuple(
        Text(
            "Kiali misses {gateway}, which the ambient profile does not have; this is normal.",
            gateway=gateway,
        )
        for gateway in gone
    )
    notes += tuple(explain_blame(each, workloads, namespace) for each in blamed)
    next_ = ("addons prometheus",) if any(c.name == "prometheus" for c in unhealthy) else ()
    return KialiStatus("", (Text("Kiali sees: {seen}", seen=seen),), causes, notes, next_)


def is_blamed_for_others(component: Component, workloads: list[Object]) -> bool:
    """Tell whether Kiali calls istiod unready although every pod of it is ready."""
    istiods = [w for w in workloads if get_labels(w).get("app") == "istiod"]
    return (
        component.name.startswith("istiod")
        and component.status in OF_ALL
        and bool(istiods)
        and all(has_all_pods(each) for each in istiods)
    )


def has_all_pods(workload: Object) -> bool:
    """Tell whether a workload wants pods and has all of them ready."""
    ready, wanted = count_ready_pods(workload)
    return ready >= wanted > 0


def explain_blame(component: Component, workloads: list[Object], namespace: str) -> Text:
    """Return what Kiali means by an unready istiod: which others of its namespace lack pods."""
    lacking = [get_name(w) for w in workloads if not has_all_pods(w)]
    if not lacking:
        return Text(
            "Kiali calls {name} {status}, and means all that is in {namespace}, as it was some "
            "minutes ago; every pod of istiod is ready.",
            name=component.name,
            status=component.status,
            namespace=namespace,
        )
    return Text(
        "Kiali calls {name} {status}, and means all that is in {namespace}: {workloads} without "
        "all of its pods. Every pod of istiod is ready.",
        name=component.name,
        status=component.status,
        namespace=namespace,
        workloads=Listed(lacking, "comma"),
    )


async def add_version_check(context: Context, found: KialiStatus) -> KialiStatus:
    """Return the status with Kiali's version, as it states it or its image's tag does, and
    whether that fits Istio.
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
