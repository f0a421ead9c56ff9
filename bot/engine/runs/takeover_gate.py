"""Asks the access rules again about a run that is taken up.

Since it was asked for, and confirmed, people may have lost their role, the channel its permission,
and the namespace its owner.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.catalog import Catalog, Invocation
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessDenied, AccessPolicy
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.errors import MeshbotError
from bot.ledger import Run
from bot.steps import ROLE_NAMES, Caller
from bot.text import EMPTY, Text

ASKER_LOST = Text(
    "the bot was restarted before this was done, and who asked for it may not do it any more."
)
CONFIRMER_LOST = Text(
    "the bot was restarted before this was done, and who confirmed it may not do it any more."
)
UNSURE = Text(
    "the bot was restarted before this was done, and Slack does not tell who is a host just now."
)
CHANNEL_LOST = Text(
    "the bot was restarted before this was done, and this channel takes no commands any more."
)


class RightLost(MeshbotError):
    """The access rules do not allow a run any more; `turn` says who can type it again."""

    def __init__(self, summary: Text, turn: Text) -> None:
        super().__init__(summary)
        self.summary, self.turn = summary, turn


@dataclass(frozen=True)
class TakeoverGate:
    """Admits runs that are taken up, as commands are admitted when they are typed."""

    catalog: Catalog
    callers: CallerResolver
    policy: AccessPolicy
    namespaces: WorkshopNamespaces

    async def admit_run(self, run: Run) -> tuple[Invocation, Caller]:
        """Return a run's command, and the person as whom it is carried out.

        That is who confirmed it, where somebody did, and who asked for it otherwise; both must
        still be allowed to. Raises RightLost, and UserError when there is no such step or
        namespace any more.
        """
        invocation = self.catalog.parse(run.arguments)
        caller = await self._admit_person(run, run.user, invocation, ASKER_LOST)
        if run.confirmed_by not in ("", run.user):
            return invocation, await self._admit_person(
                run, run.confirmed_by, invocation, CONFIRMER_LOST
            )
        return invocation, caller

    async def _admit_person(
        self, run: Run, user: str, invocation: Invocation, lost: Text
    ) -> Caller:
        namespace = self.namespaces.resolve_workshop(invocation).app_namespace
        caller = await self.callers.resolve_caller(user)
        try:
            self.policy.check_command(
                invocation, caller, run.channel, what=invocation.step.title, namespace=namespace
            )
        except AccessDenied as denied:
            needed = denied.denial.needed
            turn = (
                Text("It needs the role {needed}.", needed=ROLE_NAMES[needed]) if needed else EMPTY
            )
            # Nobody is told that they lost a right which Slack only does not tell of just now.
            lost = UNSURE if caller.unsure else lost
            summary = CHANNEL_LOST if needed is None else lost
            raise RightLost(summary, turn) from denied
        return caller
