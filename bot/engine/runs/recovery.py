"""Recovers runs: resumes those whose process is gone, and says so before this one ends."""

from __future__ import annotations

from dataclasses import dataclass

from bot.engine.access.callers import CallerResolver
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.error_messages import Failure, explain_error
from bot.engine.runs.executor import RunExecutor
from bot.engine.runs.run_messages import RunMessages
from bot.engine.runs.tracker import RunTracker
from bot.errors import MeshbotError
from bot.jobs import Jobs
from bot.ledger import Ledger, Run, RunNotResumable, RunState
from bot.text import Text
from bot.view import messages

MOST_ATTEMPTS = 3
"""Times that a run is begun: once, and again after the bot was killed in it."""

INTERRUPTED = Failure(
    Text("the bot was restarted in the middle of this."), Text("Type it again to go on.")
)

RESTARTING = Text("the bot is being restarted; it takes this up when it is back.")


@dataclass
class RunRecovery:
    """Resumes runs, or ends them with the command to go on; `resumed` counts those."""

    ledger: Ledger
    jobs: Jobs
    callers: CallerResolver
    messages: RunMessages
    tracker: RunTracker
    endings: RunEndings
    executor: RunExecutor
    resumed: int = 0

    async def recover_runs(self) -> None:
        """Recover each run that has lost its process, each in a task of its own.

        These are runs of processes that are gone, and runs that this one dropped.
        """
        if self.ledger.replicas.is_fenced:
            return
        unfinished = await self.ledger.run_queries.list_unfinished_runs()
        dropped = [run for run in unfinished if self.tracker.can_take_back(run)]
        for run in [*dropped, *await self.ledger.run_queries.list_orphaned_runs()]:
            self.jobs.spawn(self.recover_run(run), f"recover {run.id}")

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
            run = run if run.ts else await self.messages.post(run)
            invocation = self.messages.catalog.parse(run.arguments)
            caller = await self.callers.resolve_caller(run.user)
        except MeshbotError as problem:
            await self._interrupt(run, explain_error(problem))
            return
        # A run that ends its process would end each one that takes it up.
        if not invocation.step.resumable or run.attempt > MOST_ATTEMPTS:
            await self._interrupt(run, INTERRUPTED)
            return
        # A run with a digest that runs was confirmed: the digest is written when it is asked.
        await self.executor.execute_step(run, invocation, caller, confirmed=run.digest is not None)

    async def _interrupt(self, run: Run, failure: Failure) -> None:
        progress = self.messages.build_progress(run)
        await self.endings.finish_with_failure(run, progress, RunState.INTERRUPTED, failure)

    async def announce_interruption(self) -> None:
        """Say in each message of a run that was cut off that it goes on, or what to type."""
        for progress in self.tracker.list_unfinished_messages():
            message = messages.render_failure(
                self.messages.say,
                progress.heading,
                RESTARTING,
                state="interrupted",
                command=self.messages.command,
                again="status",
            )
            await progress.show_final(message)
