"""`/mesh fault jason`: one user loses ratings (or waits for them), everybody else keeps them; seen by real requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bot.errors import UserError
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge import asking, faults, rules
from bot.knowledge.offers import offer
from bot.knowledge.proof import observe
from bot.knowledge.routing import fault_for, faulted, path_of, reviews_of
from bot.knowledge.snapshot import take
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class FaultOptions(Options):
    """What can be chosen."""

    user: Annotated[
        str, Field(default="", max_length=40, pattern=r"^[\w.@+-]*$", description="who is hurt, e.g. jason; or off")
    ]
    what: Annotated[
        tuple[str, ...], Field(default=(), max_length=3, description="abort 500, delay 2s, and a share as 50%")
    ]

    @field_validator("what")
    @classmethod
    def readable(cls, what: tuple[str, ...]) -> tuple[str, ...]:
        """Words that make one fault."""
        faults.read(what)
        return what


async def run(context: Context, options: FaultOptions) -> Verdict:
    """Applies the fault, then looks at the user it names and at another one."""
    if not options.user:
        raise UserError("Whose requests?", f"Type a user: `{context.command} fault jason`.")
    if options.user == "off":
        return await off(context)
    fault, now = faults.read(options.what), await take(context)
    if (verdict := rules.not_possible(context, now)) is not None:
        return verdict
    path, user = path_of(now), options.user
    faults.refuse_what_cannot_be(fault, path)
    if reviews_of(now, user) == "v1":
        because = f"{user} is routed to reviews v1, which never asks ratings: the fault would not be seen."
        return rules.missing(context, because, f"route {user} v2", "route off")
    objects = fault_for(path, context.workshop.app_namespace, user, fault.spec)
    done = await rules.enforce(context, path, objects)
    observed = await observe(context, *faults.expectations(user, fault))
    kept = await faults.others_keep_ratings(context)
    evidence, notes = (*done.lines, *observed.lines, kept.words), faults.notes(path, user)
    links, lines = await rules.links(context, objects, "ratings")
    if not observed.holds or not kept.holds:
        words = f"the fault for {user} is applied, its effect was not seen."
        following = offer(context, "fault off", "status")
        return Verdict(State.NOT_YET, words, observed.because, evidence, links, following, lines, notes)
    words = f"{user} {fault.seen_as}, and nobody else does.{done.already}"
    return Verdict(State.DONE, words, "", evidence, links, offer(context, "fault off", "graph", "traces"), lines, notes)


async def off(context: Context, options: Options | None = None) -> Verdict:
    """Takes the fault away: everybody keeps ratings."""
    user = faulted(await take(context))
    gone = await rules.take_out(
        context, (VIRTUAL_SERVICE, "ratings"), (HTTP_ROUTE, "ratings"), (DESTINATION_RULE, "ratings")
    )
    if not gone:
        words = "there was no fault on ratings; nothing was changed."
        return Verdict(State.DONE, words, next=offer(context, "fault jason"))
    observed = await observe(context, *faults.nobody_is_hurt(user))
    evidence = (*gone, *observed.lines)
    if not observed.holds:
        words = "the fault is removed, but that was not seen."
        return Verdict(State.NOT_YET, words, observed.because, evidence, next=offer(context, "status"))
    words = "the fault is gone: everybody keeps ratings."
    return Verdict(State.DONE, words, evidence=evidence, next=offer(context, "graph", "shift v1=50 v3=50"))


STEP = Step(
    id="fault",
    title="Inject a fault",
    summary="one user loses ratings or waits for them, everybody else keeps them; `off` ends it",
    run=run,
    options=FaultOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("user", "what"),
    needs=("user",),
    form=asking.FAULT,
    standing=asking.fault_standing,
    examples=("fault jason", "fault jason abort 503 50%", "fault jason delay 2s", "fault off"),
)

UNFAULT = Step(
    id="unfault",
    title="End the fault",
    summary="the same as `fault off`: everybody keeps ratings",
    run=off,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("unfault",),
)
