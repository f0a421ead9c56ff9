"""Runs: started, asked about, carried out, ended, and taken up again after the bot was killed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot import blocks
from bot.catalog import Invocation
from bot.engine.failures import explain
from bot.engine.house import House
from bot.engine.session import Session, with_heartbeat
from bot.errors import MeshbotError, UserError
from bot.ledger import Gone, Run, RunState
from bot.messages import CHANNEL, Message, Place, Posted
from bot.steps import Asker, Plan, Verdict

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Times that a run is begun: once, and again after the bot was killed in it."""
CHANGED = "This has changed since it was shown. Please look again."


class Runner:
    """Carries runs out. A run's end is written to the ledger first and shown after."""

    def __init__(self, house: House, hear: Sequence[Callable[[Run], None]] = ()) -> None:
        """`hear` is told of each run that is shown, asks or has ended; it returns at once."""
        self._house, self._hear = house, tuple(hear)
        self._sessions: dict[str, Session] = {}
        self._unkept: dict[str, tuple[str, str, dict[str, object] | None]] = {}

    async def start(self, run: Run, invocation: Invocation, asker: Asker, place: Place = CHANNEL) -> None:
        """Posts the run's message and carries it out; raises SlackError when it cannot be posted."""
        await self._carry_out(await self._posted(run, place), invocation, asker, confirmed=False)

    async def _posted(self, run: Run, place: Place = CHANNEL) -> Run:
        message = blocks.running(self._house.heading(run), blocks.Doing())
        posted = await self._house.board.post(run.channel, message, place)
        run = replace(run, channel=posted.channel, ts=posted.ts)
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
        await self.remember(run, verdict.state.value, verdict.summary, recorded(verdict))
        await self._show(run, session, blocks.ended(session.heading, verdict, command=self._house.catalog.command))

    async def _end(
        self, run: Run, session: Session, state: RunState, summary: str, *, turn: str = "", again: str = ""
    ) -> None:
        await self.remember(run, state, summary)
        command = self._house.catalog.command
        again = again or run.arguments
        message = blocks.failed(session.heading, summary, state=state, turn=turn, command=command, again=again)
        await self._show(run, session, message)

    async def _show(self, run: Run, session: Session, message: Message) -> None:
        """Shows an end in the run's message, or in a new one when that was deleted or takes no edits."""
        if await session.settle(message):
            return
        try:
            posted = await self._house.board.post(run.channel, message)
            await self._house.ledger.posted(run.id, posted.channel, posted.ts)
        except MeshbotError as problem:
            log.error("the end of run %s was shown nowhere: %s", run.id, problem)

    async def remember(self, run: Run, state: str, summary: str, verdict: dict[str, object] | None = None) -> None:
        """Keeps an end. The ledger may be away: then the message is ended all the same, and this is kept later."""
        try:
            await self._house.ledger.finish(run.id, state, summary, verdict)
        except MeshbotError as problem:
            log.error("the end of run %s (%s) is not kept yet: %s", run.id, state, problem)
            self._unkept[run.id] = (state, summary, verdict)
        self._tell(replace(run, state=RunState(state), summary=summary))

    async def keep_again(self) -> None:
        """Keeps the ends that the ledger did not take; raises LedgerError while it is still away."""
        for run, (state, summary, verdict) in list(self._unkept.items()):
            await self._house.ledger.finish(run, state, summary, verdict)
            self._unkept.pop(run, None)

    # Questions

    async def _ask(self, run: Run, session: Session, plan: Plan) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=self._house.confirm_seconds)
        await self._house.ledger.ask(run.id, plan.digest, expires)
        self._tell(replace(run, state=RunState.ASKS))
        await self._show(run, session, blocks.asks(session.heading, plan, self._house.confirm_seconds / 60))

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

    async def withdraw(self, run: Run, state: str, summary: str) -> None:
        """Ends a run that still asks; nothing when it was confirmed meanwhile."""
        if await self._house.ledger.withdraw(run.id, state, summary):
            await self._end(run, self._session(run), RunState(state), summary)

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
        try:
            run = await self._house.ledger.resume(run.id, self._house.owner, attempt=run.attempt)
        except Gone:
            return
        try:
            run = run if run.ts else await self._posted(run)
            invocation = self._house.catalog.parse(run.arguments)
            asker = await self._house.roles.of(run.user)
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
        for session in self._sessions.values():
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
