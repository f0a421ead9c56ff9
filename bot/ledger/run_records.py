"""Runs as plain values, their states, and the reasons why a run may not begin."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.errors import MeshbotError
from bot.messages import Posted
from bot.text import Text

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: nothing in it is mistaken for something else when read aloud."""


class RunState(StrEnum):
    """State of a run; all but the first two are ends."""

    RUNNING = "running"
    ASKS = "asks"
    DONE = "done"
    NOT_YET = "not_yet"
    NORMAL = "normal"
    ERROR = "error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"


ACTIVE = (RunState.RUNNING, RunState.ASKS)
"""The states of a run that has not ended."""


@dataclass(frozen=True)
class NewRun:
    """A run that is asked for.

    `request_key` is the same for each delivery of one command. `lock_key` names what the run may
    change: at most one running run holds it; None when it only reads. `owner` is the process that
    carries it out.
    """

    request_key: str
    step: str
    user: str
    channel: str
    owner: str
    arguments: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    lock_key: str | None = None


@dataclass(frozen=True)
class Run:
    """A run as the ledger holds it; every time is UTC.

    `scope` is the lock that the run needs to write, "" when it needs none; `lock_key` is the same
    while it holds it. `digest` is that of the plan that was shown, which may be confirmed until
    `expires_at`, and `about` what that plan names in the step's own ids. `confirmed_by` is who
    confirmed it, and `verified_at` when it was seen afterwards to be what was shown still. Before
    `begun_at` the run has changed nothing. `attempt` counts from 1, one more for each time that
    another process took the run up.
    """

    id: str
    request_key: str
    step: str
    arguments: str
    options: dict[str, Any]
    user: str
    channel: str
    ts: str | None
    state: RunState
    summary: Text
    verdict: dict[str, Any] | None
    scope: str
    lock_key: str | None
    attempt: int
    owner: str
    digest: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    about: tuple[str, ...] = ()
    confirmed_by: str = ""
    verified_at: datetime | None = None
    begun_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Tell whether it has not ended: it runs, or waits for a confirmation."""
        return self.state in ACTIVE

    @property
    def awaits_second_look(self) -> bool:
        """Tell whether its plan was confirmed, and not compared since with what was shown."""
        return self.digest is not None and self.verified_at is None

    @property
    def posted(self) -> Posted | None:
        """The place of its message, once it is posted."""
        return Posted(self.channel, self.ts) if self.ts else None


class DuplicateRequest(MeshbotError):
    """The same request was delivered before; `run` is its run."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"this request is run {run.id} already")
        self.run = run


class ScopeLocked(MeshbotError):
    """Another run is changing the same scope; `run` is that run.

    `wanted` is the command that was not begun for it, "" where none can wait for its turn.
    """

    def __init__(self, run: Run, wanted: str = "") -> None:
        super().__init__(f"run {run.id} ({run.step}) holds {run.lock_key}")
        self.run, self.wanted = run, wanted


class RunNotResumable(MeshbotError):
    """A run that was to be taken up has ended, or another process took it up first."""


def generate_id(now: datetime) -> str:
    """Return a short id that sorts by time.

    It has nine characters of milliseconds and five at random.
    """
    number = int(now.timestamp() * 1000) << 25 | secrets.randbits(25)
    return "".join(DIGITS[number >> 5 * place & 31] for place in reversed(range(14)))
