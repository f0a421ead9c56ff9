"""Adds to the message of a run, once metrics have come, what it did to the traffic: lines and a
picture.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.catalog import Catalog
from bot.engine.pictures import PictureAttacher
from bot.jobs import Jobs
from bot.ledger import Ledger, Run
from bot.messages import Message, Posted
from bot.steps import Scope, Verdict

log = logging.getLogger(__name__)

Render = Callable[[Verdict], Message]


@dataclass(frozen=True)
class LateComparisons:
    """Waits for comparisons, beside the runs that they belong to.

    None is shown once another run has begun to change the same: it would be of both.
    """

    ledger: Ledger
    catalog: Catalog
    pictures: PictureAttacher
    jobs: Jobs = field(default_factory=Jobs, init=False)

    def follow(self, run: Run, posted: Posted, verdict: Verdict, render: Render) -> None:
        """Add the comparison of a verdict to its message when it comes; returns at once."""
        if verdict.later is not None:
            work = self._wait_and_add(run, posted, verdict, render)
            self.jobs.spawn(work, f"comparison of run {run.id}")

    async def close(self) -> None:
        """Give up what is still waited for."""
        await self.jobs.drain(0)

    async def _wait_and_add(
        self, run: Run, posted: Posted, verdict: Verdict, render: Render
    ) -> None:
        ended = datetime.now(UTC)
        assert verdict.later is not None
        comparison = await verdict.later()
        if comparison is None or await self._has_changed_since(run, ended):
            return
        evidence = (*verdict.evidence, *comparison.lines)
        message = render(replace(verdict, evidence=evidence))
        await self.pictures.attach(posted, message, comparison.picture)

    async def _has_changed_since(self, run: Run, moment: datetime) -> bool:
        """Tell whether another run has begun since to change what this one changed.

        Raises LedgerError.
        """
        begun = await self.ledger.run_queries.list_changes_since(moment)
        return any(
            each.id != run.id and (each.scope == run.scope or self._is_mesh_wide(each))
            for each in begun
        )

    def _is_mesh_wide(self, run: Run) -> bool:
        step = self.catalog.get(run.step)
        return step is None or step.scope is Scope.MESH
