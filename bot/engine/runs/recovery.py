"""Recovers runs: resumes those whose process is gone, and says so before this one ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from bot.catalog import Invocation
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.error_messages import Failure, explain_error
from bot.engine.runs.executor import RunExecutor
from bot.engine.runs.run_messages import RunMessages, build_heading
from bot.engine.runs.takeover_gate import RightLost, TakeoverGate
from bot.engine.runs.tracker import RunTracker
from bot.engine.runs.written import LEFT, describe_left
from bot.engine.world.cluster_proxy import ChangedObject
from bot.engine.world.locks import RunLocks
from bot.errors import MeshbotError
from bot.jobs import Jobs
from bot.ledger import Ledger, Run, RunNotResumable, RunState
from bot.steps import StepKind
from bot.text import EMPTY, Text, join
from bot.view import result_messages

MOST_ATTEMPTS = 3
"""Times that a run is begun: once, and again after the bot was killed in it."""

LOST_AFTER = 60.0
"""Seconds after which a run of this process that nothing carries out counts as lost: the database
took it, and its answer did not arrive."""

INTERRUPTED = Text("the bot was restarted in the middle of this.")
AGAIN = Text("Type it again to go on.")
NEVER_ENDED = Text(
    "this was begun {times} times, and each time the bot's process died, or lost its database, "
    "before the end.",
    times=MOST_ATTEMPTS,
)
LOG_FIRST = Text(
    "The bot's administrator finds in the log which. Typed again, it goes on from what is there."
)
RESTARTING = Text("the bot is being restarted; it takes this up when it is back.")


def is_untouched(run: Run, invocation: Invocation) -> bool:
    """Tell whether a run is known to have changed nothing yet, so that it is no repetition."""
    return invocation.step.changes and run.begun_at is None


@dataclass
class RunRecovery:
    """Resumes runs, or ends them with the command to go on; `resumed` counts those."""

    ledger: Ledger
    jobs: Jobs
    gate: TakeoverGate
    locks: RunLocks
    messages: RunMessages
    tracker: RunTracker
    endings: RunEndings
    executor: RunExecutor
    resumed: int = 0

    async def recover_runs(self) -> None:
        """Recover each run that has lost its process, each in a task of its own.

        These are runs of processes that are gone, and runs that this one dropped or lost.
        """
        if self.ledger.replicas.is_fenced:
            return
        unfinished = await self.ledger.run_queries.list_unfinished_runs()
        dropped = [run for run in unfinished if self._is_dropped(run)]
        for run in [*dropped, *await self.ledger.run_queries.list_orphaned_runs()]:
            self.jobs.spawn(self.recover_run(run), f"recover {run.id}")

    def _is_dropped(self, run: Run) -> bool:
        """Tell whether a run is this process's, and nothing here carries it out or ends it."""
        if self.tracker.can_take_back(run):
            return True
        step = self.messages.catalog.get(run.step)
        if step is None or step.shape is not StepKind.RUN:
            return False
        old = time.time() - run.updated_at.timestamp() > LOST_AFTER
        waits = run.state is not RunState.RUNNING or self.endings.is_unwritten(run)
        return old and not waits and self.tracker.is_lost(run)

    async def recover_run(self, run: Run) -> None:
        """Resume a run whose process is gone.

        A run that cannot be resumed is ended, with the command to go on.
        """
        # Its question stands in the channel, and any process can take the answer.
        if run.state is RunState.ASKS:
            return
        with self.tracker.track_run(run.id):
            owner = self.ledger.replicas.owner
            try:
                run = await self.ledger.runs.resume_run(run.id, owner, attempt=run.attempt)
            except RunNotResumable:
                return
            self.resumed += 1
            await self._resume_run(run)

    async def _resume_run(self, run: Run) -> None:
        try:
            # Under the key of the run: if its process had posted it, this returns where.
            run = run if run.ts else await self.messages.post(run, keep=True)
            invocation, caller = await self.gate.admit_run(run)
            # Its process may have died before it looked, and both would change the same.
            other = await self.locks.find_conflicting_run(run)
        except RightLost as lost:
            await self._interrupt(run, Failure(lost.summary, lost.turn))
            return
        except MeshbotError as problem:
            await self._interrupt(run, explain_error(problem))
            return
        if other is not None:
            await self._interrupt(run, self._describe_conflict(other))
        # A run that ends its process would end each one that takes it up.
        elif run.attempt > MOST_ATTEMPTS:
            await self._interrupt(run, Failure(NEVER_ENDED, LOG_FIRST))
        elif run.awaits_second_look:
            await self.executor.continue_confirmed(run, invocation, caller)
        elif not (invocation.step.resumable or is_untouched(run, invocation)):
            await self._interrupt(run, Failure(INTERRUPTED, AGAIN))
        else:
            confirmed = run.digest is not None
            await self.executor.execute_step(run, invocation, caller, confirmed=confirmed)

    def _describe_conflict(self, other: Run) -> Failure:
        title = build_heading(self.messages.catalog, other).title
        return Failure(
            Text(
                "the bot was restarted before this was begun, and {title} is under way now.",
                title=title,
            ),
            Text("Type it again when that one has ended."),
        )

    async def _interrupt(self, run: Run, failure: Failure) -> None:
        """End a run; what it had done before is said with it."""
        turn = join("sentences", await self._describe_work(run), failure.turn)
        await self.endings.finish_with_failure(
            run,
            self.messages.build_progress(run),
            RunState.INTERRUPTED,
            replace(failure, turn=turn),
        )

    async def _describe_work(self, run: Run) -> Text:
        """Return a sentence that says what a run had changed; EMPTY for one that only reads."""
        step = self.messages.catalog.get(run.step)
        if step is None or not step.changes:
            return EMPTY
        try:
            images = await self.ledger.journal.list_images(run.id)
        except MeshbotError:
            return LEFT
        written = [ChangedObject(each.kind, each.namespace, each.name) for each in images]
        if written:
            return describe_left(written)
        return result_messages.NOTHING_CHANGED if run.begun_at is None else LEFT

    async def announce_interruption(self) -> None:
        """Say in each message of a run that was cut off that it goes on, or what to type."""
        for progress in self.tracker.list_unfinished_messages():
            message = result_messages.render_failure(
                self.messages.say,
                progress.heading,
                RESTARTING,
                state="interrupted",
                command=self.messages.command,
                again="status",
            )
            await progress.show_final(message)
