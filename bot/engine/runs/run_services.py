"""Everything that carries out runs, put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.engine.runs.audit_writer import Auditor
from bot.engine.runs.confirmations import Confirmations
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.executor import RunExecutor
from bot.engine.runs.recovery import RunRecovery
from bot.engine.runs.tracker import RunTracker
from bot.metrics import Metric, counter


@dataclass(frozen=True)
class Runs:
    """The parts that carry out runs, for whoever starts and stops them."""

    audit: Auditor
    tracker: RunTracker
    endings: RunEndings
    confirmations: Confirmations
    executor: RunExecutor
    recovery: RunRecovery

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics of runs."""
        for step, count in self.executor.begun.items():
            yield counter("runs", "Runs that were begun.", count, step=step)
        for (step, state), count in self.endings.ended.items():
            yield counter(
                "verdicts",
                "Runs that ended, by the state they ended in.",
                count,
                step=step,
                state=state,
            )
        yield counter(
            "runs_taken_up",
            "Runs of processes that were gone, taken up here.",
            self.recovery.resumed,
        )
