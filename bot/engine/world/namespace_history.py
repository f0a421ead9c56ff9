"""Limits the history that a run sees to an attendee's own namespace."""

from __future__ import annotations

from collections.abc import Collection

from bot.kinds import NAMESPACE
from bot.records import Change, DoneRun, History, MetCause, RunSummary


class NamespaceHistory:
    """`bot.records.History` of one namespace.

    It shows only changes that stayed within it, by steps that stay within one.
    """

    def __init__(self, history: History, own: str, steps: Collection[str]) -> None:
        self._history, self._own, self._steps = history, own, steps

    async def changes(self, namespace: str, *, most: int = 50) -> list[Change]:
        """Return the changes that can be undone without leaving the namespace."""
        found = await self._history.changes(namespace, most=most) if namespace == self._own else []
        return [
            change
            for change in found
            if change.step in self._steps and self._is_within_namespace(change)
        ]

    async def run_summaries(self, since: float, *, most: int = 50) -> list[RunSummary]:
        """Return the commands since then (epoch seconds), by anybody."""
        return await self._history.run_summaries(since, most=most)

    async def met_causes(self, since: float, *, channel: str = "") -> list[MetCause]:
        """Return the causes that runs met since then (epoch seconds), by anybody."""
        return await self._history.met_causes(since, channel=channel)

    async def done_runs(
        self, *, most: int = 1000, or_normal: Collection[str] = ()
    ) -> list[DoneRun]:
        """Return the runs that ended done, by anybody."""
        return await self._history.done_runs(most=most, or_normal=or_normal)

    async def undone(self, run: str) -> None:
        """Note that this run's change was undone."""
        await self._history.undone(run)

    def _is_within_namespace(self, change: Change) -> bool:
        return all(
            image.namespace == self._own
            or (image.kind.plural == NAMESPACE.plural and image.name == self._own)
            for image in change.images
        )
