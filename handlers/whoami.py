"""`/mesh whoami`: your role, why you have it, what it allows and where, and as whom the cluster is
asked for you."""

from __future__ import annotations

from bot.steps import ROLE_NAMES, Caller, Context, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Listed, Text


async def run(context: Context, options: Shared) -> Verdict:
    """Describe the caller from the settings and the user groups, without asking the cluster."""
    caller = context.caller
    evidence = (
        Text("why: {why}", why=caller.why),
        *describe_abilities(context),
        *describe_places(caller),
        *describe_identity(caller),
    )
    notes = (
        ()
        if caller.hosts or caller.role.is_at_least(Role.HOST)
        else (Text("No host is named in the settings."),)
    )
    return Verdict(
        State.DONE,
        Text("you are {role} (user id {user}).", role=ROLE_NAMES[caller.role], user=caller.user),
        evidence=evidence,
        notes=notes,
    )


def describe_abilities(context: Context) -> list[Text]:
    """Return lines on what the caller may type, in their own namespace or anywhere, and what
    other roles may.
    """
    caller = context.caller
    may = [step for step in context.steps if caller.can_run(step)]
    own = [step.id for step in may if caller.confined and step.has_side_effects]
    lines = [
        Text(
            "you may: {steps}",
            steps=Listed((step.id for step in may if step.id not in own), "comma"),
        )
    ]
    lines += (
        [
            Text(
                "in your own namespace {own} you may also: {steps}",
                own=caller.own,
                steps=Listed(own, "comma"),
            )
        ]
        if own
        else []
    )
    barred = [step for step in context.steps if not caller.can_run(step)]
    hosts, admins = (
        [s.id for s in barred if (s.role is Role.ADMIN) is admin] for admin in (False, True)
    )
    lines += [Text("a host may also: {hosts}", hosts=Listed(hosts, "comma"))] if hosts else []
    lines += [Text("an admin may also: {admins}", admins=Listed(admins, "comma"))] if admins else []
    return lines


def describe_places(caller: Caller) -> list[Text]:
    """Return lines on the namespace and the channels to which the caller is confined."""
    lines = []
    if caller.confined:
        lines.append(
            Text("you may change only: {own}", own=caller.own)
            if caller.own
            else Text("you have no namespace of your own yet")
        )
    if caller.channels:
        lines.append(
            Text(
                "commands are taken in the channels {channels}; elsewhere by direct message, to "
                "read",
                channels=Listed(caller.channels, "comma"),
            )
        )
    return lines


def describe_identity(caller: Caller) -> list[Text]:
    """Return a line with the user that is impersonated in the cluster; empty for the bot's own
    account.
    """
    return (
        [Text("in the cluster I act for you as the user {acts_as}", acts_as=caller.acts_as)]
        if caller.acts_as
        else []
    )


STEP = Step(
    id="whoami",
    title=Text("Who am I"),
    summary=Text("your role, why you have it, and what it allows"),
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    examples=("whoami",),
)
