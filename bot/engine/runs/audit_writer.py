"""Writes the audit: a row for each command, answer, denial and button, and for each run's end.

The person is answered first. A row that the database does not take is kept and written
later; a run that ended when the process was killed gets its row from the next one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

from bot.catalog import Catalog, Invocation
from bot.engine.access.policy import AccessDenied
from bot.engine.button_commands import get_button_command
from bot.engine.runs.error_messages import get_message
from bot.errors import LedgerError, MeshbotError, UserError
from bot.ledger import Ledger, Run, ScopeLocked, generate_id
from bot.messages import ButtonPress, ChannelMessages, Command
from bot.records import AuditEntry
from bot.steps import Scope, Verdict, Workshop
from bot.text import Text, verbatim
from bot.view import result_messages

log = logging.getLogger(__name__)

LONGEST = 1000
"""Characters of a command that are recorded; people can type far longer ones."""

MOST_WAITING = 10_000
"""Rows that wait for the database in memory."""

BATCH = 200
"""Rows that are written at once when many wait: in a rush each transaction stands in line behind
all others."""

RETRY_PAUSE = 5.0
"""Seconds after a refusal in which new rows wait with the others rather than ask the database each.
"""


@dataclass(frozen=True)
class AuditSubject:
    """The command that an audit row is about: its user, channel and text.

    `run` is the run that it is about, `since` when it was given, in epoch seconds.
    """

    user: str
    channel: str
    text: str
    since: float
    run: Run | None = None


@dataclass
class Auditor:
    """Adds rows to the audit; never raises. `cluster` names the cluster in each row."""

    catalog: Catalog
    ledger: Ledger
    channel_messages: ChannelMessages
    workshop: Workshop
    cluster: str
    _waiting: dict[str, AuditEntry] = field(default_factory=dict, init=False)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _away_until: float = field(default=0.0, init=False)

    async def record_answer(
        self, asked: Command, invocation: Invocation, verdict: Verdict, since: float
    ) -> None:
        """Add the row of an answer that one person saw, or that was shared."""
        said = AuditSubject(asked.user, asked.channel, invocation.text, since)
        await self._write_entry(self._build_entry(said, verdict.state.value, verdict.summary))

    async def record_refusal(
        self, what: Command | ButtonPress, problem: BaseException, since: float
    ) -> None:
        """Add the row of a command or a button that ended in an error or a denial."""
        outcome = "denied" if isinstance(problem, AccessDenied) else "error"
        outcome = "refused" if isinstance(problem, (UserError, ScopeLocked)) else outcome
        summary = (
            get_message(problem)
            if isinstance(problem, MeshbotError)
            else verbatim(type(problem).__name__)
        )
        if isinstance(what, Command):
            said = AuditSubject(what.user, what.channel, what.text, since)
        elif what.action not in (result_messages.CONFIRM, result_messages.CANCEL):
            text = get_button_command(what).removeprefix(self.catalog.command).strip()
            said = AuditSubject(what.user, what.channel, text, since)
        else:
            run = await self._find_run(what.value)
            said = AuditSubject(what.user, what.channel, run.arguments if run else "", since, run)
            summary = (
                Text("Cancel: {words}", words=summary)
                if what.action == result_messages.CANCEL
                else Text("Confirm: {words}", words=summary)
            )
        await self._write_entry(self._build_entry(said, outcome, summary))

    async def record_confirmation(self, run: Run, pressed: ButtonPress) -> None:
        """Add the row that says who confirmed a run."""
        said = AuditSubject(pressed.user, pressed.channel, run.arguments, time.time(), run)
        entry = self._build_entry(said, "confirmed", Text("asked by {user}", user=run.user))
        await self._write_entry(replace(entry, decided_by=pressed.user))

    async def record_run_end(self, run: Run, state: str, summary: Text, *, by: str = "") -> None:
        """Add the row of a run's end; `by` is who cancelled it.

        The row has the run's id, so that it is there only once.
        """
        said = AuditSubject(run.user, run.channel, run.arguments, run.created_at.timestamp(), run)
        entry = replace(self._build_entry(said, state, summary), id=run.id)
        if run.finished_at is not None:
            took = (run.finished_at - run.created_at).total_seconds()
            entry = replace(entry, at=run.finished_at, seconds=took)
        try:
            by = by or (
                await self.ledger.audit.find_confirmer(run.id) if run.digest is not None else ""
            )
        except LedgerError as problem:
            log.warning("who confirmed run %s is not known: %s", run.id, problem)
        link = await self.channel_messages.permalink(run.posted) if run.posted else ""
        await self._write_entry(replace(entry, decided_by=by, link=link))

    async def record_missing_ends(self) -> None:
        """Add the rows of runs that ended without one, because their process was killed."""
        try:
            for run in await self.ledger.run_queries.list_unaudited_runs():
                await self.record_run_end(run, run.state.value, run.summary)
        except LedgerError as problem:
            log.warning("the audit could not be completed: %s", problem)

    async def retry_unwritten(self) -> None:
        """Add the rows that the database did not take before.

        Raises LedgerError while it is still away.
        """
        # One after the other, in their order: whoever waited for the lock finds it all done.
        async with self._writing:
            while self._waiting:
                batch = list(islice(self._waiting.values(), BATCH))
                try:
                    await self.ledger.audit.add(*batch)
                except LedgerError:
                    self._away_until = time.monotonic() + RETRY_PAUSE
                    raise
                for entry in batch:
                    self._waiting.pop(entry.id, None)

    async def _write_entry(self, entry: AuditEntry) -> None:
        if len(self._waiting) >= MOST_WAITING:
            log.error("never in the audit, for too much waits: %s", entry)
            return
        self._waiting[entry.id] = entry
        if time.monotonic() < self._away_until:
            return
        try:
            await self.retry_unwritten()
        except LedgerError as problem:
            log.warning("%d rows wait for the audit: %s", len(self._waiting), problem)

    async def _find_run(self, run: str) -> Run | None:
        try:
            return await self.ledger.run_queries.get_run(run)
        except LedgerError:
            return None

    def _build_entry(self, said: AuditSubject, outcome: str, summary: Text) -> AuditEntry:
        now, invocation = datetime.now(UTC), self._parse_or_none(said.text)
        return AuditEntry(
            id=generate_id(now),
            at=now,
            user=said.user,
            channel=said.channel,
            step=invocation.step.id if invocation else said.run.step if said.run else "",
            arguments=said.text[:LONGEST],
            cluster=self.cluster,
            namespace=self._get_namespace(invocation) if invocation else "",
            outcome=outcome,
            summary=summary,
            seconds=round(max(0.0, now.timestamp() - said.since), 3),
            run=said.run.id if said.run else "",
        )

    def _parse_or_none(self, text: str) -> Invocation | None:
        try:
            return self.catalog.parse(text)
        except UserError:
            return None

    def _get_namespace(self, invocation: Invocation) -> str:
        """Return the namespace that is changed or read: the mesh's for mesh-wide changes."""
        if invocation.step.changes and invocation.step.scope is Scope.MESH:
            return self.workshop.mesh_namespace
        return invocation.options.namespace or self.workshop.app_namespace
