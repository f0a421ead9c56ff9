"""`/mesh shift v1=50 v3=50`: splits all requests to reviews by version, and checks the
shares by real requests.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import enforce, forms, shares
from bot.knowledge.routing.manifests import build_weighted_route, find_data_path
from bot.knowledge.routing.request_proof import NOBODY, Expectation, wait_for_expectations
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict
from bot.text import Text, join

REQUESTS = 120
"""Istio's documentation says that up to 100 requests may be needed to see a weight."""


class ShiftOptions(Options):
    """Options of `shift`."""

    weights: Annotated[
        tuple[str, ...], Field(default=(), max_length=3), Text("shares such as v1=50 v3=50")
    ]

    @field_validator("weights")
    @classmethod
    def validate_weights(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        """Check that each weight is a version and a whole percentage."""
        shares.check_weight_words(weights)
        return weights


async def run(context: Context, options: ShiftOptions) -> Verdict:
    """Apply the weights, wait until only the wanted versions answer, then compare the shares."""
    weights = shares.parse_weights(options.weights)
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path, asked = find_data_path(now), shares.list_weights(weights)
    objects = build_weighted_route(path, context.workshop.app_namespace, weights)
    done = await enforce.enforce_rules(context, path, objects)
    expected = Expectation(
        NOBODY,
        Text("shared as asked: {shares}", shares=asked),
        lambda seen: shares.has_expected_shares(weights, seen),
        REQUESTS,
    )
    observed = await wait_for_expectations(context, expected)
    evidence = (
        *done.list_evidence(observed),
        *(() if observed.trouble else shares.describe_shares(weights, observed.seen[0])),
        *observed.lines,
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
    summary = Text("requests are shared as asked: {shares}.", shares=asked)
    return Verdict(
        State.DONE,
        join("sentences", summary, done.already),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, "graph", "route off"),
        lines=lines,
    )


STEP = Step(
    id="shift",
    title=Text("Shift traffic"),
    summary=Text("shares of all requests to reviews, by version"),
    run=run,
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
