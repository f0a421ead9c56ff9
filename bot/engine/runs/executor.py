"""Carries runs out: posts the message, makes the plan, runs the step, and hands on its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from bot.catalog import Invocation
from bot.diagnosis.lasting_causes import wait_for_lasting_cause
from bot.diagnosis.verdicts import complete_verdict, explain_failure
from bot.engine.runs.confirmations import Confirmations
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.error_messages import LEDGER_AWAY, Failure, explain_error
from bot.engine.runs.plans import digest_plan, make_plan
from bot.engine.runs.progress_message import ProgressMessage, run_with_heartbeat
from bot.engine.runs.run_messages import RunMessages
from bot.engine.runs.tracker import RunTracker
from bot.engine.runs.written import describe_written
from bot.engine.world.context import ContextBuilder, RunChanges
from bot.errors import IstioError, LedgerError, Rejected, Unavailable, UserError
from bot.ledger import Ledger, Run, RunState
from bot.messages import CHANNEL, Place
from bot.steps import Caller, Context, Options, Verdict
from bot.text import EMPTY, Text, join
from bot.view import result_messages


@dataclass(frozen=True)
class RunExecutor:
    """Carries runs out; their callers were checked before."""

    ledger: Ledger
    contexts: ContextBuilder
    messages: RunMessages
    tracker: RunTracker
    endings: RunEndings
    confirmations: Confirmations
    begun: Counter[str] = field(default_factory=Counter, init=False)
    """Runs that were begun, by step."""

    async def start(
        self, run: Run, invocation: Invocation, caller: Caller, place: Place = CHANNEL
    ) -> None:
        """Post the run's message and carry the run out.

        Raises SlackError when the message cannot be posted.
        """
        self.begun[run.step] += 1
        run = await self.messages.post(run, place)
        await self.execute_step(run, invocation, caller, confirmed=False)

    async def execute_step(
        self, run: Run, invocation: Invocation, caller: Caller, *, confirmed: bool
    ) -> None:
        """Carry out the step of a run whose message is posted; never raises.

        A step with a plan waits for its confirmation first, unless it is `confirmed`.
        """
        progress, changes = self.messages.build_progress(run), RunChanges(run.id)
        self.tracker.open_message(run.id, progress)
        try:
            context = self.contexts.build_run_context(invocation, caller, progress, changes)
            context = replace(context, channel=run.channel)
            plan = None if confirmed else await make_plan(invocation, context)
            if plan is not None:
                await self.confirmations.ask(run, progress, plan)
            elif not (confirmed or await self._record_begun(run, invocation)):
                progress.abandon()
            else:
                about, resumed = run.about if confirmed else (), run.begun_at is not None
                context = replace(context, confirmed=about, resumed=resumed)
                verdict = await run_with_heartbeat(progress, lambda: run_step(context, invocation))
                await self.endings.finish_with_verdict(run, progress, verdict, changes)
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its message
            failure = await self._explain(problem, invocation, caller)
            failure = add_written(failure, problem, changes, changing=invocation.step.changes)
            await self.endings.finish_with_failure(run, progress, RunState.ERROR, failure, changes)
        self.tracker.close_message(run.id)

    async def _record_begun(self, run: Run, invocation: Invocation) -> bool:
        """Record that a run begins to change something.

        Return False when another process has it by now. Raises LedgerError.
        """
        if not invocation.step.changes:
            return True
        return await self.ledger.beginnings.record_begun(run.id, self.ledger.replicas.owner)

    async def _explain(self, problem: Exception, invocation: Invocation, caller: Caller) -> Failure:
        """Return the failure of a step in words, with its cause where the diagnosis knows it."""
        failure = explain_error(problem)
        if isinstance(problem, UserError):
            return replace(failure, again=f"help {invocation.step.id}")
        # Where the cluster forbids it, or does not answer at all, the error says so. Where it
        # answered, also with 500 because a webhook is away, the objects tell why.
        answered = isinstance(problem, Unavailable) and problem.status > 0
        if answered or isinstance(problem, IstioError | Rejected):
            context = self.contexts.build_context(invocation, caller)
            cause = await explain_failure(context, invocation.step)
            return replace(failure, turn=join("sentences", cause, failure.turn))
        return failure

    async def continue_confirmed(self, run: Run, invocation: Invocation, caller: Caller) -> None:
        """Carry out a confirmed run if its plan is still the one that was shown.

        Ask again when the plan has changed.
        """
        progress = self.messages.build_progress(run)
        progress.say(Text("confirmed; looking once more"))
        self.messages.notify(replace(run, state=RunState.RUNNING))
        try:
            if await self._ask_again_if_changed(run, invocation, caller, progress):
                return
            # Written down before anything is begun: whoever takes the run up, if this process dies,
            # knows by that whether it was.
            owner = self.ledger.replicas.owner
            begins = await self.ledger.beginnings.record_verified(run.id, owner)
        except Exception as problem:  # noqa: BLE001 - whatever a plan raises must end its message
            failure = explain_error(problem)
            failure = replace(
                failure, turn=join("sentences", result_messages.NOTHING_CHANGED, failure.turn)
            )
            await self.endings.finish_with_failure(run, progress, RunState.ERROR, failure)
            return
        if begins:
            await self.execute_step(run, invocation, caller, confirmed=True)
        else:
            progress.abandon()

    async def _ask_again_if_changed(
        self, run: Run, invocation: Invocation, caller: Caller, progress: ProgressMessage
    ) -> bool:
        """Ask again when the plan is not the one that was shown; tell whether it was not."""
        changes = RunChanges(run.id)
        context = self.contexts.build_run_context(invocation, caller, progress, changes)
        plan = await make_plan(invocation, context)
        # Minutes may have passed since it was shown, and what is confirmed must be what was read.
        if plan is None or digest_plan(plan) == run.digest:
            return False
        await self.confirmations.ask(run, progress, plan, changed=True)
        return True


async def run_step(context: Context, invocation: Invocation) -> Verdict:
    """Run a step, and return its verdict with the cause that the diagnosis names."""
    step, options = invocation.step, invocation.options
    watched = replace(context, wait_for_hindrance=partial(wait_for_lasting_cause, context, step))
    verdict = await step.run(watched, options)
    return await complete_verdict(context, step, verdict, takes_away=takes_away(options))


def add_written(
    failure: Failure, problem: Exception, changes: RunChanges, *, changing: bool
) -> Failure:
    """Return the failure of a run with what it had written to the cluster before.

    While the database is away nothing else tells it.
    """
    if isinstance(problem, LedgerError):
        left = describe_written(changes.written) if changing else EMPTY
        return replace(failure, turn=join("sentences", left, LEDGER_AWAY))
    if not changes.written:
        return failure
    return replace(failure, turn=join("sentences", failure.turn, describe_written(changes.written)))


def takes_away(options: Options) -> bool:
    """Tell whether a step was asked to end something: by its option `off`, or by that word."""
    given = dict(options)
    return given.get("off") is True or any(value == "off" for value in given.values())
