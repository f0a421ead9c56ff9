"""Waiting for Prometheus to look again: counters as they stand after a moment, not before it."""

from __future__ import annotations

import asyncio
import time

from bot.errors import ClusterError
from bot.knowledge.observe.http_json import get_json
from bot.knowledge.observe.prometheus import PORT, SCRAPE, SERVICE
from bot.steps import Context

PATIENCE = 2 * SCRAPE + 5
"""Seconds in which every target is scraped again, with room."""
PAUSE = 0.5
"""Seconds between two questions."""


async def read_scrapes(context: Context) -> dict[tuple[str, str], str]:
    """Return when each proxy of the application's and the mesh's namespace was scraped last, by
    namespace and pod. Raises ClusterError.
    """
    places = {context.workshop.app_namespace, context.workshop.mesh_namespace}
    answer = await get_json(context, SERVICE, PORT, "/api/v1/targets", {"state": "active"})
    targets = answer["data"].get("activeTargets") or ()
    found = dict[tuple[str, str], str]()
    for each in targets:
        labels = each.get("labels") or {}
        if labels.get("namespace") in places and each.get("health") == "up":
            place = str(labels["namespace"]), str(labels.get("pod") or labels.get("instance"))
            found[place] = str(each.get("lastScrape", ""))
    return found


async def wait_for_scrapes(context: Context) -> bool:
    """Wait until every proxy has been scraped once more; return False when that takes too long, or
    Prometheus cannot be asked.
    """
    deadline = time.monotonic() + min(PATIENCE, context.workshop.readiness_timeout)
    try:
        before = await read_scrapes(context)
        while time.monotonic() < deadline:
            now = await read_scrapes(context)
            # One that is gone by now has nothing more to tell.
            if all(now.get(pod) != at for pod, at in before.items()):
                return True
            await asyncio.sleep(PAUSE)
    except ClusterError:
        return False
    return False
