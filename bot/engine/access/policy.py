"""Access rules: by role, by channel, and by an attendee's own namespace.

They are checked before anything starts.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.catalog import Invocation
from bot.errors import MeshbotError, SettingsError
from bot.ports import Identity
from bot.steps import Caller, Role, Scope, Step, StepKind
from bot.text import Text
from bot.view import denials
from bot.view.denials import Denial

CONFIRMERS = {
    Role.ATTENDEE: Text("Everyone here can confirm."),
    Role.HOST: Text("Only a host can confirm."),
    Role.ADMIN: Text("Only an admin can confirm."),
}


class AccessDenied(MeshbotError):
    """The caller may not do this, or not here; `denial` is what only they are shown."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.reason)
        self.message, self.denial = denial.reason, denial


def assign_roles(steps: Sequence[Step], roles: Mapping[str, str]) -> tuple[Step, ...]:
    """Return the steps with the roles that the settings give them.

    Raises SettingsError for a step that does not exist.
    """
    names = {name: step.id for step in steps for name in (step.id, *step.aliases)}
    faults = [_describe_unknown_step(name, names) for name in roles if name not in names]
    if faults:
        raise SettingsError("\n".join(["The settings cannot be used:", *faults]))
    wanted = {names[name]: Role(role) for name, role in roles.items()}
    return tuple(replace(step, role=wanted.get(step.id, step.role)) for step in steps)


def find_reserved_steps(steps: Sequence[Step], roles: Mapping[str, str]) -> frozenset[str]:
    """Return the ids of the steps whose role the settings name."""
    return frozenset(step.id for step in steps if roles.keys() & {step.id, *step.aliases})


def _describe_unknown_step(name: str, names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"  roles.steps.{name[:40]}: there is no such step (set MESHBOT_ROLES__STEPS){hint}"


@dataclass(frozen=True)
class OwnNamespaces:
    """Namespaces of users: `of` by user id, then `pattern`, where `{user}` stands for the id."""

    pattern: str = ""
    of: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pattern or self.of)

    def get_for_user(self, user: str) -> str:
        """Return that user's namespace, or ""."""
        return self.of.get(user) or self.pattern.replace("{user}", user.lower())


@dataclass(frozen=True)
class AccessPolicy:
    """The access rules.

    `reserved` are steps whose role the settings name: attendees have them only if that
    says so.
    """

    steps: tuple[Step, ...]
    command: str = "/mesh"
    channels: tuple[str, ...] = ()
    own: OwnNamespaces = field(default_factory=OwnNamespaces)
    reserved: frozenset[str] = frozenset()
    acting: Mapping[Role, Identity] = field(default_factory=dict)

    def complete_caller(self, caller: Caller) -> Caller:
        """Return the caller with everything that the rules say of them."""
        identity = self.get_identity(caller)
        caller = replace(caller, channels=self.channels, acts_as=identity.user if identity else "")
        if caller.role is not Role.ATTENDEE or not self.own:
            return caller
        return replace(
            caller,
            confined=True,
            own=self.own.get_for_user(caller.user),
            own_steps=self._list_own_steps(),
        )

    def check_consistency(self) -> None:
        """Raise SettingsError when the rules contradict each other."""
        shared = [
            s.id
            for s in self.steps
            if s.has_side_effects and s.scope is Scope.MESH and s.role is Role.ATTENDEE
        ]
        if self.own and shared:
            words = (
                "reaches what everyone shares, and attendees have namespaces of their own "
                "(roles.own_namespaces)"
            )
            faults = [f"  roles.steps.{step}: {words}" for step in shared]
            raise SettingsError("\n".join(["The settings cannot be used:", *faults]))

    def get_identity(self, caller: Caller) -> Identity | None:
        """Return the identity as whom the cluster is asked for this caller.

        None stands for the bot's own account.
        """
        identity = self.acting.get(caller.role)
        return identity.for_user(caller.user) if identity else None

    def _list_own_steps(self) -> tuple[str, ...]:
        """Return the steps that attendees may use in their own namespace.

        These are the steps that stay within a namespace, unless reserved.
        """
        within = [step for step in self.steps if step.scope is Scope.APPLICATION]
        return tuple(s.id for s in within if s.role is Role.ATTENDEE or s.id not in self.reserved)

    def admit_command(self, invocation: Invocation, caller: Caller, channel: str) -> Invocation:
        """Return the command as this caller may give it here. Raises AccessDenied.

        It is in their own namespace unless they name one.
        """
        if caller.confined and caller.own and not invocation.options.namespace:
            invocation = pin_namespace(invocation, caller.own)
        self.check_command(
            invocation,
            caller,
            channel,
            what=invocation.step.title,
            namespace=invocation.options.namespace,
        )
        return invocation

    def check_command(
        self, invocation: Invocation, caller: Caller, channel: str, *, what: Text, namespace: str
    ) -> None:
        """Raise AccessDenied unless this caller may give that command in that namespace.

        `what` is the command's title in the denial.
        """
        step = invocation.step
        self.check_step(step, caller, channel, what=what)
        if caller.confined and step.has_side_effects and namespace != caller.own:
            raise AccessDenied(
                denials.build_foreign_namespace_denial(
                    what, namespace, caller.own, caller.get_role_holders(Role.HOST)
                )
            )

    def check_step(self, step: Step, caller: Caller, channel: str, *, what: Text) -> None:
        """Raise AccessDenied unless this caller may run that step from this channel.

        In which namespace is not asked yet.
        """
        self._check_channel(step, channel)
        if not caller.can_run(step):
            raise AccessDenied(self._build_denial(what, step, caller))

    def require_role(self, needed: Role, caller: Caller, *, what: Text) -> None:
        """Raise AccessDenied unless this caller has that role."""
        if not caller.role.is_at_least(needed):
            raise AccessDenied(
                denials.build_role_denial(
                    what, caller.role, needed, caller.get_role_holders(needed)
                )
            )

    def describe_confirmers(self, step: Step, *, someones: bool) -> Text:
        """Return a sentence that says who can confirm that step.

        `someones` says that it changes a namespace of someone's own.
        """
        if someones and step.id in self._list_own_steps():
            return Text("Only the owner of that namespace, or a host, can confirm.")
        return CONFIRMERS[step.role]

    def _check_channel(self, step: Step, channel: str) -> None:
        # Ids of direct messages begin with D (Slack), and App Home has no channel.
        private = not channel or channel.startswith("D")
        if (
            not self.channels
            or channel in self.channels
            or (private and step.shape is StepKind.ANSWER and not step.has_side_effects)
        ):
            return
        raise AccessDenied(denials.build_wrong_channel_denial(self.channels, private=private))

    def _build_denial(self, what: Text, step: Step, caller: Caller) -> Denial:
        needed = step.role
        if caller.confined and step.has_side_effects and needed is Role.ATTENDEE:
            return denials.build_no_namespace_denial(what, caller.get_role_holders(Role.HOST))
        return denials.build_role_denial(what, caller.role, needed, caller.get_role_holders(needed))


def pin_namespace(invocation: Invocation, namespace: str) -> Invocation:
    """Return the command with `in=` written out.

    So it means the same for everyone who confirms or resumes it.
    """
    options = invocation.options.model_copy(update={"namespace": namespace})
    return replace(invocation, options=options, text=f"{invocation.text} in={namespace}")
