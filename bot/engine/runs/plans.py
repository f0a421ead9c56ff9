"""Plans of runs: what a step shows before it is confirmed, and how two of them are compared."""

from __future__ import annotations

from bot.catalog import Invocation
from bot.knowledge.objects.digests import compute_digest
from bot.steps import Context, Plan


async def make_plan(invocation: Invocation, context: Context) -> Plan | None:
    """Return the plan that must be confirmed first, None when nothing must."""
    step = invocation.step
    return await step.plan(context, invocation.options) if step.plan else None


def digest_plan(plan: Plan) -> str:
    """Return a digest that changes with anything that is shown, and with the step's own digest."""
    return compute_digest((plan.digest, plan.about, plan.summary, plan.items, plan.warnings))
