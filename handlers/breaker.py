"""`/mesh breaker reviews`: callers' proxies keep few connections to an application, and turn away
the rest; a burst meets that, and single requests do not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from bot.knowledge.lessons import circuit_breaker
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text

MOST = 10
"""Connections beyond which the proof's burst may meet no limit."""


class BreakerOptions(Options):
    """Options of `breaker`."""

    service: Annotated[
        Literal["reviews", "ratings", "details", "off"],
        Field(default="reviews"),
        Text("whose callers are limited; or off, for all of them"),
    ]
    connections: Annotated[
        str, Field(default="1", max_length=3), Text("connections of each caller's proxy; or off")
    ]

    @field_validator("connections")
    @classmethod
    def validate_connections(cls, connections: str) -> str:
        """Check that the number of connections is one within bounds, or off."""
        if connections.lower() == "off":
            return "off"
        if not connections.isdecimal() or not 1 <= int(connections) <= MOST:
            raise ValueError(Text("a proxy keeps 1 to {most} connections", most=MOST))
        return connections

    @property
    def ended(self) -> tuple[str, ...]:
        """The applications whose limits are to end, () when none are."""
        if self.service == "off":
            return circuit_breaker.SERVICES
        return (self.service,) if self.connections == "off" else ()


async def check(context: Context, options: BreakerOptions) -> None:
    """Raise UserError where a route of a waypoint would go past the limits."""
    if not options.ended:
        await circuit_breaker.refuse_version_services(context, options.service)


async def plan(context: Context, options: BreakerOptions) -> Plan | None:
    """Return what others lose by the limits, or by their end; None when they lose nothing."""
    if options.ended:
        return await circuit_breaker.plan_end(context, options.ended)
    return await circuit_breaker.plan_breaker(context, options.service, int(options.connections))


async def run(context: Context, options: BreakerOptions) -> Verdict:
    """Set the limits, or end them, and send a burst."""
    if options.ended:
        return await circuit_breaker.end_breaker(context, options.ended)
    return await circuit_breaker.apply_breaker(context, options.service, int(options.connections))


STEP = Step(
    id="breaker",
    title=Text("Circuit breaker"),
    summary=Text("few connections to an application, and the rest is turned away; `off` ends that"),
    run=run,
    plan=plan,
    check=check,
    options=BreakerOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("service", "connections"),
    examples=("breaker reviews", "breaker details 2", "breaker off"),
)
