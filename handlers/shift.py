"""`/mesh shift v1=50 v3=50`: splits the requests to reviews by version, but for those that have a
rule of their own, and checks the shares by real requests.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from bot.knowledge.graph.before_after import compare_traffic
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import enforce, forms, losses, shares
from bot.knowledge.routing.kept_rules import find_kept_rules
from bot.knowledge.routing.manifests import build_weighted_route, find_data_path
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    expect_version,
    wait_for_expectations,
)
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import Text, join

REQUESTS = 120
"""Istio's documentation says that up to 100 requests may be needed to see a weight."""


class ShiftOptions(Options):
    """Options of `shift`."""

    weights: Annotated[
        tuple[str, ...],
        Field(default=(), max_length=3),
        BeforeValidator(shares.read_weight_words),
        Text("shares such as v1=50 v3=50"),
    ]

    @field_validator("weights")
    @classmethod
    def validate_weights(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        """Check that each weight is a version and a whole percentage."""
        shares.check_weight_words(weights)
        return weights


async def plan(context: Context, options: ShiftOptions) -> Plan | None:
    """Return what others lose by the rules; None when they lose nothing."""
    return await losses.plan_shares(context, shares.parse_weights(options.weights))


async def check(context: Context, options: ShiftOptions) -> None:
    """Raise UserError unless the shares are of different versions and make 100."""
    shares.parse_weights(options.weights)


@compare_traffic(Text("Before and after the shift"))
async def run(context: Context, options: ShiftOptions) -> Verdict:
    """Apply the weights, wait until only the wanted versions answer, then compare the shares."""
    weights = shares.parse_weights(options.weights)
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path, namespace = find_data_path(now), context.workshop.app_namespace
    kept, asked = find_kept_rules(now, path, namespace), shares.list_weights(weights)
    objects = build_weighted_route(path, namespace, weights, kept.rules)
    done = await enforce.enforce_rules(context, now, objects)
    expected = Expectation(
        NOBODY,
        Text("shared as asked: {shares}", shares=asked),
        lambda seen: shares.has_expected_shares(weights, seen),
        REQUESTS,
    )
    users = (expect_version(user, version) for user, version in kept.users)
    observed = await wait_for_expectations(context, expected, *users)
    evidence = (
        *(() if observed.trouble else shares.describe_shares(weights, observed.seen[0])),
        *observed.lines,
        *done.list_evidence(observed),
    )
    links, lines = await enforce.link_to_rules(context, objects)
    if not observed.holds:
        return Verdict(
            State.NOT_YET,
            Text("the weights are applied, the shares were not seen."),
            observed.because,
            evidence,
            links,
            suggest_commands(context, "status", "route off"),
            lines,
        )
    return Verdict(
        State.DONE,
        join("sentences", kept.describe_shares(asked), done.already),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, "graph", "route off"),
        lines=lines,
    )


STEP = Step(
    id="shift",
    title=Text("Shift traffic"),
    summary=Text("shares of the requests to reviews, by version; a user's own route stays"),
    run=run,
    plan=plan,
    check=check,
    options=ShiftOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("weights",),
    needs=("weights",),
    form=forms.SHARES,
    standing=forms.read_shares_in_force,
    examples=("shift v1=50 v3=50", "shift v1=90 v2=10"),
)
