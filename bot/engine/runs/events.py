"""Kubernetes Events on the objects that a run changed: `kubectl describe` shows who asked.

They are an extra: at most five a run, written by the bot's own account when the run has
ended and its end is shown. A cluster that does not take them fails nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.catalog import Catalog
from bot.engine.world.cluster_proxy import ChangedObject
from bot.errors import MeshbotError
from bot.kinds import DEPLOYMENT, NAMESPACE, Object
from bot.ledger import Run, SqlHistory
from bot.ports import Cluster
from bot.text import Text, show_hidden

log = logging.getLogger(__name__)

MOST_EVENTS = 5
"""Events of one run."""
WRITE_SECONDS = 5.0
"""Seconds that they may take together."""
LONGEST_NOTE = 1024
"""Bytes of an Event's note (Kubernetes API)."""

TELLING_KINDS = (
    "VirtualService",
    "DestinationRule",
    "HTTPRoute",
    "Gateway",
    NAMESPACE.kind,
    DEPLOYMENT.kind,
)
"""Kinds that people look at, the most telling first; others only when there is none of these."""
FAILED_STATES = ("error", "interrupted")


@dataclass(frozen=True)
class EventWriter:
    """Writes the Events of runs with the bot's own account; `owner` names this process."""

    catalog: Catalog
    cluster: Cluster
    history: SqlHistory
    owner: str

    async def write_events(
        self, run: Run, changed: Collection[ChangedObject], state: str, summary: Text
    ) -> None:
        """Write the Events of a run that changed something; never raises."""
        step = self.catalog.get(run.step)
        if step is None or not step.changes:
            return
        note = self._format_note(run, state, summary)
        kind = "Warning" if state in FAILED_STATES else "Normal"
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                images = await self.history.list_images(run.id) if step.recorded else []
                recorded = [ChangedObject(each.kind, each.namespace, each.name) for each in images]
                for number, about in enumerate(select_objects([*recorded, *changed])):
                    event = await self._build_event(run, about, number)
                    await self.cluster.apply({**event, "type": kind, "note": note})
        except (MeshbotError, TimeoutError) as problem:
            log.info("no Event on what run %s changed: %s", run.id, problem)

    def _format_note(self, run: Run, state: str, summary: Text) -> str:
        """Return the Event's note, at most 1024 bytes (Kubernetes API)."""
        words = show_hidden(
            f"Slack user {run.user} asked for {self.catalog.command} {run.arguments}: "
            f"{state}: {summary} (run {run.id})"
        )
        # Cut in bytes, which may leave half a character at the end.
        return words.encode()[:LONGEST_NOTE].decode(errors="ignore")

    async def _build_event(self, run: Run, about: ChangedObject, number: int) -> Object:
        """Return one Event (events.k8s.io/v1) without its type and note.

        Events on objects without a namespace are in `default`, as in Kubernetes.
        """
        kind = about.kind
        live = await self.cluster.get(kind, about.name, about.namespace)
        regarding = {"apiVersion": kind.api_version, "kind": kind.kind, "name": about.name}
        regarding |= {"namespace": about.namespace} if about.namespace else {}
        regarding |= {"uid": live["metadata"]["uid"]} if live else {}
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                # Named by the run: written again after a restart, it is the same Event.
                "name": f"meshbot.{run.id}.{number}",
                "namespace": about.namespace or "default",
            },
            # MicroTime has six digits; isoformat() drops them at a whole second.
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "meshbot",
            # 128 characters at most (events.k8s.io/v1).
            "reportingInstance": self.owner[:128],
            "action": run.step,
            "reason": f"Meshbot{run.step.capitalize()}",
            "regarding": regarding,
        }


def select_objects(changed: Collection[ChangedObject]) -> list[ChangedObject]:
    """Return the objects that tell most about the run, at most five."""

    def rank(each: ChangedObject) -> tuple[int, str]:
        return (
            TELLING_KINDS.index(each.kind.kind)
            if each.kind.kind in TELLING_KINDS
            else len(TELLING_KINDS),
            each.name,
        )

    ordered = sorted(set(changed), key=rank)
    telling = [each for each in ordered if each.kind.kind in TELLING_KINDS]
    return (telling or ordered)[:MOST_EVENTS]
