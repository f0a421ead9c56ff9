"""The Gateway API CRDs: applied when missing, never downgraded, and waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.kinds import CRD, GATEWAY_CLASS, Object
from bot.knowledge.waiting import until
from bot.knowledge.workloads import condition, name
from bot.steps import Context

GROUP = "gateway.networking.k8s.io"
BUNDLE = f"{GROUP}/bundle-version"
GATEWAYS = f"gateways.{GROUP}"
PATIENCE = 45.0
"""Seconds in which istiod makes its GatewayClasses; the leader's lease lasts 30 s (Istio 1.23 to 1.30)."""


@dataclass(frozen=True)
class Served:
    """What the cluster holds: the bundle's version, or "" when the CRDs are missing; who applied them."""

    version: str = ""
    ours: bool = False


async def served(context: Context) -> Served:
    """The Gateway API as the cluster serves it."""
    crd = await context.cluster.get(CRD, GATEWAYS)
    if crd is None:
        return Served()
    meta = crd["metadata"]
    ours = any(entry.get("manager") == "meshbot" for entry in meta.get("managedFields") or [])
    return Served((meta.get("annotations") or {}).get(BUNDLE, "of unknown version"), ours)


async def ensure(context: Context) -> str:
    """Applies the CRDs when they are missing; says what there is then."""
    there = await served(context)
    if there.version:
        return f"Gateway API CRDs {there.version} were already there"
    context.progress.say("applying the Gateway API CRDs")
    objects = await asyncio.to_thread(context.mesh.gateway_api)
    for obj in sorted(objects, key=lambda o: o["kind"] != "CustomResourceDefinition"):
        await context.cluster.apply(obj, force=True)
    names = {name(obj) for obj in objects if obj["kind"] == "CustomResourceDefinition"}
    await established(context, names)
    return f"Gateway API CRDs {(await served(context)).version} applied ({len(names)} types)"


async def established(context: Context, names: set[str]) -> bool:
    """Waits until the API server serves all of these."""

    def served_(crds: list[Object]) -> bool:
        return names <= {name(crd) for crd in crds if condition(crd, "Established").get("status") == "True"}

    return await until(context, "", PATIENCE, (CRD,), served_)


async def accepted(context: Context, gateway_class: str = "istio") -> bool:
    """Waits until istiod has accepted its GatewayClass; False when it has not in time."""

    def has(classes: list[Object]) -> bool:
        return any(condition(c, "Accepted").get("status") == "True" for c in classes if name(c) == gateway_class)

    return await until(context, "", PATIENCE, (GATEWAY_CLASS,), has)
