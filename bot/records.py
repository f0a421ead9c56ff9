"""Records of runs, of the audit and of schedules, as steps may use them.

The ledger and the schedules implement these Protocols; this module knows neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.kinds import Kind, Object
from bot.text import EMPTY, Text


@dataclass(frozen=True)
class BeforeImage:
    """An object as it was before a run changed it; `before` is None when there was none.

    `after` is what the run sent last: a manifest, or for a merge the patch; None when
    it deleted the object.
    """

    kind: Kind
    namespace: str
    name: str
    before: Object | None
    after: Object | None = None


@dataclass(frozen=True)
class Change:
    """Objects that one run changed, in order."""

    run: str
    step: str
    typed: str
    images: tuple[BeforeImage, ...]


@dataclass(frozen=True)
class RunSummary:
    """A command of somebody with the state of its run.

    `typed` is without the slash command, `state` one word, `at` its start in epoch
    seconds.
    """

    user: str
    typed: str
    state: str
    at: float


@dataclass(frozen=True)
class DoneRun:
    """A run that ended done: its step, its options as they are typed (`in`, `off`), its start in
    epoch seconds."""

    step: str
    options: Mapping[str, Any]
    at: float


@dataclass(frozen=True)
class MetCause:
    """The cause for which a run did not end done, in one sentence; `at` is in epoch seconds."""

    step: str
    typed: str
    user: str
    at: float
    because: Text


class History(Protocol):
    """The before-images of changes, newest first, and the commands of people."""

    async def done_runs(
        self, *, most: int = 1000, or_normal: Collection[str] = ()
    ) -> list[DoneRun]:
        """Return the runs of all steps that ended done, the newest first; of the steps `or_normal`
        also those that found what is normal.
        """
        ...

    async def run_summaries(self, since: float, *, most: int = 50) -> list[RunSummary]:
        """Return the commands since then (epoch seconds), the newest first."""
        ...

    async def met_causes(self, since: float, *, channel: str = "") -> list[MetCause]:
        """Return the causes that runs met since then (epoch seconds), in one channel or in any, the
        oldest first.
        """
        ...

    async def changes(self, namespace: str, *, most: int = 50) -> list[Change]:
        """Return the runs that changed something in that namespace and were not undone."""
        ...

    async def undone(self, run: str) -> None:
        """Note that this run's change was undone."""
        ...


@dataclass(frozen=True)
class AuditEntry:
    """One row of the audit: a command, an answer, a denial or the end of a run.

    `outcome` is how a run or an answer ended (done, not_yet, normal, error, cancelled,
    interrupted, expired), or confirmed, denied (the rules) or refused (a mistake, or
    something else was under way). `seconds` is how long it took, `run` the run that it
    belongs to, `decided_by` who confirmed or cancelled it, `link` its message.
    """

    id: str
    at: datetime
    user: str
    channel: str
    step: str
    arguments: str
    cluster: str
    namespace: str
    outcome: str
    summary: Text
    seconds: float = 0.0
    run: str = ""
    decided_by: str = ""
    link: str = ""


class AuditTrail(Protocol):
    """The audit, for reading."""

    async def entries(self, *, most: int = 20, user: str = "", step: str = "") -> list[AuditEntry]:
        """Return the rows of one user or step, or of all, the newest first."""
        ...


@dataclass(frozen=True)
class ScheduleSummary:
    """A schedule as steps see it: its command, its times in words, and its state.

    `typed` is without the slash command. `state` is `active`, `paused`, `ended` or
    `removed`; `next_at` is in epoch seconds, None when nothing is to come; `next` is
    the same in words, in the schedule's own zone.
    """

    id: str
    step: str
    typed: str
    when: Text
    user: str
    state: str
    next_at: float | None = None
    next: Text = EMPTY
    last: Text = EMPTY
    missed: int = 0


class Schedules(Protocol):
    """The schedules of steps.

    All methods raise `bot.errors.LedgerError`; an unknown id is a UserError.
    """

    async def entries(self) -> list[ScheduleSummary]:
        """Return the schedules that are active or paused, the oldest first."""
        ...

    async def pause(self, id: str, by: str) -> ScheduleSummary:
        """Pause a schedule until it is resumed; `by` is the user who asked."""
        ...

    async def resume(self, id: str, by: str) -> ScheduleSummary:
        """Resume a schedule with its next time."""
        ...

    async def remove(self, id: str, by: str) -> ScheduleSummary:
        """Remove a schedule for good."""
        ...

    async def end(self, why: Text, *, step: str = "", namespace: str = "") -> list[ScheduleSummary]:
        """End the schedules of a step and a namespace ("" is any), and return them.

        `why` says what is taken away that they need.
        """
        ...
