"""`/mesh shift v1=50 v3=50`: splits all requests to reviews by version, and checks the
shares by real requests.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from bot.errors import UserError
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import enforce, forms
from bot.knowledge.routing.manifests import VERSIONS, build_weighted_route, find_data_path
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    compute_wilson_interval,
    count_pages,
    wait_for_expectations,
)
from bot.knowledge.snapshot import take_snapshot
from bot.ports import TrafficReport
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict

REQUESTS = 120
"""Istio's documentation says that up to 100 requests may be needed to see a weight."""


class ShiftOptions(Options):
    """Options of `shift`."""

    weights: Annotated[
        tuple[str, ...], Field(default=(), max_length=3, description="shares such as v1=50 v3=50")
    ]

    @field_validator("weights")
    @classmethod
    def validate_weights(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        """Check that each weight is a version and a whole percentage."""
        for weight in weights:
            if not re.fullmatch(r"v[123]=\d{1,3}", weight):
                raise ValueError(f"“{weight}” is not a share such as v1=50")
        return weights


def parse_weights(options: ShiftOptions) -> dict[str, int]:
    """Return the shares in percent by version. Raises UserError unless they are of different
    versions and make 100.
    """
    shares = {weight[:2]: int(weight[3:]) for weight in options.weights}
    if len(shares) != len(options.weights) or sum(shares.values()) != 100:
        raise UserError(
            "The shares must be of different versions and make 100.", "Type `shift v1=50 v3=50`."
        )
    return {version: shares[version] for version in VERSIONS if version in shares}


def has_expected_shares(weights: dict[str, int], seen: TrafficReport) -> bool:
    """Tell whether each wanted share lies in the confidence interval of the observed one, and
    no other version answered.
    """
    inside = [
        low <= weights.get(v, 0) / 100 <= high
        for v in VERSIONS
        for low, high in [compute_wilson_interval(seen.versions.get(v, 0), count_pages(seen))]
    ]
    return (
        count_pages(seen) > 0
        and all(inside)
        and set(seen.versions) <= {v for v, weight in weights.items() if weight}
    )


async def run(context: Context, options: ShiftOptions) -> Verdict:
    """Apply the weights, wait until only the wanted versions answer, then compare the shares."""
    weights = parse_weights(options)
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path = find_data_path(now)
    objects = build_weighted_route(path, context.workshop.app_namespace, weights)
    done = await enforce.enforce_rules(context, path, objects)
    asked = ", ".join(f"{version} {weight} %" for version, weight in weights.items())
    observed = await wait_for_expectations(
        context,
        Expectation(
            NOBODY,
            f"shared as asked: {asked}",
            lambda seen: has_expected_shares(weights, seen),
            REQUESTS,
        ),
    )
    shown = [
        version
        for version in VERSIONS
        if version in weights or observed.seen[0].versions.get(version)
    ]
    shares = tuple(describe_share(version, weights, observed.seen[0]) for version in shown)
    evidence = (*done.lines, *([] if observed.trouble else shares), *observed.lines)
    links, lines = await enforce.link_to_rules(context, objects)
    if not observed.holds:
        words = "the weights are applied, the shares were not seen."
        following = suggest_commands(context, "status", "route off")
        return Verdict(State.NOT_YET, words, observed.because, evidence, links, following, lines)
    words = f"requests are shared as asked: {asked}.{done.already}"
    return Verdict(
        State.DONE,
        words,
        "",
        evidence,
        links,
        suggest_commands(context, "graph", "route off"),
        lines,
    )


def describe_share(version: str, weights: dict[str, int], seen: TrafficReport) -> str:
    """Return one version's share as `v1: asked 50 %, seen 48 % (58 of 120 pages; by chance 39
    to 57 %)`.
    """
    hits, of = seen.versions.get(version, 0), count_pages(seen)
    low, high = compute_wilson_interval(hits, of)
    between = f"{hits} of {of} pages; by chance {100 * low:.0f} to {100 * high:.0f} %"
    return f"{version}: asked {weights.get(version, 0)} %, seen {100 * hits / max(of, 1):.0f} % ({between})"


STEP = Step(
    id="shift",
    title="Shift traffic",
    summary="shares of all requests to reviews, by version",
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
