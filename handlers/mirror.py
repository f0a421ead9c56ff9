"""`/mesh mirror reviews v1 to v3`: v1 answers, and v3 gets a copy of each request; pages show the
one, metrics the other.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bot.knowledge.lessons import copies
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text


class MirrorOptions(Options):
    """Options of `mirror`."""

    service: Annotated[
        Literal["reviews", "off"],
        Field(default="reviews"),
        Text("whose requests are copied: reviews; or off"),
    ]
    versions: Annotated[
        tuple[Literal["v1", "v2", "v3", "off"], ...],
        Field(default=(), max_length=2),
        BeforeValidator(copies.read_versions),
        Text("who answers, and who gets copies, e.g. v1 to v3; or off"),
    ]

    @property
    def is_end(self) -> bool:
        """Whether the copies are to end."""
        return "off" in (self.service, *self.versions)


async def check(context: Context, options: MirrorOptions) -> None:
    """Raise UserError when a version would get copies of its own requests."""
    if not options.is_end:
        copies.build_copying(options.versions)


async def plan(context: Context, options: MirrorOptions) -> Plan | None:
    """Return what others lose by the copies, or by their end; None when they lose nothing."""
    if options.is_end:
        return await copies.plan_end(context)
    return await copies.plan_copies(context, copies.build_copying(options.versions))


async def run(context: Context, options: MirrorOptions) -> Verdict:
    """Copy requests, or end that, and see who answers and who is asked."""
    if options.is_end:
        return await copies.end_copies(context)
    return await copies.apply_copies(context, copies.build_copying(options.versions))


STEP = Step(
    id="mirror",
    title=Text("Mirror requests"),
    summary=Text(
        "one version of reviews answers, another one gets copies of its requests; `off` ends that"
    ),
    run=run,
    plan=plan,
    check=check,
    options=MirrorOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("service", "versions"),
    examples=("mirror reviews v1 to v3", "mirror reviews v2", "mirror off"),
)
