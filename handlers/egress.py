"""`/mesh egress closed`: hosts that the mesh does not know are refused (502); `admit ratings` lets
one of them in, `open` lets all pass; productpage asks each through its sidecar.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.errors import UserError
from bot.knowledge.lessons import egress
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text


class EgressOptions(Options):
    """Options of `egress`."""

    mode: Annotated[
        Literal["closed", "admit", "open", "off"],
        Text("closed: unknown hosts are refused; admit: but one; open: all pass; or off"),
    ]
    host: Annotated[
        Literal["details", "ratings"] | None,
        Field(default=None),
        Text("whom `admit` lets in; ratings unless said"),
    ]

    @property
    def policy(self) -> egress.Egress:
        """What becomes of hosts that the mesh does not know."""
        admitted = (self.host or "ratings") if self.mode == "admit" else ""
        return egress.Egress(egress.MODES[self.mode], admitted)


async def check(context: Context, options: EgressOptions) -> None:
    """Raise UserError for a host where none is admitted."""
    if options.host is None or options.mode == "admit":
        return
    fix = f"egress admit {options.host}"
    raise UserError(
        Text("`{mode}` concerns every host that the mesh does not know.", mode=options.mode),
        Text(
            "Type `{command} {fix}`, or leave {host} out.",
            command=context.command,
            fix=fix,
            host=options.host,
        ),
        (fix,),
    )


async def plan(context: Context, options: EgressOptions) -> Plan | None:
    """Return what others lose by the policy, or by its end; None when they lose nothing."""
    if options.mode == "off":
        return await egress.plan_end(context)
    return await egress.plan_policy(context, options.policy)


async def run(context: Context, options: EgressOptions) -> Verdict:
    """Set the policy, or end it, and let productpage ask."""
    if options.mode == "off":
        return await egress.end_policy(context)
    return await egress.set_policy(context, options.policy)


STEP = Step(
    id="egress",
    title=Text("What leaves the mesh"),
    summary=Text(
        "closed: hosts that the mesh does not know are refused; `admit` lets one in; `off` ends it"
    ),
    run=run,
    plan=plan,
    check=check,
    options=EgressOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("mode", "host"),
    examples=("egress open", "egress closed", "egress admit ratings", "egress off"),
)
