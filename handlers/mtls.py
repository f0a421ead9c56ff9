"""`/mesh mtls strict`: pods take mutual TLS alone; a caller inside the mesh is answered, one
outside is refused, and both are asked.
"""

from __future__ import annotations

from typing import Annotated, Literal

from bot.knowledge.lessons import mutual_tls
from bot.steps import Context, Options, Plan, Role, Scope, Step, Verdict
from bot.text import Text


class MtlsOptions(Options):
    """Options of `mtls`."""

    mode: Annotated[
        Literal["strict", "permissive", "off"],
        Text("strict, permissive, or off: what the mesh says"),
    ]


async def plan(context: Context, options: MtlsOptions) -> Plan | None:
    """Return what others lose by the mode, or by its end; None when they lose nothing."""
    return await mutual_tls.plan_mode(context, options.mode)


async def run(context: Context, options: MtlsOptions) -> Verdict:
    """Set the mode, or remove it, and ask from both sides."""
    if options.mode == "off":
        return await mutual_tls.remove_mode(context)
    return await mutual_tls.set_mode(context, options.mode)


STEP = Step(
    id="mtls",
    title=Text("Mutual TLS"),
    summary=Text(
        "strict: pods refuse callers outside the mesh; permissive: they take both; `off` ends it"
    ),
    run=run,
    plan=plan,
    options=MtlsOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("mode",),
    examples=("mtls strict", "mtls permissive", "mtls off"),
)
