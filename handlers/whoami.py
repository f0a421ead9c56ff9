"""`/mesh whoami`: your role, why you have it, what it allows and where, and as whom the cluster is asked for you."""

from __future__ import annotations

from bot.steps import Asker, Context, Role, Shape, Shared, State, Step, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """From the settings and the user groups; nothing of the cluster is asked."""
    asker = context.asker
    evidence = (f"why: {asker.why}", *abilities(context), *places(asker), *identity(asker))
    notes = () if asker.hosts or asker.role.covers(Role.HOST) else ("No host is named in the settings.",)
    return Verdict(State.DONE, f"you are {asker.role} (user id {asker.user}).", evidence=evidence, notes=notes)


def abilities(context: Context) -> list[str]:
    """What may be typed, in the own namespace only where that is so, and what others may type."""
    asker = context.asker
    may = [step for step in context.steps if asker.may(step)]
    own = [step.id for step in may if asker.confined and step.acts]
    lines = [f"you may: {', '.join(step.id for step in may if step.id not in own)}"]
    lines += [f"in your own namespace {asker.own} you may also: {', '.join(own)}"] if own else []
    barred = [step for step in context.steps if not asker.may(step)]
    hosts, admins = ([s.id for s in barred if (s.role is Role.ADMIN) is admin] for admin in (False, True))
    lines += [f"a host may also: {', '.join(hosts)}"] if hosts else []
    lines += [f"an admin may also: {', '.join(admins)}"] if admins else []
    return lines


def places(asker: Asker) -> list[str]:
    """Which namespace and which channels."""
    lines = []
    if asker.confined:
        lines.append(f"you may change only: {asker.own}" if asker.own else "you have no namespace of your own yet")
    if asker.channels:
        lines.append(
            f"commands are taken in the channels {', '.join(asker.channels)}; elsewhere by direct message, to read"
        )
    return lines


def identity(asker: Asker) -> list[str]:
    """As whom the cluster is asked, when it is not the bot's own account."""
    return [f"in the cluster I act for you as the user {asker.acts_as}"] if asker.acts_as else []


STEP = Step(
    id="whoami",
    title="Who am I",
    summary="your role, why you have it, and what it allows",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    examples=("whoami",),
)
