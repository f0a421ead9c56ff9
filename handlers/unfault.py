"""`/mesh unfault`: ends the fault, as `fault off` does; everybody keeps ratings."""

from __future__ import annotations

from bot.knowledge.routing import remove
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text


async def plan(context: Context, options: Options) -> Plan | None:
    """Return what others lose with the fault; None when they lose nothing."""
    return await remove.plan_removal(context, fault=True)


async def run(context: Context, options: Options) -> Verdict:
    """Remove the fault, as `fault off` does."""
    return await remove.remove_fault(context)


STEP = Step(
    id="unfault",
    title=Text("End the fault"),
    summary=Text("the same as `fault off`: everybody keeps ratings"),
    run=run,
    plan=plan,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    examples=("unfault",),
)
