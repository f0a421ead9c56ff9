"""`/mesh shift v1=50 v3=50`: shares of all requests to reviews, and whether they are seen."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from bot.errors import UserError
from bot.knowledge import rules
from bot.knowledge.offers import offer
from bot.knowledge.proof import NOBODY, Expectation, interval, observe, see
from bot.knowledge.routing import VERSIONS, path_of, weights_for
from bot.knowledge.snapshot import take
from bot.ports import Seen
from bot.steps import Context, Options, Role, State, Step, Verdict

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
    """True when every share that was asked lies in the interval (95 %) of what was seen, and nothing else was."""
    pages = sum(seen.versions.values())
    inside = [
        low <= weights.get(v, 0) / 100 <= high
        for v in VERSIONS
        for low, high in [interval(seen.versions.get(v, 0), pages)]
    ]
    return pages > 0 and all(inside) and set(seen.versions) <= {v for v, weight in weights.items() if weight}


async def run(context: Context, options: ShiftOptions) -> Verdict:
    """Applies the weights, waits until only the wanted versions answer, then counts."""
    weights = read(options)
    now = await take(context)
    if (verdict := rules.not_possible(context, now)) is not None:
        return verdict
    path = path_of(now)
    await rules.prepare(context, path)
    objects = weights_for(path, context.workshop.app_namespace, weights)
    changed = await rules.put_in_force(context, objects)
    wanted = {v for v, weight in weights.items() if weight}
    arrived = await observe(
        context, Expectation(NOBODY, f"only {', '.join(wanted)}", lambda s: set(s.versions) <= wanted)
    )
    context.progress.say(f"counting {REQUESTS} requests")
    seen = await see(context, Expectation(NOBODY, "", lambda s: True, REQUESTS))
    shares = tuple(
        share(version, weights, seen) for version in VERSIONS if version in weights or seen.versions.get(version)
    )
    evidence = (*(changed or ["the weights were already so"]), f"decided by {path}", *shares)
    links = await rules.links(context, objects)
    if seen.trouble or not fits(weights, seen):
        why = (
            seen.trouble
            or arrived.trouble
            or "what was seen does not fit what was asked; chance does that once in twenty times"
        )
        return Verdict(State.NOT_YET, "the weights are applied.", f"{why}.", evidence, links, offer(context, "status"))
    asked = ", ".join(f"{version} {weight} %" for version, weight in weights.items())
    return Verdict(
        State.DONE, f"requests are shared as asked: {asked}.", "", evidence, links, offer(context, "graph", "route off")
    )


def share(version: str, weights: dict[str, int], seen: Seen) -> str:
    """`v1: asked 50 %, seen 48 % (39 to 57 %, 120 requests)`."""
    pages = sum(seen.versions.values())
    hits = seen.versions.get(version, 0)
    low, high = interval(hits, pages)
    part = 100 * hits / pages if pages else 0.0
    between = f"{100 * low:.0f} to {100 * high:.0f} % of {pages} pages"
    return f"{version}: asked {weights.get(version, 0)} %, seen {part:.0f} % ({between})"


STEP = Step(
    id="shift",
    title="Shift traffic",
    summary="shares of all requests to reviews, by version",
    run=run,
    options=ShiftOptions,
    role=Role.HOST,
    changes=True,
    positional=("weights",),
    examples=("shift v1=50 v3=50", "shift v1=90 v2=10"),
)
