"""Runs: started, asked about, carried out, ended, and taken up again after the bot was killed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot import blocks
from bot.catalog import Invocation
from bot.engine import events
from bot.engine.audit import Auditor
from bot.engine.failures import explain
from bot.engine.house import House
from bot.engine.session import Session, with_heartbeat
from bot.errors import LedgerError, MeshbotError, UserError
from bot.figures import Figure, counter
from bot.ledger import Gone, Run, RunState, run_key
from bot.messages import CHANNEL, Message, Place, Posted
from bot.steps import Asker, Plan, Verdict

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Times that a run is begun: once, and again after the bot was killed in it."""
CHANGED = "This has changed since it was shown. Please look again."


class Runner:
    """Carries runs out. A run's end is kept first, together with what its message is to show, and shown after."""

    def __init__(self, house: House, hear: Sequence[Callable[[Run], None]] = ()) -> None:
        """`hear` is told of each run that is shown, asks or has ended; it returns at once."""
        self._house, self._hear = house, tuple(hear)
        self._sessions: dict[str, Session] = {}
        self._carried: dict[str, asyncio.Task[object]] = {}
        self._dropped: set[str] = set()
        self.begun: Counter[str] = Counter()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.taken_up = 0
        self.audit = Auditor(house)
        self._unkept: dict[str, tuple[str, str, dict[str, object] | None]] = {}

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        for step, count in self.begun.items():
            yield counter("runs", "Runs that were begun.", count, step=step)
        for (step, state), count in self.ended.items():
            yield counter("verdicts", "Runs that ended, by the state they ended in.", count, step=step, state=state)
        yield counter("runs_taken_up", "Runs of processes that were gone, taken up here.", self.taken_up)

    @contextmanager
    def carrying(self, run_id: str) -> Iterator[None]:
        """While it lasts, this task carries the run out, and is cancelled when the run must be left to others.

        Raises LedgerError when it must be left to them now.
        """
        task = asyncio.current_task()
        assert task is not None, "runs are carried out in tasks"
        if self._house.ledger.replicas.fenced:
            self._dropped.add(run_id)
            raise LedgerError("this process has lost touch with the ledger")
        self._carried[run_id] = task
        self._dropped.discard(run_id)
        try:
            yield
        finally:
            if self._carried.get(run_id) is task:
                del self._carried[run_id]

    def let_go(self) -> None:
        """Drops every run as it is, its end unwritten: whoever takes it over carries it out."""
        for run_id, task in list(self._carried.items()):
            self._dropped.add(run_id)
            session = self._sessions.pop(run_id, None)
            if session is not None:
                session.leave()
            task.cancel()

    def mine_to_take_up(self, run: Run) -> bool:
        """True when this process dropped the run, and nobody has taken it over yet."""
        return run.owner == self._house.owner and run.id in self._dropped and run.id not in self._carried

    async def start(self, run: Run, invocation: Invocation, asker: Asker, place: Place = CHANNEL) -> None:
        """Posts the run's message and carries it out; raises SlackError when it cannot be posted."""
        self.begun[run.step] += 1
        await self._carry_out(await self._posted(run, place), invocation, asker, confirmed=False)

    async def _posted(self, run: Run, place: Place = CHANNEL) -> Run:
        message = blocks.running(self._house.heading(run), blocks.Doing())
        posted = await self._house.board.post(run.channel, message, replace(place, key=run_key(run.id)))
        run = replace(run, channel=posted.channel, ts=posted.ts)
        if posted.pending:
            self._tell(run)
            return run
        try:
            await self._house.ledger.posted(run.id, posted.channel, posted.ts)
        except MeshbotError as problem:
            log.error("where run %s is shown was not kept: %s", run.id, problem)
        self._tell(run)
        return run

    def _tell(self, run: Run) -> None:
        for hear in self._hear:
            hear(run)

    async def _carry_out(self, run: Run, invocation: Invocation, asker: Asker, *, confirmed: bool) -> None:
        session = self._session(run)
        self._sessions[run.id] = session
        try:
            context = self._house.context(invocation, asker, session)
            step = invocation.step
            plan = await step.plan(context, invocation.options) if step.plan and not confirmed else None
            if plan is not None:
                await self._ask(run, session, plan)
            else:
                verdict = await with_heartbeat(session, lambda: step.run(context, invocation.options))
                await self._conclude(run, session, verdict)
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its message
            failure = explain(problem)
            again = f"help {run.step}" if isinstance(problem, UserError) else run.arguments
            await self._end(run, session, RunState.ERROR, failure.summary, turn=failure.turn, again=again)
        self._sessions.pop(run.id, None)

    async def _conclude(self, run: Run, session: Session, verdict: Verdict) -> None:
        message = blocks.ended(session.heading, verdict, command=self._house.catalog.command)
        if not await self.remember(run, verdict.state.value, verdict.summary, recorded(verdict), shown=message):
            return
        shown = await self._show(run, session, message)
        self._sessions.pop(run.id, None)  # what follows must not be said to be cut off: the run is over
        await self._told(run, session, verdict.state.value, verdict.summary)
        if shown is not None:
            await self._house.gallery.hang(shown, message, verdict.picture)

    async def _told(self, run: Run, session: Session, state: str, summary: str) -> None:
        """What is written down of an end, once it is shown."""
        try:
            await self.audit.ended(run, state, summary)
            await events.tell(self._house, run, session.notes, state, summary)
        except Exception:
            # The run has ended and that is shown; whatever goes wrong here must not read as its failure.
            log.exception("the end of run %s was not written down", run.id)

    async def _end(
        self, run: Run, session: Session, state: RunState, summary: str, *, turn: str = "", again: str = ""
    ) -> None:
        message = self._failed(run, session, state, summary, turn=turn, again=again)
        if await self.remember(run, state, summary, shown=message):
            await self._show(run, session, message)
            await self._told(run, session, state, summary)

    def _failed(
        self, run: Run, session: Session, state: RunState, summary: str, *, turn: str = "", again: str = ""
    ) -> Message:
        command, again = self._house.catalog.command, again or run.arguments
        return blocks.failed(session.heading, summary, state=state, turn=turn, command=command, again=again)

    async def _show(self, run: Run, session: Session, message: Message) -> Posted | None:
        """Shows an end in the run's message, or in a new one when that was deleted or takes no edits; gives which."""
        if await session.settle(message):
            return session.posted
        try:
            posted = await self._house.board.post(run.channel, message)
            await self._house.ledger.posted(run.id, posted.channel, posted.ts)
        except MeshbotError as problem:
            log.error("the end of run %s was shown nowhere: %s", run.id, problem)
            return None
        return posted

    async def remember(
        self,
        run: Run,
        state: str,
        summary: str,
        verdict: dict[str, object] | None = None,
        *,
        shown: Message | None = None,
    ) -> bool:
        """Keeps an end; False when the run is another process's by now, or ended, and nothing is to be shown of it.

        The ledger may be away: then the message is ended all the same, and this is kept later.
        """
        owner = self._house.owner
        try:
            kept = await self._house.ledger.finish(run.id, state, summary, verdict, shown=shown, owner=owner)
        except MeshbotError as problem:
            log.error("the end of run %s (%s) is not kept yet: %s", run.id, state, problem)
            self._unkept[run.id] = (state, summary, verdict)
            kept = True
        self.ended[run.step, str(state)] += kept
        if kept:
            self._tell(replace(run, state=RunState(state), summary=summary))
        return kept

    async def keep_again(self) -> None:
        """Keeps the ends that the ledger did not take; raises LedgerError while it is still away."""
        for run, (state, summary, verdict) in list(self._unkept.items()):
            await self._house.ledger.finish(run, state, summary, verdict, owner=self._house.owner)
            self._unkept.pop(run, None)
        await self.audit.keep_again()

    # Questions

    async def _ask(self, run: Run, session: Session, plan: Plan) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=self._house.confirm_seconds)
        who = self._house.confirmers(run)
        message = blocks.asks(session.heading, plan, self._house.confirm_seconds / 60, who=who)
        if await self._house.ledger.ask(run.id, plan.digest, expires, message):
            self._tell(replace(run, state=RunState.ASKS))
            await self._show(run, session, message)

    async def confirmed(self, run: Run, invocation: Invocation, asker: Asker) -> None:
        """Goes on only when what would be done is still what was shown; else asks again."""
        session = self._session(run)
        session.say("confirmed; looking once more")
        self._tell(replace(run, state=RunState.RUNNING))
        try:
            context = self._house.context(invocation, asker, session)
            plan = await invocation.step.plan(context, invocation.options) if invocation.step.plan else None
            if plan is not None and plan.digest != run.digest:
                await self._ask(run, session, replace(plan, warnings=(CHANGED, *plan.warnings)))
                return
        except Exception as problem:  # noqa: BLE001 - whatever a plan raises must end its message
            failure = explain(problem)
            await self._end(run, session, RunState.ERROR, failure.summary, turn=failure.turn)
            return
        await self._carry_out(run, invocation, asker, confirmed=True)

    async def withdraw(self, run: Run, state: str, summary: str, *, by: str = "") -> None:
        """Ends a run that still asks; nothing when it was confirmed meanwhile. `by` is who cancelled it."""
        session = self._session(run)
        message = self._failed(run, session, RunState(state), summary)
        if await self._house.ledger.withdraw(run.id, state, summary, shown=message):
            self.ended[run.step, str(state)] += 1
            self._tell(replace(run, state=RunState(state), summary=summary))
            await self._show(run, session, message)
            await self.audit.ended(run, state, summary, by=by)

    def overdue(self, run: Run) -> bool:
        """True when nobody may confirm any more."""
        return run.expires_at is not None and run.expires_at <= datetime.now(UTC)

    async def expire(self, run: Run) -> None:
        """Says that nobody confirmed in time."""
        await self.withdraw(run, RunState.EXPIRED, "Nobody confirmed in time; nothing was changed.")

    async def expire_questions(self) -> None:
        """Ends each question whose time is over, and keeps what was not kept; to be called now and then."""
        await self.keep_again()
        for run in await self._house.ledger.unfinished():
            if run.state is RunState.ASKS and self.overdue(run):
                await self.expire(run)

    # Restarts

    async def recover(self, run: Run) -> None:
        """Takes up a run of another life of the bot, or ends it in words with the command to go on."""
        if run.state is RunState.ASKS:
            return
        with self.carrying(run.id):
            try:
                run = await self._house.ledger.resume(run.id, self._house.owner, attempt=run.attempt)
            except Gone:
                return
            self.taken_up += 1
            await self._take_up(run)

    async def _take_up(self, run: Run) -> None:
        try:
            run = run if run.ts else await self._posted(run)
            invocation = self._house.catalog.parse(run.arguments)
            asker = await self._house.asker(run.user)
        except MeshbotError as problem:
            failure = explain(problem)
            await self._end(run, self._session(run), RunState.INTERRUPTED, failure.summary, turn=failure.turn)
            return
        if not invocation.step.resumable or run.attempt > MOST_ATTEMPTS:
            words = "the bot was restarted in the middle of this."
            await self._end(run, self._session(run), RunState.INTERRUPTED, words, turn="Type it again to go on.")
            return
        await self._carry_out(run, invocation, asker, confirmed=run.digest is not None)

    async def say_interrupted(self) -> None:
        """Says in each message of a run that was cut off that it goes on, or what to type."""
        words = "the bot is being restarted; it takes this up when it is back."
        command = self._house.catalog.command
        for session in [session for session in self._sessions.values() if not session.over]:
            heading = session.heading
            message = blocks.failed(heading, words, state="interrupted", command=command, again="status")
            await session.settle(message)

    def _session(self, run: Run) -> Session:
        posted = run.posted or Posted(run.channel, "")
        return Session(self._house.board, posted, self._house.heading(run), started=run.created_at.timestamp())


def recorded(verdict: Verdict) -> dict[str, object]:
    """A verdict as the ledger keeps it."""
    return {
        "state": verdict.state.value,
        "summary": verdict.summary,
        "because": verdict.because,
        "evidence": list(verdict.evidence),
        "next": list(verdict.next),
    }
