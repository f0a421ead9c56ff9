"""Who may do what, and where: by role, by channel, and by an attendee's own namespace. Asked before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot import blocks
from bot.catalog import Invocation
from bot.engine import denials
from bot.errors import MeshbotError, SettingsError
from bot.messages import Message
from bot.ports import Identity
from bot.steps import Asker, Role, Scope, Shape, Step


class Denied(MeshbotError):
    """Something that this person may not do, or not here; `message` is what only they are shown."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text)
        self.message = message


def assigned(steps: Sequence[Step], roles: Mapping[str, str]) -> tuple[Step, ...]:
    """The steps with the roles that the settings give them. Raises SettingsError for a step that there is not."""
    names = {name: step.id for step in steps for name in (step.id, *step.aliases)}
    faults = [_unknown(name, names) for name in roles if name not in names]
    if faults:
        raise SettingsError("\n".join(["The settings cannot be used:", *faults]))
    wanted = {names[name]: Role(role) for name, role in roles.items()}
    return tuple(replace(step, role=wanted.get(step.id, step.role)) for step in steps)


def reserved(steps: Sequence[Step], roles: Mapping[str, str]) -> frozenset[str]:
    """The ids of the steps whose role the settings name."""
    return frozenset(step.id for step in steps if roles.keys() & {step.id, *step.aliases})


def _unknown(name: str, names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"  roles.steps.{name[:40]}: there is no such step (set MESHBOT_ROLES__STEPS){hint}"


@dataclass(frozen=True)
class OwnNamespaces:
    """Which namespace is whose: `of` by user id, then `pattern`, in which `{user}` stands for the id."""

    pattern: str = ""
    of: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pattern or self.of)

    def name(self, user: str) -> str:
        """That user's namespace, or ""."""
        return self.of.get(user) or self.pattern.replace("{user}", user.lower())


@dataclass(frozen=True)
class Gate:
    """The rules. `reserved` are steps whose role the settings name: attendees have them only if that says so."""

    steps: tuple[Step, ...]
    command: str = "/mesh"
    channels: tuple[str, ...] = ()
    own: OwnNamespaces = field(default_factory=OwnNamespaces)
    reserved: frozenset[str] = frozenset()
    acting: Mapping[Role, Identity] = field(default_factory=dict)

    def know(self, asker: Asker) -> Asker:
        """The same person with everything that the rules say of them."""
        identity = self.identity(asker)
        asker = replace(asker, channels=self.channels, acts_as=identity.user if identity else "")
        if asker.role is not Role.ATTENDEE or not self.own:
            return asker
        return replace(asker, confined=True, own=self.own.name(asker.user), own_steps=self._own_steps())

    def check(self) -> None:
        """Raises SettingsError when the rules contradict each other."""
        shared = [s.id for s in self.steps if s.acts and s.scope is Scope.MESH and s.role is Role.ATTENDEE]
        if self.own and shared:
            words = "reaches what everyone shares, and attendees have namespaces of their own (roles.own_namespaces)"
            faults = [f"  roles.steps.{step}: {words}" for step in shared]
            raise SettingsError("\n".join(["The settings cannot be used:", *faults]))

    def identity(self, asker: Asker) -> Identity | None:
        """As whom the cluster is asked for this person; None for the bot's own account."""
        identity = self.acting.get(asker.role)
        return identity.of(asker.user) if identity else None

    def _own_steps(self) -> tuple[str, ...]:
        """Steps that attendees may use in their own namespace: those that stay within one, unless reserved."""
        within = [step for step in self.steps if step.scope is Scope.APPLICATION]
        return tuple(s.id for s in within if s.role is Role.ATTENDEE or s.id not in self.reserved)

    def admit(self, invocation: Invocation, asker: Asker, channel: str) -> Invocation:
        """The command as this person may give it here, in their own namespace unless they name one. Raises Denied."""
        if asker.confined and asker.own and not invocation.options.namespace:
            invocation = within(invocation, asker.own)
        self.allow(invocation, asker, channel, what=invocation.step.title, namespace=invocation.options.namespace)
        return invocation

    def allow(self, invocation: Invocation, asker: Asker, channel: str, *, what: str, namespace: str) -> None:
        """Raises Denied unless this person may give that command, in that namespace; `what` is what they did."""
        step = invocation.step
        self.allow_step(step, asker, channel, what=what)
        if asker.confined and step.acts and namespace != asker.own:
            raise Denied(denials.fenced(what, namespace, asker.own, asker.helpers(Role.HOST), self.command))

    def allow_step(self, step: Step, asker: Asker, channel: str, *, what: str) -> None:
        """Raises Denied unless this person may run that step somewhere, and speak of it here."""
        self._in_channel(step, channel)
        if not asker.may(step):
            raise Denied(self._refusal(what, step, asker))

    def require(self, needed: Role, asker: Asker, *, what: str) -> None:
        """Raises Denied unless this person has that role."""
        if not asker.role.covers(needed):
            raise Denied(blocks.denied(what, asker.role, needed, asker.helpers(needed), self.command))

    def confirmers(self, step: Step, *, someones: bool) -> str:
        """Who can confirm that step, in words; `someones` says that it changes a namespace of someone's own."""
        if someones and step.id in self._own_steps():
            return "whoever has that namespace, or a host,"
        return {Role.ATTENDEE: "someone here", Role.HOST: "a host", Role.ADMIN: "an admin"}[step.role]

    def _in_channel(self, step: Step, channel: str) -> None:
        private = not channel or channel.startswith("D")
        if not self.channels or channel in self.channels or (private and step.shape is Shape.ANSWER and not step.acts):
            return
        raise Denied(denials.elsewhere(self.channels, self.command, private=private))

    def _refusal(self, what: str, step: Step, asker: Asker) -> Message:
        needed = step.role
        if asker.confined and step.acts and needed is Role.ATTENDEE:
            return denials.homeless(what, asker.helpers(Role.HOST), self.command)
        return blocks.denied(what, asker.role, needed, asker.helpers(needed), self.command)


def within(invocation: Invocation, namespace: str) -> Invocation:
    """The command with `in=` said, so that it means the same whoever confirms or resumes it."""
    options = invocation.options.model_copy(update={"namespace": namespace})
    return replace(invocation, options=options, text=f"{invocation.text} in={namespace}")
