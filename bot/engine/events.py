"""Kubernetes Events on what a run changed, so that `kubectl describe` tells who asked the bot for it.

They are an extra: at most five a run, written by the bot's own account when the run has ended and its end is shown. A
cluster that does not take them fails nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import UTC, datetime

from bot.engine.fence import Touched
from bot.engine.house import House
from bot.errors import MeshbotError
from bot.kinds import DEPLOYMENT, NAMESPACE, Object
from bot.ledger import Run

log = logging.getLogger(__name__)

MOST = 5
"""Events of one run."""
PATIENCE = 5.0
"""Seconds that they may take together."""
LONGEST = 1024
"""Bytes of an Event's note (Kubernetes API)."""

TELLING = ("VirtualService", "DestinationRule", "HTTPRoute", "Gateway", NAMESPACE.kind, DEPLOYMENT.kind)
"""Kinds that people look at, the most telling first; others only when there is none of these."""
FAILED = ("error", "interrupted")


async def tell(house: House, run: Run, notes: Collection[Touched], state: str, summary: str) -> None:
    """Writes the Events of a run that changed something; never raises."""
    step = house.catalog.get(run.step)
    if step is None or not step.changes:
        return
    try:
        async with asyncio.timeout(PATIENCE):
            kept = await house.ledger.journal.kept(run.id) if step.recorded else []
            touched = [Touched(image.kind, image.namespace, image.name) for image in kept]
            for number, each in enumerate(chosen([*touched, *notes])):
                await house.cluster.apply(await event(house, run, each, number, said(house, run, state, summary)))
    except (MeshbotError, TimeoutError) as problem:
        log.info("no Event on what run %s changed: %s", run.id, problem)


def chosen(touched: Collection[Touched]) -> list[Touched]:
    """The objects that tell most."""

    def rank(each: Touched) -> tuple[int, str]:
        return (TELLING.index(each.kind.kind) if each.kind.kind in TELLING else len(TELLING), each.name)

    ordered = sorted(set(touched), key=rank)
    telling = [each for each in ordered if each.kind.kind in TELLING]
    return (telling or ordered)[:MOST]


def said(house: House, run: Run, state: str, summary: str) -> tuple[str, str]:
    """The Event's type and note."""
    words = f"Slack user {run.user} typed {house.catalog.command} {run.arguments}: {state}: {summary} (run {run.id})"
    note = words.encode()[:LONGEST].decode(errors="ignore")
    return ("Warning" if state in FAILED else "Normal"), note


async def event(house: House, run: Run, about: Touched, number: int, told: tuple[str, str]) -> Object:
    """One Event (events.k8s.io/v1). Those on objects without a namespace stand in `default`, as Kubernetes has it."""
    live = await house.cluster.get(about.kind, about.name, about.namespace)
    regarding = {"apiVersion": about.kind.api_version, "kind": about.kind.kind, "name": about.name}
    regarding |= {"namespace": about.namespace} if about.namespace else {}
    regarding |= {"uid": live["metadata"]["uid"]} if live else {}
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"meshbot.{run.id}.{number}", "namespace": about.namespace or "default"},
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": "meshbot",
        "reportingInstance": house.owner[:128],
        "action": run.step,
        "reason": f"Meshbot{run.step.capitalize()}",
        "regarding": regarding,
        "type": told[0],
        "note": told[1],
    }
