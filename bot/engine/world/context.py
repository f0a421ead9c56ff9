"""Builds the context of a step: what it may use, and what is recorded of its writes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bot.catalog import Catalog, Invocation
from bot.engine.world.clients import ClientSelector, ClusterClients
from bot.engine.world.cluster_proxy import ChangedObject
from bot.engine.world.mesh_change_log import MeshChangeLog
from bot.engine.world.namespace_guard import NamespaceGuard
from bot.engine.world.namespace_history import NamespaceHistory
from bot.engine.world.undo_recorder import UndoRecorder
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.engine.world.write_log import WriteLog, Written
from bot.ledger import SqlHistory
from bot.ports import Cluster, Part, Progress
from bot.records import AuditTrail, Schedules
from bot.steps import Caller, Context, Options, Role
from bot.text import Text


class NullProgress:
    """Progress of a step that answers one person: nothing is shown until it ends."""

    def say(self, text: Text) -> None:
        """Show nothing."""

    def part(self, part: Part) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class RunChanges:
    """The objects that one run changed: `objects` for the Events on them, `written` in words.

    A run whose step is recorded has those for the Events in the ledger, without those that a
    write left as they were; `objects` has only what istioctl changed then. `written` has what this
    process wrote, or may have, also while the ledger is away.
    """

    run: str
    objects: set[ChangedObject] = field(default_factory=set)
    written: Written = field(default_factory=dict)

    def note(self, changed: ChangedObject) -> None:
        """Note an object that something else than the cluster's client changes."""
        self.objects.add(changed)
        self.written[changed] = None


@dataclass(frozen=True)
class ContextBuilder:
    """Builds contexts for callers."""

    catalog: Catalog
    clients: ClientSelector
    namespaces: WorkshopNamespaces
    history: SqlHistory
    audit_trail: AuditTrail
    schedules: Schedules

    def build_context(self, invocation: Invocation, caller: Caller) -> Context:
        """Return the context of a step without a run: its progress is not shown."""
        return self._build(invocation, caller, self.clients.get_clients(caller))

    def build_read_context(self) -> Context:
        """Return a context for reads that anybody may make, beside all runs.

        The bot itself is the one who reads.
        """
        step = self.catalog.steps[0]
        invocation = Invocation(step, Options.model_validate({}), step.id)
        return self._build(invocation, Caller("", Role.ATTENDEE), self.clients.own)

    def build_run_context(
        self, invocation: Invocation, caller: Caller, progress: Progress, changes: RunChanges
    ) -> Context:
        """Return the context of a run: its progress is shown, and its changes are recorded."""
        context = replace(self.build_context(invocation, caller), progress=progress)
        step = invocation.step
        if not step.changes:
            return context
        written = set[ChangedObject]() if step.recorded else changes.objects
        cluster: Cluster = NamespaceGuard(
            WriteLog(context.cluster, changes.written),
            caller.own if caller.confined else None,
            written,
        )
        if step.recorded:
            cluster = UndoRecorder(cluster, self.history, changes.run, changes.written)
        mesh = MeshChangeLog(context.mesh, self.namespaces.workshop.mesh_namespace, changes.note)
        return replace(context, cluster=cluster, mesh=mesh)

    def _build(self, invocation: Invocation, caller: Caller, clients: ClusterClients) -> Context:
        confined = caller.confined and invocation.step.has_side_effects
        return Context(
            cluster=clients.cluster,
            mesh=clients.mesh,
            progress=NullProgress(),
            web=clients.web,
            traffic=clients.traffic,
            history=NamespaceHistory(self.history, caller.own, caller.own_steps)
            if confined
            else self.history,
            audit_trail=self.audit_trail,
            schedules=self.schedules,
            workshop=self.namespaces.resolve_workshop(invocation),
            caller=caller,
            command=self.catalog.command,
            steps=self.catalog.steps,
        )
