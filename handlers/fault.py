"""`/mesh fault jason`: one user loses ratings (or waits for them), everybody else keeps
them; checked by real requests.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bot.errors import UserError
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import enforce, faults, forms
from bot.knowledge.routing.manifests import (
    build_user_fault,
    find_data_path,
    find_faulted_user,
    find_reviews_version,
)
from bot.knowledge.routing.request_proof import wait_for_expectations
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class FaultOptions(Options):
    """Options of `fault`."""

    user: Annotated[
        str,
        Field(
            default="",
            max_length=40,
            pattern=r"^[\w.@+-]*$",
            description="who is hurt, e.g. jason; or off",
        ),
    ]
    what: Annotated[
        tuple[str, ...],
        Field(default=(), max_length=3, description="abort 500, delay 2s, and a share as 50%"),
    ]

    @field_validator("what")
    @classmethod
    def validate_fault_words(cls, what: tuple[str, ...]) -> tuple[str, ...]:
        """Check that the words make one fault."""
        faults.read_fault(what)
        return what


async def run(context: Context, options: FaultOptions) -> Verdict:
    """Apply the fault, then check by requests the user it names and another one."""
    if not options.user:
        raise UserError("Whose requests?", f"Type a user: `{context.command} fault jason`.")
    if options.user == "off":
        return await off(context)
    fault, now = faults.read_fault(options.what), await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path, user = find_data_path(now), options.user
    faults.refuse_unsupported_fault(fault, path)
    if find_reviews_version(now, user) == "v1":
        because = f"{user} is routed to reviews v1, which never asks ratings: the fault would not be seen."
        return enforce.build_unchanged_verdict(context, because, f"route {user} v2", "route off")
    objects = build_user_fault(path, context.workshop.app_namespace, user, fault.spec)
    done = await enforce.enforce_rules(context, path, objects)
    observed = await wait_for_expectations(context, *faults.build_expectations(user, fault))
    kept = await faults.check_ratings_reachable(context)
    evidence, notes = (*done.lines, *observed.lines, kept.words), faults.explain_fault(path, user)
    links, lines = await enforce.link_to_rules(context, objects, "ratings")
    if not observed.holds or not kept.holds:
        words = f"the fault for {user} is applied, its effect was not seen."
        following = suggest_commands(context, "fault off", "status")
        return Verdict(
            State.NOT_YET, words, observed.because, evidence, links, following, lines, notes
        )
    words = f"{user} {fault.seen_as}, and nobody else does.{done.already}"
    return Verdict(
        State.DONE,
        words,
        "",
        evidence,
        links,
        suggest_commands(context, "fault off", "graph", "traces"),
        lines,
        notes,
    )


async def off(context: Context, options: Options | None = None) -> Verdict:
    """Remove the fault, and check that everybody gets ratings."""
    user = find_faulted_user(await take_snapshot(context))
    gone = await enforce.delete_rules(
        context,
        (VIRTUAL_SERVICE, "ratings"),
        (HTTP_ROUTE, "ratings"),
        (DESTINATION_RULE, "ratings"),
    )
    if not gone:
        words = "there was no fault on ratings; nothing was changed."
        return Verdict(State.DONE, words, next=suggest_commands(context, "fault jason"))
    observed = await wait_for_expectations(context, *faults.expect_no_fault(user))
    evidence = (*gone, *observed.lines)
    if not observed.holds:
        words = "the fault is removed, but that was not seen."
        return Verdict(
            State.NOT_YET,
            words,
            observed.because,
            evidence,
            next=suggest_commands(context, "status"),
        )
    words = "the fault is gone: everybody keeps ratings."
    return Verdict(
        State.DONE,
        words,
        evidence=evidence,
        next=suggest_commands(context, "graph", "shift v1=50 v3=50"),
    )


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
    form=forms.FAULT,
    standing=forms.read_fault_in_force,
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
