"""`/mesh fault jason`: one user loses ratings (or waits for them), everybody else keeps them; seen by real requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bot.errors import UserError
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge import faults, rules
from bot.knowledge.offers import offer
from bot.knowledge.proof import observe
from bot.knowledge.routing import fault_for, path_of, reviews_of
from bot.knowledge.snapshot import take
from bot.steps import Context, Options, Role, State, Step, Verdict


class FaultOptions(Options):
    """What can be chosen."""

    user: Annotated[
        str, Field(default="", max_length=40, pattern=r"^[\w.@+-]*$", description="who is hurt, e.g. jason")
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
    path = path_of(now)
    if reviews_of(now, options.user) == "v1":
        because = f"{options.user} is routed to reviews v1, which never asks ratings: the fault would not be seen."
        return rules.missing(context, because, f"route {options.user} v2")
    faults.refuse_what_cannot_be(fault, path)
    await rules.prepare(context, path)
    objects = fault_for(path, context.workshop.app_namespace, options.user, fault.spec)
    changed = await rules.put_in_force(context, objects)
    observed = await observe(context, *faults.expectations(options.user, fault))
    kept = await faults.others_keep_ratings(context)
    evidence = (*(changed or ["the fault was already so"]), f"decided by {path}", *observed.lines, kept.words)
    links = await rules.links(context, objects)
    notes = faults.notes(path)
    if not observed.holds or not kept.holds:
        why = observed.trouble or "what was seen is not what the fault says"
        words = f"the fault for {options.user} is applied, its effect was not seen."
        again = offer(context, "fault off", "status")
        return Verdict(State.NOT_YET, words, f"{why}.", evidence, links, again, notes=notes)
    words = f"{options.user} {fault.seen_as}, and nobody else does."
    return Verdict(State.DONE, words, "", evidence, links, offer(context, "fault off", "graph", "traces"), notes=notes)


async def off(context: Context) -> Verdict:
    """Takes the fault away: everybody keeps ratings."""
    gone = await rules.take_out(
        context, (VIRTUAL_SERVICE, "ratings"), (HTTP_ROUTE, "ratings"), (DESTINATION_RULE, "ratings")
    )
    if not gone:
        return Verdict(State.DONE, "there was no fault on ratings; nothing was changed.")
    observed = await observe(context, *faults.nobody_is_hurt())
    evidence = (*gone, *observed.lines)
    if not observed.holds:
        why = observed.trouble or "ratings are still missing on some pages"
        return Verdict(State.NOT_YET, "the fault is removed.", f"{why}.", evidence, next=offer(context, "status"))
    return Verdict(
        State.DONE, "the fault is gone: everybody keeps ratings.", evidence=evidence, next=offer(context, "graph")
    )


STEP = Step(
    id="fault",
    title="Inject a fault",
    summary="one user loses ratings or waits for them, everybody else keeps them",
    run=run,
    options=FaultOptions,
    role=Role.HOST,
    changes=True,
    positional=("user", "what"),
    examples=("fault jason", "fault jason abort 503 50%", "fault jason delay 2s", "fault off"),
)
