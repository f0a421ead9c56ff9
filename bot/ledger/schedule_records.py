"""Schedules as plain values: new ones, those in the ledger, and their slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.messages import Posted
from bot.text import Text


class ScheduleState(StrEnum):
    """State of a schedule."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    REMOVED = "removed"


class SlotState(StrEnum):
    """State of a slot; a slot is `cut` when its process died in it and it was not begun again."""

    RUNNING = "running"
    DONE = "done"
    CUT = "cut"


@dataclass(frozen=True)
class NewSchedule:
    """A schedule that is asked for. `words` is the step's command without the times, `typed` the
    whole; `timing` is how `bot.when.Timing` is written; `request_key` is the same for each delivery
    of one command."""

    request_key: str
    step: str
    words: str
    typed: str
    user: str
    channel: str
    namespace: str
    timing: Mapping[str, Any]
    next_at: datetime
    owner: str
    until: datetime | None = None


@dataclass(frozen=True)
class Schedule:
    """A schedule as the ledger holds it; every time is UTC.

    `fired` slots began, `failed` of them ended badly, `cut` died with their process, and `missed`
    never began. `memory` is what the last slot left for the next one.
    """

    id: str
    number: int
    request_key: str
    step: str
    words: str
    typed: str
    user: str
    channel: str
    ts: str | None
    namespace: str
    timing: dict[str, Any]
    until: datetime | None
    state: ScheduleState
    reason: Text
    next_at: datetime | None
    last_at: datetime | None
    last_state: str
    last_summary: Text
    fired: int
    failed: int
    missed: int
    cut: int
    memory: dict[str, Any]
    owner: str
    created_at: datetime
    updated_at: datetime

    @property
    def posted(self) -> Posted | None:
        """The place of its message, once it is posted."""
        return Posted(self.channel, self.ts) if self.ts else None

    @property
    def is_over(self) -> bool:
        """Tell whether nothing comes of it any more."""
        return self.state in (ScheduleState.ENDED, ScheduleState.REMOVED)


@dataclass(frozen=True)
class Slot:
    """One time at which a schedule's step is carried out, by `owner`; `attempt` counts from 1."""

    schedule: str
    slot_at: datetime
    owner: str
    state: SlotState
    attempt: int


@dataclass(frozen=True)
class SlotResult:
    """Result of a slot: its state in one word, and a sentence.

    `failed` counts it as a failure; `memory` is what the next slot gets.
    """

    state: str
    summary: Text
    failed: bool = False
    memory: Mapping[str, Any] = field(default_factory=dict)
