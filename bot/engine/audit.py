"""Writes the audit: a row for each command, answer, denial and press, and for each run when it ends.

The person is answered first. A row that the database does not take is kept and written later; a run that ended when the
process was killed gets its row from the next one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from bot import blocks
from bot.catalog import Invocation
from bot.engine.counter import typed
from bot.engine.gate import Denied
from bot.engine.house import House
from bot.errors import LedgerError, MeshbotError, UserError
from bot.ledger import Busy, Run, new_id
from bot.messages import Asked, Pressed
from bot.records import Entry
from bot.steps import Scope, Verdict

log = logging.getLogger(__name__)

LONGEST = 1000
"""Characters of a text that are kept; people can type far longer ones."""
MOST_KEPT = 10_000
"""Rows that wait for the database in memory."""
BATCH = 200
"""Rows that are written at once when many wait: in a rush each transaction stands in line behind all others."""
PAUSE = 5.0
"""Seconds after a refusal in which new rows wait with the others rather than ask the database each."""


@dataclass(frozen=True)
class Said:
    """Who gave which command where; `run` is the run that it is about, `since` when it was said, in epoch seconds."""

    user: str
    channel: str
    text: str
    since: float
    run: Run | None = None


class Auditor:
    """Adds rows; never raises."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._unkept: dict[str, Entry] = {}
        self._keeping = asyncio.Lock()
        self._away_until = 0.0

    async def answered(self, asked: Asked, invocation: Invocation, verdict: Verdict, since: float) -> None:
        """An answer that only one person saw, or shared."""
        said = Said(asked.user, asked.channel, invocation.text, since)
        await self._add(self._entry(said, verdict.state.value, verdict.summary))

    async def refused(self, what: Asked | Pressed, problem: BaseException, since: float) -> None:
        """A command or a press that came to nothing."""
        outcome = "denied" if isinstance(problem, Denied) else "error"
        outcome = "refused" if isinstance(problem, (UserError, Busy)) else outcome
        words = str(problem) if isinstance(problem, MeshbotError) else type(problem).__name__
        if isinstance(what, Asked):
            said = Said(what.user, what.channel, what.text, since)
        elif what.action not in (blocks.CONFIRM, blocks.CANCEL):
            text = typed(what).removeprefix(self._house.catalog.command).strip()
            said = Said(what.user, what.channel, text, since)
        else:
            run = await self._run(what.value)
            said = Said(what.user, what.channel, run.arguments if run else "", since, run)
            words = f"{'Cancel' if what.action == blocks.CANCEL else 'Confirm'}: {words}"
        await self._add(self._entry(said, outcome, words))

    async def confirmed(self, run: Run, pressed: Pressed) -> None:
        """Someone confirmed a run."""
        said = Said(pressed.user, pressed.channel, run.arguments, time.time(), run)
        entry = self._entry(said, "confirmed", f"asked by {run.user}")
        await self._add(replace(entry, decided_by=pressed.user))

    async def ended(self, run: Run, state: str, summary: str, *, by: str = "") -> None:
        """A run's end; `by` is who cancelled it. The row has the run's id, so that it is there once."""
        said = Said(run.user, run.channel, run.arguments, run.created_at.timestamp(), run)
        entry = replace(self._entry(said, state, summary), id=run.id)
        if run.finished_at is not None:
            took = (run.finished_at - run.created_at).total_seconds()
            entry = replace(entry, at=run.finished_at, seconds=took)
        try:
            by = by or (await self._house.ledger.audit.confirmer(run.id) if run.digest is not None else "")
        except LedgerError as problem:
            log.warning("who confirmed run %s is not known: %s", run.id, problem)
        link = await self._house.board.permalink(run.posted) if run.posted else ""
        await self._add(replace(entry, decided_by=by, link=link))

    async def catch_up(self) -> None:
        """Adds the rows of runs whose end a process wrote that had no time for more."""
        try:
            for run in await self._house.ledger.unaudited():
                await self.ended(run, run.state.value, run.summary)
        except LedgerError as problem:
            log.warning("the audit could not be completed: %s", problem)

    async def keep_again(self) -> None:
        """Adds the rows that the database did not take; raises LedgerError while it is still away."""
        async with self._keeping:  # one after the other, in their order: whoever waits finds that it is done
            while self._unkept:
                batch = list(islice(self._unkept.values(), BATCH))
                try:
                    await self._house.ledger.audit.add(*batch)
                except LedgerError:
                    self._away_until = time.monotonic() + PAUSE
                    raise
                for entry in batch:
                    self._unkept.pop(entry.id, None)

    async def _add(self, entry: Entry) -> None:
        if len(self._unkept) >= MOST_KEPT:
            log.error("never in the audit, for too much waits: %s", entry)
            return
        self._unkept[entry.id] = entry
        if time.monotonic() < self._away_until:
            return
        try:
            await self.keep_again()
        except LedgerError as problem:
            log.warning("%d rows wait for the audit: %s", len(self._unkept), problem)

    async def _run(self, run: str) -> Run | None:
        try:
            return await self._house.ledger.get(run)
        except LedgerError:
            return None

    def _entry(self, said: Said, outcome: str, summary: str) -> Entry:
        now, invocation = datetime.now(UTC), self._parsed(said.text)
        return Entry(
            id=new_id(now),
            at=now,
            user=said.user,
            channel=said.channel,
            step=invocation.step.id if invocation else said.run.step if said.run else "",
            arguments=said.text[:LONGEST],
            cluster=self._house.place,
            namespace=self._namespace(invocation) if invocation else "",
            outcome=outcome,
            summary=summary[:LONGEST],
            seconds=round(max(0.0, now.timestamp() - said.since), 3),
            run=said.run.id if said.run else "",
        )

    def _parsed(self, text: str) -> Invocation | None:
        try:
            return self._house.catalog.parse(text)
        except UserError:
            return None

    def _namespace(self, invocation: Invocation) -> str:
        """The namespace that is changed or looked at: the mesh's for what everyone shares."""
        if invocation.step.changes and invocation.step.scope is Scope.MESH:
            return self._house.workshop.mesh_namespace
        return invocation.options.namespace or self._house.workshop.app_namespace
