"""`/mesh retry reviews 3 0.5s`: a request that fails, or takes too long, is sent again; what that
means for a slow application is seen by a delay, and said.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from bot.knowledge.lessons import request_limits
from bot.knowledge.objects.durations import parse_duration
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text

MOST_TRIES = 10
SHORTEST, LONGEST = 0.1, 10.0
"""Seconds that each try may take."""


class RetryOptions(Options):
    """Options of `retry`."""

    service: Annotated[
        Literal["reviews", "ratings", "details", "off"],
        Field(default="reviews"),
        Text("who is asked again; or off, for all of them"),
    ]
    times: Annotated[
        str, Field(default="3", max_length=3), Text("how often a request is sent again; or off")
    ]
    each: Annotated[
        str, Field(default="", max_length=10), Text("the time that each try may take, e.g. 0.5s")
    ]

    @field_validator("times")
    @classmethod
    def validate_times(cls, times: str) -> str:
        """Check that the number of tries is one within bounds, or off."""
        if times.lower() == "off":
            return "off"
        if not times.isdecimal() or not 1 <= int(times) <= MOST_TRIES:
            raise ValueError(Text("a request is sent again 1 to {most} times", most=MOST_TRIES))
        return times

    @field_validator("each")
    @classmethod
    def validate_each(cls, each: str) -> str:
        """Check that a try's time is one within bounds."""
        if each and not SHORTEST <= parse_duration(each) <= LONGEST:
            raise ValueError(
                Text(
                    "a try takes {shortest:g}s to {longest:g}s", shortest=SHORTEST, longest=LONGEST
                )
            )
        return each

    @property
    def ended(self) -> tuple[str, ...]:
        """The applications whose tries are to end, () when none are."""
        if self.service == "off":
            return request_limits.SERVICES
        return (self.service,) if self.times == "off" else ()

    @property
    def setting(self) -> request_limits.Setting:
        """The tries."""
        each = parse_duration(self.each) if self.each else 0.0
        return request_limits.build_retries(self.service, int(self.times), each)


async def check(context: Context, options: RetryOptions) -> None:
    """Raise UserError where a waypoint's routes have no tries."""
    await request_limits.check_options(context, options)


async def plan(context: Context, options: RetryOptions) -> Plan | None:
    """Return what others lose by the tries, or by their end; None when they lose nothing."""
    return await request_limits.plan_options(context, options, STEP.id)


async def run(context: Context, options: RetryOptions) -> Verdict:
    """Set the tries, or end them, and see by requests who meets them."""
    return await request_limits.apply_options(context, options, STEP.id)


STEP = Step(
    id="retry",
    title=Text("Try again"),
    summary=Text("a request that fails, or takes too long, is sent again; `off` ends that"),
    run=run,
    plan=plan,
    check=check,
    options=RetryOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("service", "times", "each"),
    examples=("retry ratings 3", "retry reviews 3 0.5s", "retry off"),
)
