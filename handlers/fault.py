"""`/mesh fault jason`: one user loses ratings (or waits for them), everybody else keeps
them; checked by real requests.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bot.knowledge.graph.before_after import compare_traffic
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import checks, enforce, fault_proof, faults, forms, losses, remove, waits
from bot.knowledge.routing.manifests import build_user_fault, find_data_path, find_reviews_version
from bot.knowledge.routing.request_proof import wait_for_expectations
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, PersonName, Plan, Role, Scope, State, Step, Verdict
from bot.text import Text, join


class FaultOptions(Options):
    """Options of `fault`."""

    user: Annotated[
        str,
        Field(default="", max_length=40, pattern=r"^[\w.@+-]*$"),
        PersonName(),
        Text("who gets the fault, e.g. jason; or off"),
    ]
    what: Annotated[
        tuple[str, ...],
        Field(default=(), max_length=3),
        Text("abort 500, delay 2s, and a share as 50%"),
    ]

    @field_validator("what")
    @classmethod
    def validate_fault_words(cls, what: tuple[str, ...]) -> tuple[str, ...]:
        """Check that the words make one fault."""
        faults.read_fault(what)
        return what


async def plan(context: Context, options: FaultOptions) -> Plan | None:
    """Return what others lose by the fault, or by its end; None when they lose nothing."""
    return await losses.plan_user_fault(context, options.user, faults.read_fault(options.what))


async def check(context: Context, options: FaultOptions) -> None:
    """Raise UserError when no user is named, and for a fault that a waypoint cannot take."""
    await checks.check_fault(context, options.user, options.what)


@compare_traffic(Text("Before and after the fault"))
async def run(context: Context, options: FaultOptions) -> Verdict:
    """Apply the fault, then check by requests the user it names and another one."""
    user, fault = options.user, faults.read_fault(options.what)
    if user == "off":
        return await remove.remove_fault(context)
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path = find_data_path(now)
    faults.refuse_unsupported_fault(user, fault, path)
    if find_reviews_version(now, user) == "v1":
        because = Text(
            "{user} is routed to reviews v1, which never asks ratings: the fault would not be "
            "seen.",
            user=user,
        )
        return enforce.build_unchanged_verdict(context, because, f"route {user} v2", "route off")
    objects = build_user_fault(path, context.workshop.app_namespace, user, fault.spec)
    delayed = waits.predict_delay(now, user, fault.delay)
    done = await enforce.enforce_rules(context, now, objects)
    observed = await wait_for_expectations(
        context, *fault_proof.build_expectations(user, fault, delayed.outcomes)
    )
    via = str(observed.seen[0].via) if observed.seen else ""
    ratings = await fault_proof.check_ratings_reachable(context, via)
    evidence = (*observed.lines, ratings.words, *done.list_evidence(observed))
    notes = (*faults.explain_fault(path, user), *delayed.notes)
    links, lines = await enforce.link_to_rules(context, objects, "ratings")
    if not observed.holds or not ratings.holds:
        why, following = observed.because, suggest_commands(context, "fault off", "status")
        words = Text("the fault for {user} is applied, its effect was not seen.", user=user)
        return Verdict(State.NOT_YET, words, why, evidence, links, following, lines, notes)
    return Verdict(
        State.DONE,
        join("sentences", delayed.describe(user) or fault.describe_effect(user), done.already),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, "fault off", "graph", "traces"),
        lines=lines,
        notes=notes,
    )


STEP = Step(
    id="fault",
    title=Text("Inject a fault"),
    summary=Text(
        "one user loses ratings or waits for them, everybody else keeps them; `off` ends it"
    ),
    run=run,
    plan=plan,
    check=check,
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
