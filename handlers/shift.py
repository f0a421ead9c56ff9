"""`/mesh shift v1=50 v3=50`: shares of all requests to reviews, and whether they are seen."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from bot.errors import UserError
from bot.knowledge import asking, rules
from bot.knowledge.offers import offer
from bot.knowledge.proof import NOBODY, Expectation, interval, observe, pages
from bot.knowledge.routing import VERSIONS, path_of, weights_for
from bot.knowledge.snapshot import take
from bot.ports import Seen
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict

REQUESTS = 120
"""Istio's documentation says that up to 100 requests may be needed to see a weight."""


class ShiftOptions(Options):
    """What can be chosen."""

    weights: Annotated[tuple[str, ...], Field(default=(), max_length=3, description="shares such as v1=50 v3=50")]

    @field_validator("weights")
    @classmethod
    def readable(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        """Each is a version and a whole percentage."""
        for weight in weights:
            if not re.fullmatch(r"v[123]=\d{1,3}", weight):
                raise ValueError(f"“{weight}” is not a share such as v1=50")
        return weights


def read(options: ShiftOptions) -> dict[str, int]:
    """The shares by version; they must be of different versions and make 100."""
    shares = {weight[:2]: int(weight[3:]) for weight in options.weights}
    if len(shares) != len(options.weights) or sum(shares.values()) != 100:
        raise UserError("The shares must be of different versions and make 100.", "Type `shift v1=50 v3=50`.")
    return {version: shares[version] for version in VERSIONS if version in shares}


def fits(weights: dict[str, int], seen: Seen) -> bool:
    """True when every share that was asked lies in the interval of what was seen, and nothing else was."""
    inside = [
        low <= weights.get(v, 0) / 100 <= high
        for v in VERSIONS
        for low, high in [interval(seen.versions.get(v, 0), pages(seen))]
    ]
    return pages(seen) > 0 and all(inside) and set(seen.versions) <= {v for v, weight in weights.items() if weight}


async def run(context: Context, options: ShiftOptions) -> Verdict:
    """Applies the weights, waits until only the wanted versions answer, then counts."""
    weights = read(options)
    now = await take(context)
    if (verdict := rules.not_possible(context, now)) is not None:
        return verdict
    path = path_of(now)
    objects = weights_for(path, context.workshop.app_namespace, weights)
    done = await rules.enforce(context, path, objects)
    asked = ", ".join(f"{version} {weight} %" for version, weight in weights.items())
    observed = await observe(
        context, Expectation(NOBODY, f"shared as asked: {asked}", lambda seen: fits(weights, seen), REQUESTS)
    )
    shown = [version for version in VERSIONS if version in weights or observed.seen[0].versions.get(version)]
    shares = tuple(share(version, weights, observed.seen[0]) for version in shown)
    evidence = (*done.lines, *([] if observed.trouble else shares), *observed.lines)
    links, lines = await rules.links(context, objects)
    if not observed.holds:
        words = "the weights are applied, the shares were not seen."
        following = offer(context, "status", "route off")
        return Verdict(State.NOT_YET, words, observed.because, evidence, links, following, lines)
    words = f"requests are shared as asked: {asked}.{done.already}"
    return Verdict(State.DONE, words, "", evidence, links, offer(context, "graph", "route off"), lines)


def share(version: str, weights: dict[str, int], seen: Seen) -> str:
    """`v1: asked 50 %, seen 48 % (58 of 120 pages; by chance 39 to 57 %)`."""
    hits, of = seen.versions.get(version, 0), pages(seen)
    low, high = interval(hits, of)
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
    form=asking.SHARES,
    standing=asking.shares_standing,
    examples=("shift v1=50 v3=50", "shift v1=90 v2=10"),
)
