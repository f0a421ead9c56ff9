"""`/mesh authorize reviews from productpage`: only the named callers may ask an application; asked
as one who may and as one who may not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from bot.errors import UserError
from bot.knowledge.lessons import authorization, caller_words
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Listed, Text


class AuthorizeOptions(Options):
    """Options of `authorize`."""

    service: Annotated[
        Literal["productpage", "details", "reviews", "ratings", "off"],
        Field(default="reviews"),
        Text("who is asked; or off, for all of them"),
    ]
    source: Annotated[
        tuple[str, ...],
        Field(alias="from", default=(), max_length=4),
        BeforeValidator(caller_words.read_callers),
        Text("who may ask, e.g. productpage; or off"),
    ]

    @field_validator("source")
    @classmethod
    def validate_callers(cls, source: tuple[str, ...]) -> tuple[str, ...]:
        """Check that each word is a caller."""
        caller_words.check_caller_names(source)
        return source

    @property
    def ended(self) -> tuple[str, ...]:
        """The applications whose limits are to end, () when none are."""
        if self.service == "off":
            return tuple(caller_words.CALLERS)
        return (self.service,) if "off" in self.source else ()

    @property
    def admission(self) -> caller_words.Admission:
        """The application and its callers; those of the page where none are named."""
        known = caller_words.CALLERS[self.service]
        return caller_words.Admission(self.service, self.source or known[:1])


async def check(context: Context, options: AuthorizeOptions) -> None:
    """Raise UserError for a caller that never asks that application."""
    if options.ended:
        return
    service, known = options.service, caller_words.CALLERS[options.service]
    strange = [name for name in options.source if name not in known]
    if strange:
        fix = f"authorize {service} from {known[0]}"
        raise UserError(
            Text(
                "{callers} never asks {service}; {known} does.",
                callers=Listed(strange, "and"),
                service=service,
                known=Listed(known, "and"),
            ),
            Text("Type `{command} {fix}`.", command=context.command, fix=fix),
            (fix,),
        )


async def plan(context: Context, options: AuthorizeOptions) -> Plan | None:
    """Return what others lose by the policies, or by their end; None when they lose nothing."""
    if options.ended:
        return await authorization.plan_end(context, options.ended)
    return await authorization.plan_admission(context, options.admission)


async def run(context: Context, options: AuthorizeOptions) -> Verdict:
    """Write or delete the policies, then ask as those who may and those who may not."""
    if options.ended:
        return await authorization.end_admission(context, options.ended)
    return await authorization.admit_callers(context, options.admission)


STEP = Step(
    id="authorize",
    title=Text("Who may ask"),
    summary=Text("only the named callers may ask an application of Bookinfo; `off` ends it"),
    run=run,
    plan=plan,
    check=check,
    options=AuthorizeOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("service", "source"),
    examples=(
        "authorize reviews from productpage",
        "authorize ratings from reviews",
        "authorize productpage from gateway",
        "authorize off",
    ),
)
