"""What is remembered of what was done, and what is to be done again, as steps may use it. Protocols that the ledger and
the schedules keep; knows neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.kinds import Kind, Object


@dataclass(frozen=True)
class Image:
    """An object as it stood before a run changed it; `before` is None when there was none.

    `after` is what the run sent last: a manifest, or for a merge the patch; None when it deleted the object.
    """

    kind: Kind
    namespace: str
    name: str
    before: Object | None
    after: Object | None = None


@dataclass(frozen=True)
class Change:
    """What one run changed, in the order in which it did."""

    run: str
    step: str
    typed: str
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Deed:
    """What somebody did: `typed` without the slash command, the run's state in one word, its start in epoch seconds."""

    user: str
    typed: str
    state: str
    at: float


class History(Protocol):
    """The before-images of changes, newest first, and who did what."""

    async def deeds(self, since: float, *, most: int = 50) -> list[Deed]:
        """What was asked for since then (epoch seconds), the newest first."""
        ...

    async def changes(self, namespace: str, *, most: int = 50) -> list[Change]:
        """Runs that changed something in that namespace and were not undone."""
        ...

    async def undone(self, run: str) -> None:
        """That run's change was taken back."""
        ...


@dataclass(frozen=True)
class Entry:
    """One thing that was asked, as the audit keeps it.

    `outcome` is how a run or an answer ended (done, not_yet, normal, error, cancelled, interrupted, expired), or
    confirmed, denied (the rules) or refused (a mistake, or something else was under way). `seconds` is how long it
    took, `run` the run that it belongs to, `decided_by` who confirmed or cancelled it, `link` its message.
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
    summary: str
    seconds: float = 0.0
    run: str = ""
    decided_by: str = ""
    link: str = ""


class Trail(Protocol):
    """The audit, to be read."""

    async def entries(self, *, most: int = 20, user: str = "", step: str = "") -> list[Entry]:
        """The newest first, of one user or step when that is named."""
        ...


@dataclass(frozen=True)
class Scheduled:
    """A schedule as steps see it: what is done (`typed`, without the slash command), when in words, and how it stands.

    `state` is `active`, `paused`, `ended` or `removed`; `next_at` is in epoch seconds, None when nothing is to come;
    `next` is the same in words, in the schedule's own zone.
    """

    id: str
    step: str
    typed: str
    when: str
    user: str
    state: str
    next_at: float | None = None
    next: str = ""
    last: str = ""
    missed: int = 0


class Schedules(Protocol):
    """What is done again and again. All raise `bot.errors.LedgerError`; an unknown id is a UserError."""

    async def entries(self) -> list[Scheduled]:
        """Those that go on or are paused, the oldest first."""
        ...

    async def pause(self, id: str, by: str) -> Scheduled:
        """Nothing is done until it is resumed; `by` is who wants it."""
        ...

    async def resume(self, id: str, by: str) -> Scheduled:
        """It goes on with its next time."""
        ...

    async def remove(self, id: str, by: str) -> Scheduled:
        """It is over."""
        ...

    async def end(self, why: str, *, step: str = "", namespace: str = "") -> list[Scheduled]:
        """Ends those of a step and a namespace ("" is any), because what they need is taken away; gives them."""
        ...
