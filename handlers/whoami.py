"""`/mesh whoami`: your role, why you have it, what it allows and where, and as whom the cluster is
asked for you."""

from __future__ import annotations

from bot.steps import Caller, Context, Role, Shared, State, Step, StepKind, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """Describe the caller from the settings and the user groups, without asking the cluster."""
    caller = context.caller
    evidence = (
        f"why: {caller.why}",
        *describe_abilities(context),
        *describe_places(caller),
        *describe_identity(caller),
    )
    notes = (
        ()
        if caller.hosts or caller.role.is_at_least(Role.HOST)
        else ("No host is named in the settings.",)
    )
    return Verdict(
        State.DONE,
        f"you are {caller.role} (user id {caller.user}).",
        evidence=evidence,
        notes=notes,
    )


def describe_abilities(context: Context) -> list[str]:
    """Return lines on what the caller may type, in their own namespace or anywhere, and what
    other roles may.
    """
    caller = context.caller
    may = [step for step in context.steps if caller.can_run(step)]
    own = [step.id for step in may if caller.confined and step.has_side_effects]
    lines = [f"you may: {', '.join(step.id for step in may if step.id not in own)}"]
    lines += [f"in your own namespace {caller.own} you may also: {', '.join(own)}"] if own else []
    barred = [step for step in context.steps if not caller.can_run(step)]
    hosts, admins = (
        [s.id for s in barred if (s.role is Role.ADMIN) is admin] for admin in (False, True)
    )
    lines += [f"a host may also: {', '.join(hosts)}"] if hosts else []
    lines += [f"an admin may also: {', '.join(admins)}"] if admins else []
    return lines


def describe_places(caller: Caller) -> list[str]:
    """Return lines on the namespace and the channels to which the caller is confined."""
    lines = []
    if caller.confined:
        lines.append(
            f"you may change only: {caller.own}"
            if caller.own
            else "you have no namespace of your own yet"
        )
    if caller.channels:
        lines.append(
            f"commands are taken in the channels {', '.join(caller.channels)}; elsewhere by direct message, to read"
        )
    return lines


def describe_identity(caller: Caller) -> list[str]:
    """Return a line with the user that is impersonated in the cluster; empty for the bot's own
    account.
    """
    return [f"in the cluster I act for you as the user {caller.acts_as}"] if caller.acts_as else []


STEP = Step(
    id="whoami",
    title="Who am I",
    summary="your role, why you have it, and what it allows",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    examples=("whoami",),
)
