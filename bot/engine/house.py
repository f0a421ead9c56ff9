"""What the engine works with, and the context that a step gets of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from bot.blocks import Heading
from bot.catalog import Catalog, Invocation
from bot.engine.fence import Fence, OwnHistory, Touched
from bot.engine.gallery import Gallery
from bot.engine.gate import Gate
from bot.engine.noting import NotingMesh
from bot.engine.recorder import Recorder
from bot.engine.session import Session
from bot.errors import UserError
from bot.ledger import Ledger, Run
from bot.messages import Board, Screens
from bot.ports import Cluster, Identity, Mesh, Part, Traffic, Web
from bot.records import History, Schedules
from bot.roles import Roles
from bot.steps import Asker, Context, Options, Role, Scope, Workshop

LOOKS, BETWEEN = 4, 0.15
"""How often, and seconds between, it is looked whether something still changes what everyone shares."""


class Silent:
    """Progress of a step that answers one person: nothing is shown until it ends."""

    def say(self, text: str) -> None:
        """Not shown."""

    def part(self, part: Part) -> None:
        """Not shown."""


@dataclass(frozen=True)
class Hands:
    """What reaches into the cluster, all under one name there."""

    cluster: Cluster
    mesh: Mesh
    web: Web
    traffic: Traffic


@dataclass(frozen=True)
class House:
    """All collaborators; `owner` names this process, `namespaces` are globs of what the workshop may touch. `acting`
    gives hands that act as someone else in the cluster, `place` says which cluster it is.

    `home_channel` is where runs go that are asked for in App Home; "" for the channel that the last run was in.
    """

    catalog: Catalog
    cluster: Cluster
    mesh: Mesh
    web: Web
    traffic: Traffic
    ledger: Ledger
    board: Board
    gallery: Gallery
    screens: Screens
    roles: Roles
    schedules: Schedules
    workshop: Workshop
    namespaces: tuple[str, ...]
    owner: str
    gate: Gate
    acting: Callable[[Identity], Hands]
    place: str = ""
    confirm_seconds: float = 300.0
    home_channel: str = ""

    async def asker(self, user: str) -> Asker:
        """Who that is, by the roles and the rules."""
        return self.gate.know(await self.roles.of(user))

    def hands(self, asker: Asker) -> Hands:
        """As whom the cluster is asked for this person: the bot itself, unless the settings say otherwise."""
        identity = self.gate.identity(asker)
        return self.acting(identity) if identity else self._own_hands()

    def _own_hands(self) -> Hands:
        return Hands(self.cluster, self.mesh, self.web, self.traffic)

    def lock(self, invocation: Invocation) -> str | None:
        """What a run holds while it changes something: a namespace of someone's own, or all of the workshop."""
        if not invocation.step.changes:
            return None
        namespace = self.workshop_of(invocation).app_namespace
        if invocation.step.scope is Scope.APPLICATION and namespace != self.workshop.app_namespace:
            return namespace
        return self.workshop.mesh_namespace

    async def in_the_way(self, run: Run) -> Run | None:
        """A running change that this one, which is entered already, must not meet though it holds another lock: one
        of the two is in someone's own namespace, the other changes what everyone shares.

        Of two that begin at the same moment the latter gives way at once; the former looks again before it does.
        """
        mine = self._is_shared(run)
        for _ in range(1 if mine else LOOKS):
            others = await self.ledger.unfinished() if run.scope else []
            met = [o for o in others if o.lock_key not in (None, run.scope) and (mine or self._is_shared(o))]
            if not met:
                return None
            if not mine:
                await asyncio.sleep(BETWEEN)
        return met[0]

    def _is_shared(self, run: Run) -> bool:
        step = self.catalog.get(run.step)
        return step is None or step.scope is Scope.MESH

    def confirmers(self, run: Run) -> str:
        """Who can confirm what that run asks, in words."""
        invocation = self.catalog.parse(run.arguments)
        someones = bool(self.gate.own) and self.workshop_of(invocation) != self.workshop
        return self.gate.confirmers(invocation.step, someones=someones)

    def heading(self, run: Run) -> Heading:
        """What each message of a run starts with."""
        step = self.catalog.get(run.step)
        title = step.title if step is not None else run.step
        return Heading(run.id, title, run.user, typed=f"{self.catalog.command} {run.arguments}", attempt=run.attempt)

    def context(
        self, invocation: Invocation, asker: Asker, progress: Session | Silent, hands: Hands | None = None
    ) -> Context:  # fmt: skip
        """Everything a step may use; what a run changes is kept under its id. `hands` are the asker's unless given."""
        step, hands, history = invocation.step, hands or self.hands(asker), self.ledger.journal
        cluster: Cluster = hands.cluster
        mesh: Mesh = hands.mesh
        past: History = history
        if asker.confined and step.acts:
            past = OwnHistory(history, asker.own, asker.own_steps)
        if isinstance(progress, Session) and step.changes:
            # What a recorded step changed is in its images; there a write that changed nothing is none.
            notes = set[Touched]() if step.recorded else progress.notes
            cluster = Fence(cluster, asker.own if asker.confined else None, notes)
            mesh = NotingMesh(mesh, self.workshop.mesh_namespace, progress.notes)
        if isinstance(progress, Session) and step.changes and step.recorded:
            cluster = Recorder(cluster, self.ledger.journal, progress.heading.run)
        return Context(
            cluster=cluster,
            mesh=mesh,
            progress=progress,
            web=hands.web,
            traffic=hands.traffic,
            history=past,
            trail=self.ledger.audit,
            schedules=self.schedules,
            workshop=self.workshop_of(invocation),
            asker=asker,
            command=self.catalog.command,
            steps=self.catalog.steps,
        )

    def looking(self) -> Context:
        """A context for looking, as anybody may, beside all runs; it is the bot itself that looks."""
        invocation = Invocation(self.catalog.steps[0], Options.model_validate({}), self.catalog.steps[0].id)
        return self.context(invocation, Asker("", Role.ATTENDEE), Silent(), self._own_hands())

    def workshop_of(self, invocation: Invocation) -> Workshop:
        """The workshop in the namespace that was asked for; UserError when that is not one of the workshop's."""
        wanted = invocation.options.namespace
        if not wanted:
            return self.workshop
        if not any(fnmatchcase(wanted, pattern) for pattern in self.namespaces):
            allowed = ", ".join(self.namespaces)
            raise UserError(f"{wanted} is not a namespace of this workshop.", f"These are: {allowed}.")
        return replace(self.workshop, app_namespace=wanted)
