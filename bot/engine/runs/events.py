"""Kubernetes Events on the objects that a run changed: `kubectl describe` shows who asked.

They are an extra: at most five a run, written by the bot's own account when the run has
ended and its end is shown. A cluster that does not take them fails nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import UTC, datetime

from bot.engine.services import Services
from bot.engine.world.namespace_guard import ChangedObject
from bot.errors import MeshbotError
from bot.kinds import DEPLOYMENT, NAMESPACE, Object
from bot.ledger import Run
from bot.text import Text

log = logging.getLogger(__name__)

MOST = 5
"""Events of one run."""
PATIENCE = 5.0
"""Seconds that they may take together."""
LONGEST = 1024
"""Bytes of an Event's note (Kubernetes API)."""

TELLING = (
    "VirtualService",
    "DestinationRule",
    "HTTPRoute",
    "Gateway",
    NAMESPACE.kind,
    DEPLOYMENT.kind,
)
"""Kinds that people look at, the most telling first; others only when there is none of these."""
FAILED = ("error", "interrupted")


async def write_events(
    services: Services, run: Run, notes: Collection[ChangedObject], state: str, summary: Text
) -> None:
    """Write the Events of a run that changed something; never raises."""
    step = services.catalog.get(run.step)
    if step is None or not step.changes:
        return
    try:
        async with asyncio.timeout(PATIENCE):
            kept = await services.ledger.journal.list_images(run.id) if step.recorded else []
            touched = [ChangedObject(image.kind, image.namespace, image.name) for image in kept]
            for number, each in enumerate(select_objects([*touched, *notes])):
                await services.cluster.apply(
                    await build_event(
                        services, run, each, number, format_note(services, run, state, summary)
                    )
                )
    except (MeshbotError, TimeoutError) as problem:
        log.info("no Event on what run %s changed: %s", run.id, problem)


def select_objects(touched: Collection[ChangedObject]) -> list[ChangedObject]:
    """Return the objects that tell most about the run, at most five."""

    def rank(each: ChangedObject) -> tuple[int, str]:
        return (
            TELLING.index(each.kind.kind) if each.kind.kind in TELLING else len(TELLING),
            each.name,
        )

    ordered = sorted(set(touched), key=rank)
    telling = [each for each in ordered if each.kind.kind in TELLING]
    return (telling or ordered)[:MOST]


def format_note(services: Services, run: Run, state: str, summary: Text) -> tuple[str, str]:
    """Return the Event's type and note; the note is at most 1024 bytes (Kubernetes API)."""
    words = (
        f"Slack user {run.user} typed {services.catalog.command} {run.arguments}: {state}: "
        f"{summary} (run {run.id})"
    )
    note = words.encode()[:LONGEST].decode(errors="ignore")
    return ("Warning" if state in FAILED else "Normal"), note


async def build_event(
    services: Services, run: Run, about: ChangedObject, number: int, told: tuple[str, str]
) -> Object:
    """Return one Event (events.k8s.io/v1).

    Events on objects without a namespace are in `default`, as in Kubernetes.
    """
    live = await services.cluster.get(about.kind, about.name, about.namespace)
    regarding = {"apiVersion": about.kind.api_version, "kind": about.kind.kind, "name": about.name}
    regarding |= {"namespace": about.namespace} if about.namespace else {}
    regarding |= {"uid": live["metadata"]["uid"]} if live else {}
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"meshbot.{run.id}.{number}",
            "namespace": about.namespace or "default",
        },
        "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": "meshbot",
        "reportingInstance": services.owner[:128],
        "action": run.step,
        "reason": f"Meshbot{run.step.capitalize()}",
        "regarding": regarding,
        "type": told[0],
        "note": told[1],
    }
