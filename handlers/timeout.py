"""`/mesh timeout reviews 0.5s`: requests to an application end after that time; whose limit ends a
wait is seen by a delay, and said.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from bot.knowledge.lessons import request_limits
from bot.knowledge.objects.durations import parse_duration
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text

SHORTEST, LONGEST = 0.1, 10.0
"""Seconds that a limit may be; what is longer never ends anything here."""
USUAL = "0.5s"


class TimeoutOptions(Options):
    """Options of `timeout`."""

    service: Annotated[
        Literal["reviews", "ratings", "details", "off"],
        Field(default="reviews"),
        Text("whose answer is waited for; or off, for all of them"),
    ]
    limit: Annotated[
        str, Field(default=USUAL, max_length=10), Text("the longest wait, e.g. 0.5s; or off")
    ]

    @field_validator("limit")
    @classmethod
    def validate_limit(cls, limit: str) -> str:
        """Check that the limit is a time within bounds, or off."""
        if limit.lower() == "off":
            return "off"
        if not SHORTEST <= parse_duration(limit) <= LONGEST:
            mistake = Text(
                "a limit is {shortest:g}s to {longest:g}s", shortest=SHORTEST, longest=LONGEST
            )
            nearest = min(max(parse_duration(limit), SHORTEST), LONGEST)
            raise ValueError(mistake, limit, f"{nearest:g}s")
        return limit

    @property
    def ended(self) -> tuple[str, ...]:
        """The applications whose limit is to end, () when none is."""
        if self.service == "off":
            return request_limits.SERVICES
        return (self.service,) if self.limit == "off" else ()

    @property
    def setting(self) -> request_limits.Setting:
        """The limit."""
        return request_limits.build_timeout(self.service, parse_duration(self.limit))


async def check(context: Context, options: TimeoutOptions) -> None:
    """Raise UserError where this cluster's routes have no time limit."""
    await request_limits.check_options(context, options)


async def plan(context: Context, options: TimeoutOptions) -> Plan | None:
    """Return what others lose by the limit, or by its end; None when they lose nothing."""
    return await request_limits.plan_options(context, options, STEP.id)


async def run(context: Context, options: TimeoutOptions) -> Verdict:
    """Set the limit, or end it, and see by requests who meets it."""
    return await request_limits.apply_options(context, options, STEP.id)


STEP = Step(
    id="timeout",
    title=Text("Time limit"),
    summary=Text("requests to an application end after a time; `off` ends that"),
    run=run,
    plan=plan,
    check=check,
    options=TimeoutOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("service", "limit"),
    examples=("timeout reviews 0.5s", "timeout reviews off", "timeout off"),
)
