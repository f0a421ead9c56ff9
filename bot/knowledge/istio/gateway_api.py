"""The Gateway API CRDs: applied when missing, never downgraded, and waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.kinds import CRD, GATEWAY_CLASS, Object
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_condition, get_name
from bot.steps import Context
from bot.text import Text

GROUP = "gateway.networking.k8s.io"
BUNDLE = f"{GROUP}/bundle-version"
GATEWAYS = f"gateways.{GROUP}"
PATIENCE = 45.0
"""Seconds in which istiod makes its GatewayClasses; the leader's lease lasts 30 s (Istio 1.23 to
1.30)."""


@dataclass(frozen=True)
class GatewayApiStatus:
    """The Gateway API in the cluster: the bundle's version, "" when the CRDs are missing;
    `ours` when this bot applied them.
    """

    version: str = ""
    ours: bool = False


async def read_gateway_api_status(context: Context) -> GatewayApiStatus:
    """Read which Gateway API bundle the cluster has, and whether this bot applied it."""
    crd = await context.cluster.get(CRD, GATEWAYS)
    if crd is None:
        return GatewayApiStatus()
    meta = crd["metadata"]
    ours = any(entry.get("manager") == "meshbot" for entry in meta.get("managedFields") or [])
    return GatewayApiStatus(
        (meta.get("annotations") or {}).get(BUNDLE, Text("of unknown version")), ours
    )


async def ensure_crds(context: Context) -> Text:
    """Apply the CRDs when they are missing; return what there is then, in words."""
    there = await read_gateway_api_status(context)
    if there.version:
        return Text("Gateway API CRDs {version} were already there", version=there.version)
    context.progress.say(Text("applying the Gateway API CRDs"))
    objects = await asyncio.to_thread(context.mesh.gateway_api)
    for obj in sorted(objects, key=lambda o: o["kind"] != "CustomResourceDefinition"):
        await context.cluster.apply(obj, force=True)
    names = {get_name(obj) for obj in objects if obj["kind"] == "CustomResourceDefinition"}
    await wait_until_established(context, names)
    return Text(
        "Gateway API CRDs {version} applied ({names} types)",
        version=(await read_gateway_api_status(context)).version,
        names=len(names),
    )


async def wait_until_established(context: Context, names: set[str]) -> bool:
    """Wait until the API server serves all of these CRDs; return False after PATIENCE seconds."""

    def served_(crds: list[Object]) -> bool:
        return names <= {
            get_name(crd)
            for crd in crds
            if get_condition(crd, "Established").get("status") == "True"
        }

    return await wait_until(context, "", PATIENCE, (CRD,), served_)


async def wait_for_gateway_class(context: Context, gateway_class: str = "istio") -> bool:
    """Wait until istiod has accepted a GatewayClass; return False after PATIENCE seconds."""

    def has(classes: list[Object]) -> bool:
        return any(
            get_condition(c, "Accepted").get("status") == "True"
            for c in classes
            if get_name(c) == gateway_class
        )

    return await wait_until(context, "", PATIENCE, (GATEWAY_CLASS,), has)
