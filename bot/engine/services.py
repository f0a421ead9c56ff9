"""Services that the engine works with, and the context that they give to a step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from bot.catalog import Catalog, Invocation
from bot.engine.access.policy import AccessPolicy
from bot.engine.pictures import PictureAttacher
from bot.engine.runs.progress_message import ProgressMessage
from bot.engine.world.mesh_change_log import MeshChangeLog
from bot.engine.world.namespace_guard import ChangedObject, NamespaceGuard, NamespaceHistory
from bot.engine.world.undo_recorder import UndoRecorder
from bot.errors import UserError
from bot.language import Localizer
from bot.ledger import Ledger, Run
from bot.messages import ChannelMessages, Views
from bot.ports import Cluster, Identity, Mesh, Part, Traffic, Web
from bot.records import History, Schedules
from bot.roles import Roles
from bot.steps import Caller, Context, Options, Role, Scope, Workshop
from bot.text import Text, verbatim
from bot.view.messages import Heading

LOOKS, BETWEEN = 4, 0.15
"""How often, and seconds between, it is looked whether something still changes what everyone
shares."""


class NullProgress:
    """Progress of a step that answers one person: nothing is shown until it ends."""

    def say(self, text: Text) -> None:
        """Show nothing."""

    def part(self, part: Part) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class ClusterClients:
    """Clients of the cluster that all act under one identity there."""

    cluster: Cluster
    mesh: Mesh
    web: Web
    traffic: Traffic


@dataclass(frozen=True)
class Services:
    """Services of the engine.

    `owner` names this process, `namespaces` are globs of what the workshop may touch.
    `acting` gives clients that act as someone else in the cluster, `place` says which
    cluster it is. `home_channel` is where runs go that are asked for in App Home; ""
    for the channel that the last run was in.
    """

    catalog: Catalog
    cluster: Cluster
    mesh: Mesh
    web: Web
    traffic: Traffic
    ledger: Ledger
    channel_messages: ChannelMessages
    picture_attacher: PictureAttacher
    views: Views
    roles: Roles
    schedules: Schedules
    workshop: Workshop
    namespaces: tuple[str, ...]
    owner: str
    gate: AccessPolicy
    say: Localizer
    acting: Callable[[Identity], ClusterClients]
    place: str = ""
    confirm_seconds: float = 300.0
    home_channel: str = ""

    async def resolve_caller(self, user: str) -> Caller:
        """Return that user as a caller, with their role and what the access rules say of them."""
        return self.gate.complete_caller(await self.roles.get_caller(user))

    def get_clients(self, caller: Caller) -> ClusterClients:
        """Return the clients that ask the cluster for this caller.

        They act as the bot itself, unless the settings say otherwise.
        """
        identity = self.gate.get_identity(caller)
        return self.acting(identity) if identity else self._get_own_clients()

    def _get_own_clients(self) -> ClusterClients:
        return ClusterClients(self.cluster, self.mesh, self.web, self.traffic)

    def get_lock_key(self, invocation: Invocation) -> str | None:
        """Return the lock that a run holds while it changes something; None for no change.

        It is a namespace of someone's own, or the mesh's namespace for all of the workshop.
        """
        if not invocation.step.changes:
            return None
        namespace = self.resolve_workshop(invocation).app_namespace
        if invocation.step.scope is Scope.APPLICATION and namespace != self.workshop.app_namespace:
            return namespace
        return self.workshop.mesh_namespace

    async def find_conflicting_run(self, run: Run) -> Run | None:
        """Return a running change that this run must not meet though it holds another lock.

        This run is entered already. One of the two is in someone's own namespace, the other
        changes what everyone shares. Of two that begin at the same moment the latter gives
        way at once; the former looks again before it does.
        """
        mine = self._is_mesh_wide(run)
        for _ in range(1 if mine else LOOKS):
            others = await self.ledger.list_unfinished_runs() if run.scope else []
            met = [
                o
                for o in others
                if o.lock_key not in (None, run.scope) and (mine or self._is_mesh_wide(o))
            ]
            if not met:
                return None
            if not mine:
                await asyncio.sleep(BETWEEN)
        return met[0]

    def _is_mesh_wide(self, run: Run) -> bool:
        step = self.catalog.get(run.step)
        return step is None or step.scope is Scope.MESH

    def describe_confirmers(self, run: Run) -> Text:
        """Return a sentence that says who can confirm what that run asks."""
        invocation = self.catalog.parse(run.arguments)
        someones = bool(self.gate.own) and self.resolve_workshop(invocation) != self.workshop
        return self.gate.describe_confirmers(invocation.step, someones=someones)

    def build_heading(self, run: Run) -> Heading:
        """Return the heading of each message of a run."""
        step = self.catalog.get(run.step)
        title = step.title if step is not None else verbatim(run.step)
        return Heading(
            run.id,
            title,
            run.user,
            typed=f"{self.catalog.command} {run.arguments}",
            attempt=run.attempt,
        )

    def build_context(
        self,
        invocation: Invocation,
        caller: Caller,
        progress: ProgressMessage | NullProgress,
        hands: ClusterClients | None = None,
    ) -> Context:
        """Return everything that a step may use.

        Objects that a run changes are recorded under its id. `hands` are the caller's
        clients unless given.
        """
        step, hands, history = (
            invocation.step,
            hands or self.get_clients(caller),
            self.ledger.journal,
        )
        cluster: Cluster = hands.cluster
        mesh: Mesh = hands.mesh
        past: History = history
        if caller.confined and step.has_side_effects:
            past = NamespaceHistory(history, caller.own, caller.own_steps)
        if isinstance(progress, ProgressMessage) and step.changes:
            # What a recorded step changed is in its images; there a write that changed nothing is
            # none.
            notes = set[ChangedObject]() if step.recorded else progress.notes
            cluster = NamespaceGuard(cluster, caller.own if caller.confined else None, notes)
            mesh = MeshChangeLog(mesh, self.workshop.mesh_namespace, progress.notes)
        if isinstance(progress, ProgressMessage) and step.changes and step.recorded:
            cluster = UndoRecorder(cluster, self.ledger.journal, progress.heading.run)
        return Context(
            cluster=cluster,
            mesh=mesh,
            progress=progress,
            web=hands.web,
            traffic=hands.traffic,
            history=past,
            audit_trail=self.ledger.audit,
            schedules=self.schedules,
            workshop=self.resolve_workshop(invocation),
            caller=caller,
            command=self.catalog.command,
            steps=self.catalog.steps,
        )

    def build_read_context(self) -> Context:
        """Return a context for reads that anybody may make, beside all runs.

        The bot itself is the one who reads.
        """
        invocation = Invocation(
            self.catalog.steps[0], Options.model_validate({}), self.catalog.steps[0].id
        )
        return self.build_context(
            invocation, Caller("", Role.ATTENDEE), NullProgress(), self._get_own_clients()
        )

    def resolve_workshop(self, invocation: Invocation) -> Workshop:
        """Return the workshop in the namespace that the command names.

        Raises UserError when that is not one of the workshop's.
        """
        wanted = invocation.options.namespace
        if not wanted:
            return self.workshop
        if not any(fnmatchcase(wanted, pattern) for pattern in self.namespaces):
            allowed = ", ".join(self.namespaces)
            raise UserError(
                Text("{wanted} is not a namespace of this workshop.", wanted=wanted),
                Text("These are: {allowed}.", allowed=allowed),
            )
        return replace(self.workshop, app_namespace=wanted)
