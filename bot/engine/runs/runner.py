"""Runs of steps: started, confirmed, carried out, ended, and resumed after the bot was killed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.catalog import Invocation
from bot.engine.runs import events
from bot.engine.runs.audit import Auditor
from bot.engine.runs.error_messages import explain_error
from bot.engine.runs.progress_message import ProgressMessage, run_with_heartbeat
from bot.engine.services import Services
from bot.errors import LedgerError, MeshbotError, UserError
from bot.ledger import Run, RunNotResumable, RunState, build_run_key
from bot.messages import CHANNEL, Message, Place, Posted
from bot.metrics import Metric, counter
from bot.steps import Caller, Plan, Verdict
from bot.text import EMPTY, Text, to_json
from bot.view import messages

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Times that a run is begun: once, and again after the bot was killed in it."""
CHANGED = Text("This has changed since it was shown. Please look again.")


class Runner:
    """Carries runs out.

    A run's end is kept in the ledger first, together with its last message, and shown
    after.
    """

    def __init__(self, services: Services, hear: Sequence[Callable[[Run], None]] = ()) -> None:
        """`hear` is told of each run that is shown, asks or has ended; it returns at once."""
        self._services, self._hear = services, tuple(hear)
        self._sessions: dict[str, ProgressMessage] = {}
        self._carried: dict[str, asyncio.Task[object]] = {}
        self._dropped: set[str] = set()
        self.begun: Counter[str] = Counter()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.taken_up = 0
        self.audit = Auditor(services)
        self._unkept: dict[str, tuple[str, Text, dict[str, object] | None]] = {}

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics of runs."""
        for step, count in self.begun.items():
            yield counter("runs", "Runs that were begun.", count, step=step)
        for (step, state), count in self.ended.items():
            yield counter(
                "verdicts",
                "Runs that ended, by the state they ended in.",
                count,
                step=step,
                state=state,
            )
        yield counter(
            "runs_taken_up", "Runs of processes that were gone, taken up here.", self.taken_up
        )

    @contextmanager
    def track_run(self, run_id: str) -> Iterator[None]:
        """Track this task as the one that carries the run out, while the context lasts.

        The task is cancelled when the run must be left to other processes. Raises
        LedgerError when it must be left to them now.
        """
        task = asyncio.current_task()
        assert task is not None, "runs are carried out in tasks"
        if self._services.ledger.replicas.is_fenced:
            self._dropped.add(run_id)
            raise LedgerError(Text("this process has lost touch with the ledger"))
        self._carried[run_id] = task
        self._dropped.discard(run_id)
        try:
            yield
        finally:
            if self._carried.get(run_id) is task:
                del self._carried[run_id]

    def release_runs(self) -> None:
        """Cancel every run without writing its end, so that another process can take it over."""
        for run_id, task in list(self._carried.items()):
            self._dropped.add(run_id)
            session = self._sessions.pop(run_id, None)
            if session is not None:
                session.abandon()
            task.cancel()

    def can_take_back(self, run: Run) -> bool:
        """Tell whether this process dropped the run, and nobody has taken it over yet."""
        return (
            run.owner == self._services.owner
            and run.id in self._dropped
            and run.id not in self._carried
        )

    async def start(
        self, run: Run, invocation: Invocation, caller: Caller, place: Place = CHANNEL
    ) -> None:
        """Post the run's message and carry the run out.

        Raises SlackError when the message cannot be posted.
        """
        self.begun[run.step] += 1
        await self._execute_step(
            await self._post_message(run, place), invocation, caller, confirmed=False
        )

    async def _post_message(self, run: Run, place: Place = CHANNEL) -> Run:
        message = messages.render_running(
            self._services.say, self._services.build_heading(run), messages.RunProgress()
        )
        posted = await self._services.channel_messages.post(
            run.channel, message, replace(place, key=build_run_key(run.id))
        )
        run = replace(run, channel=posted.channel, ts=posted.ts)
        if posted.is_pending:
            self._notify_listeners(run)
            return run
        try:
            await self._services.ledger.record_posted(run.id, posted.channel, posted.ts)
        except MeshbotError as problem:
            log.error("where run %s is shown was not kept: %s", run.id, problem)
        self._notify_listeners(run)
        return run

    def _notify_listeners(self, run: Run) -> None:
        for hear in self._hear:
            hear(run)

    async def _execute_step(
        self, run: Run, invocation: Invocation, caller: Caller, *, confirmed: bool
    ) -> None:
        session = self._build_progress_message(run)
        self._sessions[run.id] = session
        try:
            context = self._services.build_context(invocation, caller, session)
            step = invocation.step
            plan = (
                await step.plan(context, invocation.options)
                if step.plan and not confirmed
                else None
            )
            if plan is not None:
                await self._ask_for_confirmation(run, session, plan)
            else:
                verdict = await run_with_heartbeat(
                    session, lambda: step.run(context, invocation.options)
                )
                await self._finish_with_verdict(run, session, verdict)
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its message
            failure = explain_error(problem)
            again = f"help {run.step}" if isinstance(problem, UserError) else run.arguments
            await self._finish_with_failure(
                run, session, RunState.ERROR, failure.summary, turn=failure.turn, again=again
            )
        self._sessions.pop(run.id, None)

    async def _finish_with_verdict(
        self, run: Run, session: ProgressMessage, verdict: Verdict
    ) -> None:
        message = messages.render_verdict(
            self._services.say, session.heading, verdict, command=self._services.catalog.command
        )
        if not await self.record_end(
            run, verdict.state.value, verdict.summary, serialize_verdict(verdict), shown=message
        ):
            return
        shown = await self._show_or_repost(run, session, message)
        self._sessions.pop(
            run.id, None
        )  # what follows must not be said to be cut off: the run is over
        await self._write_audit_and_events(run, session, verdict.state.value, verdict.summary)
        if shown is not None:
            await self._services.picture_attacher.attach(shown, message, verdict.picture)

    async def _write_audit_and_events(
        self, run: Run, session: ProgressMessage, state: str, summary: Text
    ) -> None:
        """Write the audit row and the Events of an end, once it is shown."""
        try:
            await self.audit.record_run_end(run, state, summary)
            await events.write_events(self._services, run, session.notes, state, summary)
        except Exception:
            # The run has ended and that is shown; whatever goes wrong here must not read as its
            # failure.
            log.exception("the end of run %s was not written down", run.id)

    async def _finish_with_failure(
        self,
        run: Run,
        session: ProgressMessage,
        state: RunState,
        summary: Text,
        *,
        turn: Text = EMPTY,
        again: str = "",
    ) -> None:
        message = self._render_failure(run, session, state, summary, turn=turn, again=again)
        if await self.record_end(run, state, summary, shown=message):
            await self._show_or_repost(run, session, message)
            await self._write_audit_and_events(run, session, state, summary)

    def _render_failure(
        self,
        run: Run,
        session: ProgressMessage,
        state: RunState,
        summary: Text,
        *,
        turn: Text = EMPTY,
        again: str = "",
    ) -> Message:
        command, again = self._services.catalog.command, again or run.arguments
        return messages.render_failure(
            self._services.say,
            session.heading,
            summary,
            state=state,
            turn=turn,
            command=command,
            again=again,
        )

    async def _show_or_repost(
        self, run: Run, session: ProgressMessage, message: Message
    ) -> Posted | None:
        """Show a message in place of the run's message, and return where it is shown.

        It goes into a new message when that was deleted or takes no edits; None when it is
        shown nowhere.
        """
        if await session.show_final(message):
            return session.posted
        try:
            posted = await self._services.channel_messages.post(run.channel, message)
            await self._services.ledger.record_posted(run.id, posted.channel, posted.ts)
        except MeshbotError as problem:
            log.error("the end of run %s was shown nowhere: %s", run.id, problem)
            return None
        return posted

    async def record_end(
        self,
        run: Run,
        state: str,
        summary: Text,
        verdict: dict[str, object] | None = None,
        *,
        shown: Message | None = None,
    ) -> bool:
        """Keep an end in the ledger.

        Return False when the run has another owner by now, or has ended, and nothing is to
        be shown of it. While the ledger is away the message is ended all the same, and the
        end is kept later.
        """
        owner = self._services.owner
        try:
            kept = await self._services.ledger.finish_run(
                run.id, state, summary, verdict, shown=shown, owner=owner
            )
        except MeshbotError as problem:
            log.error("the end of run %s (%s) is not kept yet: %s", run.id, state, problem)
            self._unkept[run.id] = (state, summary, verdict)
            kept = True
        self.ended[run.step, str(state)] += kept
        if kept:
            self._notify_listeners(replace(run, state=RunState(state), summary=summary))
        return kept

    async def retry_unwritten(self) -> None:
        """Keep the ends that the ledger did not take before.

        Raises LedgerError while it is still away.
        """
        for run, (state, summary, verdict) in list(self._unkept.items()):
            await self._services.ledger.finish_run(
                run, state, summary, verdict, owner=self._services.owner
            )
            self._unkept.pop(run, None)
        await self.audit.retry_unwritten()

    # Questions

    async def _ask_for_confirmation(self, run: Run, session: ProgressMessage, plan: Plan) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=self._services.confirm_seconds)
        who = self._services.describe_confirmers(run)
        message = messages.render_question(
            self._services.say,
            session.heading,
            plan,
            self._services.confirm_seconds / 60,
            who=who,
        )
        if await self._services.ledger.ask_confirmation(run.id, plan.digest, expires, message):
            self._notify_listeners(replace(run, state=RunState.ASKS))
            await self._show_or_repost(run, session, message)

    async def continue_confirmed(self, run: Run, invocation: Invocation, caller: Caller) -> None:
        """Carry out a confirmed run if its plan is still the one that was shown.

        Ask again when the plan has changed.
        """
        session = self._build_progress_message(run)
        session.say(Text("confirmed; looking once more"))
        self._notify_listeners(replace(run, state=RunState.RUNNING))
        try:
            context = self._services.build_context(invocation, caller, session)
            plan = (
                await invocation.step.plan(context, invocation.options)
                if invocation.step.plan
                else None
            )
            if plan is not None and plan.digest != run.digest:
                await self._ask_for_confirmation(
                    run, session, replace(plan, warnings=(CHANGED, *plan.warnings))
                )
                return
        except Exception as problem:  # noqa: BLE001 - whatever a plan raises must end its message
            failure = explain_error(problem)
            await self._finish_with_failure(
                run, session, RunState.ERROR, failure.summary, turn=failure.turn
            )
            return
        await self._execute_step(run, invocation, caller, confirmed=True)

    async def withdraw_question(self, run: Run, state: str, summary: Text, *, by: str = "") -> None:
        """End a run that still waits for its confirmation; do nothing when it was confirmed.

        `by` is who cancelled it.
        """
        session = self._build_progress_message(run)
        message = self._render_failure(run, session, RunState(state), summary)
        if await self._services.ledger.withdraw_run(run.id, state, summary, shown=message):
            self.ended[run.step, str(state)] += 1
            self._notify_listeners(replace(run, state=RunState(state), summary=summary))
            await self._show_or_repost(run, session, message)
            await self.audit.record_run_end(run, state, summary, by=by)

    def is_overdue(self, run: Run) -> bool:
        """Tell whether the time to confirm a run is over."""
        return run.expires_at is not None and run.expires_at <= datetime.now(UTC)

    async def expire_run(self, run: Run) -> None:
        """End a run that nobody confirmed in time."""
        await self.withdraw_question(
            run, RunState.EXPIRED, Text("Nobody confirmed in time; nothing was changed.")
        )

    async def expire_overdue_questions(self) -> None:
        """End each question whose time is over, and keep the ends that were not kept.

        It is called periodically.
        """
        await self.retry_unwritten()
        for run in await self._services.ledger.list_unfinished_runs():
            if run.state is RunState.ASKS and self.is_overdue(run):
                await self.expire_run(run)

    # Restarts

    async def recover_run(self, run: Run) -> None:
        """Resume a run whose process is gone.

        A run that cannot be resumed is ended, with the command to go on.
        """
        if run.state is RunState.ASKS:
            return
        with self.track_run(run.id):
            try:
                run = await self._services.ledger.resume_run(
                    run.id, self._services.owner, attempt=run.attempt
                )
            except RunNotResumable:
                return
            self.taken_up += 1
            await self._resume_run(run)

    async def _resume_run(self, run: Run) -> None:
        try:
            run = run if run.ts else await self._post_message(run)
            invocation = self._services.catalog.parse(run.arguments)
            caller = await self._services.resolve_caller(run.user)
        except MeshbotError as problem:
            failure = explain_error(problem)
            await self._finish_with_failure(
                run,
                self._build_progress_message(run),
                RunState.INTERRUPTED,
                failure.summary,
                turn=failure.turn,
            )
            return
        if not invocation.step.resumable or run.attempt > MOST_ATTEMPTS:
            words = Text("the bot was restarted in the middle of this.")
            await self._finish_with_failure(
                run,
                self._build_progress_message(run),
                RunState.INTERRUPTED,
                words,
                turn=Text("Type it again to go on."),
            )
            return
        await self._execute_step(run, invocation, caller, confirmed=run.digest is not None)

    async def announce_interruption(self) -> None:
        """Say in each message of a run that was cut off that it goes on, or what to type."""
        words = Text("the bot is being restarted; it takes this up when it is back.")
        command = self._services.catalog.command
        for session in [session for session in self._sessions.values() if not session.over]:
            heading = session.heading
            message = messages.render_failure(
                self._services.say,
                heading,
                words,
                state="interrupted",
                command=command,
                again="status",
            )
            await session.show_final(message)

    def _build_progress_message(self, run: Run) -> ProgressMessage:
        posted = run.posted or Posted(run.channel, "")
        return ProgressMessage(
            self._services.say,
            self._services.channel_messages,
            posted,
            self._services.build_heading(run),
            started=run.created_at.timestamp(),
        )


def serialize_verdict(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as the ledger keeps it."""
    return {
        "state": verdict.state.value,
        "summary": to_json(verdict.summary),
        "because": to_json(verdict.because),
        "evidence": [to_json(line) for line in verdict.evidence],
        "next": list(verdict.next),
    }
