"""What the engine works with, and the context that a step gets of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from bot.blocks import Heading
from bot.catalog import Catalog, Invocation
from bot.engine.recorder import Recorder
from bot.engine.session import Session
from bot.errors import UserError
from bot.ledger import Ledger, Run
from bot.messages import Board
from bot.ports import Cluster, Mesh, Part, Schedules, Traffic, Web
from bot.roles import Roles
from bot.steps import Asker, Context, Workshop


class Silent:
    """Progress of a step that answers one person: nothing is shown until it ends."""

    def say(self, text: str) -> None:
        """Not shown."""

    def part(self, part: Part) -> None:
        """Not shown."""


@dataclass(frozen=True)
class House:
    """All collaborators; `owner` names this process, `namespaces` are globs of what the workshop may touch."""

    catalog: Catalog
    cluster: Cluster
    mesh: Mesh
    web: Web
    traffic: Traffic
    ledger: Ledger
    board: Board
    roles: Roles
    schedules: Schedules
    workshop: Workshop
    namespaces: tuple[str, ...]
    owner: str
    confirm_seconds: float = 300.0

    def heading(self, run: Run) -> Heading:
        """What each message of a run starts with."""
        step = self.catalog.get(run.step)
        title = step.title if step is not None else run.step
        return Heading(run.id, title, run.user, typed=f"{self.catalog.command} {run.arguments}", attempt=run.attempt)

    def context(self, invocation: Invocation, asker: Asker, progress: Session | Silent) -> Context:
        """Everything a step may use; what a run changes is kept under its id."""
        step, cluster = invocation.step, self.cluster
        if isinstance(progress, Session) and step.changes and step.recorded:
            cluster = Recorder(cluster, self.ledger.journal, progress.heading.run)
        return Context(
            cluster=cluster,
            mesh=self.mesh,
            progress=progress,
            web=self.web,
            traffic=self.traffic,
            history=self.ledger.journal,
            schedules=self.schedules,
            workshop=self.workshop_of(invocation),
            asker=asker,
            command=self.catalog.command,
            steps=self.catalog.steps,
        )

    def workshop_of(self, invocation: Invocation) -> Workshop:
        """The workshop in the namespace that was asked for; UserError when that is not one of the workshop's."""
        wanted = invocation.options.namespace
        if not wanted:
            return self.workshop
        if not any(fnmatchcase(wanted, pattern) for pattern in self.namespaces):
            allowed = ", ".join(self.namespaces)
            raise UserError(f"{wanted} is not a namespace of this workshop.", f"These are: {allowed}.")
        return replace(self.workshop, app_namespace=wanted)
