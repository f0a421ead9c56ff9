"""What the bot's account must be allowed to do, asked of the cluster before anything depends on it."""

from __future__ import annotations

import asyncio

from bot.kinds import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    CRD,
    DEPLOYMENT,
    EVENT,
    GATEWAY_CLASS,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    POD,
    Kind,
)
from bot.ports import Cluster

NEEDED: tuple[tuple[str, Kind], ...] = (
    ("create", NAMESPACE),
    ("delete", NAMESPACE),
    ("list", CRD),
    ("create", CRD),
    ("patch", CRD),
    ("delete", CRD),
    ("create", CLUSTER_ROLE),
    ("patch", CLUSTER_ROLE),
    ("list", MUTATING_WEBHOOK),
    ("patch", MUTATING_WEBHOOK),
    ("get", DEPLOYMENT),
    ("list", DEPLOYMENT),
    ("watch", DEPLOYMENT),
    ("patch", DEPLOYMENT),
    ("get", CONFIG_MAP),
    ("list", POD),
    ("watch", POD),
    ("list", EVENT),
    ("list", NODE),
    ("list", GATEWAY_CLASS),
)
"""What installing, watching and removing Istio cannot do without, in every namespace."""


async def missing(cluster: Cluster) -> list[str]:
    """What of that is not allowed, as `patch customresourcedefinitions`; asks all at once."""
    answers = await asyncio.gather(*(cluster.allowed(verb, kind) for verb, kind in NEEDED))
    return [f"{verb} {kind.plural}" for (verb, kind), allowed in zip(NEEDED, answers, strict=True) if not allowed]
