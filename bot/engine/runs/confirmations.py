"""Confirmations: runs whose plan is shown first, and that wait until somebody confirms it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.engine.access.policy import AccessPolicy
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.plans import digest_plan
from bot.engine.runs.progress_message import ProgressMessage
from bot.engine.runs.run_messages import RunMessages
from bot.engine.runs.written import LEFT
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.ledger import Ledger, Run, RunState
from bot.steps import Plan
from bot.text import Text, join
from bot.view import result_messages

CHANGED = Text("This has changed since it was shown. Please look again.")


@dataclass(frozen=True)
class Confirmations:
    """Asks for confirmations, and ends runs that nobody confirmed within `seconds`."""

    ledger: Ledger
    messages: RunMessages
    endings: RunEndings
    policy: AccessPolicy
    namespaces: WorkshopNamespaces
    seconds: float

    async def ask(
        self, run: Run, progress: ProgressMessage, plan: Plan, *, changed: bool = False
    ) -> None:
        """Show the plan in place of the run's message, and let the run wait.

        `changed` says that another plan was shown before.
        """
        shown = replace(plan, warnings=(CHANGED, *plan.warnings)) if changed else plan
        expires = datetime.now(UTC) + timedelta(seconds=self.seconds)
        message = result_messages.render_question(
            self.messages.say,
            progress.heading,
            shown,
            self.seconds / 60,
            who=self._describe_confirmers(run),
        )
        # Written first: a button that is shown can be pressed at once.
        if await self.ledger.runs.ask_confirmation(
            run.id,
            digest_plan(plan),
            expires,
            message,
            about=plan.about,
            owner=self.ledger.replicas.owner,
        ):
            self.messages.notify(replace(run, state=RunState.ASKS))
            await self.messages.show_end(run, progress, message)

    def is_overdue(self, run: Run) -> bool:
        """Tell whether the time to confirm a run is over."""
        return run.expires_at is not None and run.expires_at <= datetime.now(UTC)

    async def expire_run(self, run: Run) -> None:
        """End a run that nobody confirmed in time."""
        summary = (
            Text("Nobody confirmed in time; nothing was changed.")
            if run.begun_at is None
            else join("sentences", Text("Nobody confirmed in time; it goes no further."), LEFT)
        )
        await self.endings.withdraw_run(run, RunState.EXPIRED, summary)

    async def cancel_run(self, run: Run, *, by: str) -> None:
        """End a run that somebody does not want; `by` is who."""
        summary = (
            result_messages.NOTHING_CHANGED
            if run.begun_at is None
            else join("sentences", Text("It goes no further."), LEFT)
        )
        await self.endings.withdraw_run(run, RunState.CANCELLED, summary, by=by)

    async def expire_overdue_runs(self) -> None:
        """End each run that was not confirmed in time, and write the ends that were not written.

        It is called periodically.
        """
        await self.endings.retry_unwritten()
        for run in await self.ledger.run_queries.list_unfinished_runs():
            if run.state is RunState.ASKS and self.is_overdue(run):
                await self.expire_run(run)

    def _describe_confirmers(self, run: Run) -> Text:
        """Return a sentence that says who can confirm what that run asks."""
        invocation = self.messages.catalog.parse(run.arguments)
        workshop = self.namespaces.resolve_workshop(invocation)
        someones = bool(self.policy.own) and workshop != self.namespaces.workshop
        return self.policy.describe_confirmers(invocation.step, someones=someones)
