"""Locks of runs: which changes exclude each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.catalog import Catalog, Invocation
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.ledger import Ledger, Run
from bot.steps import Scope

CONFLICT_CHECKS, CONFLICT_PAUSE = 4, 0.15
"""How often, and seconds between, it is checked whether something still changes what everyone
shares."""


@dataclass(frozen=True)
class RunLocks:
    """The rules by which runs exclude each other; the ledger holds the locks themselves."""

    catalog: Catalog
    ledger: Ledger
    namespaces: WorkshopNamespaces

    def get_lock_key(self, invocation: Invocation) -> str | None:
        """Return the lock that a run holds while it changes something; None for no change.

        It is a namespace of someone's own, or the mesh's namespace for all of the workshop.
        """
        if not invocation.step.changes:
            return None
        workshop = self.namespaces.workshop
        namespace = self.namespaces.resolve_workshop(invocation).app_namespace
        if invocation.step.scope is Scope.APPLICATION and namespace != workshop.app_namespace:
            return namespace
        return workshop.mesh_namespace

    async def find_conflicting_run(self, run: Run) -> Run | None:
        """Return a running change that this run must not meet though it holds another lock.

        This run is entered already. One of the two is in someone's own namespace, the other
        changes what everyone shares. Of two that begin at the same moment the latter gives
        way at once; the former checks again before it does.
        """
        mesh_wide = self._is_mesh_wide(run)
        for _ in range(1 if mesh_wide else CONFLICT_CHECKS):
            others = await self.ledger.run_queries.list_unfinished_runs() if run.scope else []
            conflicting = [
                other
                for other in others
                # One that asks has given its lock back, and the ledger excludes those with the same
                # lock.
                if other.lock_key not in (None, run.scope)
                and (mesh_wide or self._is_mesh_wide(other))
            ]
            if not conflicting:
                return None
            if not mesh_wide:
                await asyncio.sleep(CONFLICT_PAUSE)
        return conflicting[0]

    def _is_mesh_wide(self, run: Run) -> bool:
        step = self.catalog.get(run.step)
        return step is None or step.scope is Scope.MESH
