"""The Confirm and Cancel buttons of a run that waits for its confirmation."""

from __future__ import annotations

from dataclasses import dataclass

from bot.catalog import Catalog, Invocation
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessPolicy
from bot.engine.runs.audit_writer import Auditor
from bot.engine.runs.confirmations import Confirmations
from bot.engine.runs.executor import RunExecutor
from bot.engine.runs.tracker import RunTracker
from bot.engine.world.locks import RunLocks
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.errors import UserError
from bot.ledger import Ledger, Run, RunState, ScopeLocked
from bot.messages import ButtonPress
from bot.steps import Caller
from bot.text import Text
from bot.view import result_messages

ANSWERED = (Text("This question was answered before."), Text("Type the command again to ask anew."))


@dataclass(frozen=True)
class ConfirmationButtons:
    """Handles the buttons of runs that wait for a confirmation."""

    catalog: Catalog
    ledger: Ledger
    callers: CallerResolver
    policy: AccessPolicy
    namespaces: WorkshopNamespaces
    locks: RunLocks
    tracker: RunTracker
    confirmations: Confirmations
    executor: RunExecutor
    audit: Auditor

    async def handle_button(self, pressed: ButtonPress) -> None:
        """Carry out Confirm or Cancel.

        Raises UserError when the question was answered before, and AccessDenied.
        """
        run = await self.ledger.run_queries.get_run(pressed.value)
        if run is None or run.state is not RunState.ASKS:
            raise UserError(*ANSWERED)
        cancels = pressed.action == result_messages.CANCEL
        caller = await self.callers.resolve_caller(pressed.user)
        invocation = self.catalog.parse(run.arguments)
        # Whoever asked may take it back, even where they have lost the role meanwhile.
        if not (cancels and pressed.user == run.user):
            title = invocation.step.title
            what = (
                Text("Cancelling {title}", title=title)
                if cancels
                else Text("Confirming {title}", title=title)
            )
            namespace = self.namespaces.resolve_workshop(invocation).app_namespace
            self.policy.check_command(
                invocation, caller, pressed.channel, what=what, namespace=namespace
            )
        if cancels:
            await self.confirmations.cancel_run(run, by=pressed.user)
        else:
            await self._confirm_run(run, invocation, caller, pressed)

    async def _confirm_run(
        self, run: Run, invocation: Invocation, caller: Caller, pressed: ButtonPress
    ) -> None:
        if self.confirmations.is_overdue(run):
            await self.confirmations.expire_run(run)
            return
        # Before it is confirmed, for this raises while the process is cut off from the ledger.
        with self.tracker.track_run(run.id):
            owner = self.ledger.replicas.owner
            if not await self.ledger.runs.confirm_run(run.id, owner=owner, by=pressed.user):
                raise UserError(*ANSWERED)
            if (other := await self.locks.find_conflicting_run(run)) is not None:
                # It holds its lock by now; asking again gives that back.
                await self.ledger.beginnings.ask_again(run.id, owner)
                raise ScopeLocked(other)
            await self.audit.record_confirmation(run, pressed)
            await self.executor.continue_confirmed(run, invocation, caller)
