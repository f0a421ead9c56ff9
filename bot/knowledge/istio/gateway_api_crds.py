"""The Gateway API CRDs: applied when missing, never downgraded, and waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.kinds import CRD, GATEWAY_CLASS, Object
from bot.knowledge.bookinfo import app
from bot.knowledge.istio import installation
from bot.knowledge.objects.apply import build_missing_verdict
from bot.knowledge.objects.foreign_objects import GATEWAY_GROUP
from bot.knowledge.objects.ownership import is_of_bot_alone
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_condition, get_name
from bot.steps import Context, Verdict
from bot.text import EMPTY, Text, counted, verbatim

GROUP = GATEWAY_GROUP
BUNDLE_VERSION = f"{GROUP}/bundle-version"
GATEWAY_CRD = f"gateways.{GROUP}"
GATEWAY_TIMEOUT = 45.0
"""Seconds in which the API server serves new CRDs, with room."""
LEADER_TIMEOUT = 120.0
"""Seconds in which istiod accepts its GatewayClasses. After an upgrade the new istiod leads only
when the old one's lease of 30 s is over, which itself takes long on a busy machine (Istio 1.23 to
1.30)."""


@dataclass(frozen=True)
class GatewayApiStatus:
    """The Gateway API in the cluster: the bundle's version, EMPTY when the CRDs are missing.

    `ours` when this bot applied them, and nobody since.
    """

    version: Text = EMPTY
    ours: bool = False


async def read_gateway_api_status(context: Context) -> GatewayApiStatus:
    """Read which Gateway API bundle the cluster has, and whether this bot applied it."""
    crd = await context.cluster.get(CRD, GATEWAY_CRD)
    if crd is None:
        return GatewayApiStatus()
    version = str((crd["metadata"].get("annotations") or {}).get(BUNDLE_VERSION, ""))
    # translators: follows “Gateway API CRDs”, where otherwise a version stands.
    words = verbatim(version) or Text("of unknown version")
    return GatewayApiStatus(words, is_of_bot_alone(crd))


@dataclass(frozen=True)
class EnsuredCrds:
    """The Gateway API's CRDs as they are there, in words; `applied` when they were missing."""

    words: Text
    applied: bool


async def ensure_crds(context: Context) -> EnsuredCrds:
    """Apply the CRDs when they are missing; return what there is then.

    A CRD of the group that somebody made before stays as it is.
    """
    there = await read_gateway_api_status(context)
    if there.version:
        words = Text("Gateway API CRDs {version} were already there", version=there.version)
        return EnsuredCrds(words, applied=False)
    context.progress.say(Text("applying the Gateway API CRDs"))
    objects = await asyncio.to_thread(context.mesh.gateway_api)
    found = await context.cluster.find(CRD)
    others = {get_name(crd) for crd in found if not is_of_bot_alone(crd)}
    for obj in sorted(objects, key=lambda o: o["kind"] != "CustomResourceDefinition"):
        if get_name(obj) not in others:
            await context.cluster.apply(obj, force=True)
    names = {get_name(obj) for obj in objects if obj["kind"] == "CustomResourceDefinition"}
    await wait_until_established(context, names)
    words = counted(
        "Gateway API CRDs {version} applied ({n} type)",
        "Gateway API CRDs {version} applied ({n} types)",
        version=(await read_gateway_api_status(context)).version,
        n=len(names),
    )
    return EnsuredCrds(words, applied=True)


async def wait_until_established(context: Context, names: set[str]) -> bool:
    """Wait until the API server serves all of these CRDs; return False after GATEWAY_TIMEOUT."""

    def are_served(crds: list[Object]) -> bool:
        return names <= {
            get_name(crd)
            for crd in crds
            if get_condition(crd, "Established").get("status") == "True"
        }

    return await wait_until(context, "", GATEWAY_TIMEOUT, (CRD,), are_served)


async def wait_for_gateway_class(context: Context, gateway_class: str = "istio") -> bool:
    """Wait until istiod has accepted a GatewayClass; return False after LEADER_TIMEOUT, or sooner
    when the workshop allows less for anything to become ready.
    """

    def is_accepted(classes: list[Object]) -> bool:
        return any(
            get_condition(c, "Accepted").get("status") == "True"
            for c in classes
            if get_name(c) == gateway_class
        )

    seconds = min(LEADER_TIMEOUT, context.workshop.readiness_timeout)
    return await wait_until(context, "", seconds, (GATEWAY_CLASS,), is_accepted)


async def check_prerequisites(context: Context) -> Verdict | None:
    """Return a verdict when something must be there before a Gateway leads to the application,
    else None.
    """
    if not await installation.is_installation_ready(context):
        namespace = context.workshop.mesh_namespace
        missing = Text("istiod is not ready in {namespace}", namespace=namespace)
        return build_missing_verdict(context, missing, "install")
    if not (await read_gateway_api_status(context)).version:
        missing = Text("the Gateway API CRDs are missing; install applies them")
        return build_missing_verdict(context, missing, "install")
    if missing := await app.explain_absence(context):
        return build_missing_verdict(context, missing, "bookinfo")
    return None
