"""What was asked in a channel in one session of the workshop, out of the audit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.records import AuditEntry
from bot.steps import Context
from bot.text import Text, counted, in_context

GAP = 3 * 3600.0
"""Seconds without any command after which another session begins."""
MOST = 1000
"""Entries of the audit that are looked at."""
BESIDE = frozenset({"workshop", "recap", "report", "feedback", "audit", "help"})
"""Steps that are about the workshop, and no part of it."""
ENDED = frozenset({"done", "not_yet", "normal", "error", "cancelled", "interrupted", "expired"})
ICONS = {"done": "✅", "not_yet": "🟡", "normal": "ℹ️", "error": "❌"}
FEEDBACK = "feedback"
VALUES = ("good", "ok", "bad")
"""What the three buttons of the feedback say, the best first."""
VALUE_NAMES = {
    "good": in_context("feedback", "👍 learned a lot"),
    "ok": in_context("feedback", "🙂 it was all right"),
    "bad": in_context("feedback", "👎 it lost me"),
}


@dataclass(frozen=True)
class SessionLog:
    """The entries of one session in one channel, the oldest first."""

    entries: tuple[AuditEntry, ...]

    @property
    def begun(self) -> float:
        """When its first command was given (epoch seconds), 0 without any."""
        return find_start(self.entries[0]) if self.entries else 0.0

    @property
    def seconds(self) -> float:
        """The seconds from its first command to the end of its last one."""
        return self.entries[-1].at.timestamp() - self.begun if self.entries else 0.0

    @property
    def runs(self) -> tuple[AuditEntry, ...]:
        """The ends of its runs."""
        found = (e for e in self.entries if e.run and e.id == e.run and e.outcome in ENDED)
        return tuple(e for e in found if e.step not in BESIDE)

    @property
    def steps(self) -> tuple[AuditEntry, ...]:
        """The last end of each command that was run, in their order."""
        last = {entry.arguments: entry for entry in self.runs}
        return tuple(sorted(last.values(), key=lambda entry: entry.at))

    @property
    def questions(self) -> tuple[AuditEntry, ...]:
        """What was asked without a run, answered or turned away."""
        return tuple(e for e in self.entries if not e.run and e.step not in BESIDE)


async def read_session(context: Context) -> SessionLog:
    """Return the newest session in the channel of the command; where nothing was asked there, that
    of the caller. Raises LedgerError.
    """
    found = await context.audit_trail.entries(most=MOST)
    here = [entry for entry in found if context.channel and entry.channel == context.channel]
    here = here or [entry for entry in found if entry.user == context.caller.user]
    return SessionLog(cut_session(here))


def cut_session(newest_first: Sequence[AuditEntry]) -> tuple[AuditEntry, ...]:
    """Return the entries without a long gap between them, the oldest first."""
    kept: list[AuditEntry] = []
    for entry in newest_first:
        if kept and find_start(kept[-1]) - entry.at.timestamp() > GAP:
            break
        kept.append(entry)
    return tuple(sorted(kept, key=lambda entry: entry.at))


def find_start(entry: AuditEntry) -> float:
    """Return when a command was given (epoch seconds)."""
    return entry.at.timestamp() - entry.seconds


def count_feedback(entries: Iterable[AuditEntry]) -> dict[str, int]:
    """Return how many people gave which feedback: the last of each counts."""
    last = {
        entry.user: entry.arguments.split()[-1]
        for entry in entries
        if entry.step == FEEDBACK and entry.outcome == "done"
    }
    return {value: sum(given == value for given in last.values()) for value in VALUES}


def describe_count(log: SessionLog) -> Text:
    """Return how many commands were run, by how many people."""
    people = len({entry.user for entry in log.entries})
    return counted(
        "{n} step was run; commands from {people}",
        "{n} steps were run; commands from {people}",
        n=len(log.steps),
        people=counted("{n} person", "{n} people", n=people),
    )
