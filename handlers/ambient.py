"""`/mesh ambient`: the ambient profile with every setting repeated, and the application in it
without sidecars."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from bot.diagnosis.tunnel_policies import list_tunnel_warnings
from bot.knowledge.ambient import enrollment, leave, move
from bot.knowledge.bookinfo import app
from bot.knowledge.graph.before_after import compare_traffic
from bot.knowledge.istio import install, installation, istioctl_failures, platforms, revisions
from bot.knowledge.objects.apply import build_missing_verdict
from bot.knowledge.routing import enforce
from bot.steps import Context, Options, Plan, Role, Step, Verdict
from bot.text import Text


class AmbientOptions(Options):
    """Options of `ambient`."""

    off: Annotated[
        bool, Field(default=False), Text("out of the ambient mesh, and back to the default profile")
    ]
    platform: Annotated[
        Literal["", "minikube", "k3d", "k3s", "microk8s", "gke"],
        Field(default=""),
        Text("where istio-cni must look elsewhere; minikube with Docker is recognised"),
    ]
    rules: Annotated[
        Literal["remove", "keep"],
        Field(default="remove"),
        Text("what becomes of the sidecars' rules"),
    ]


async def plan(context: Context, options: AmbientOptions) -> Plan | None:
    """Return what the upgrade changes and which rules it removes, or None when there is
    nothing to confirm.
    """
    if options.off:
        return await leave.plan_leaving(context)
    if await check_prerequisites(context) is not None:
        return None
    keep = options.rules == "keep"
    way = await enrollment.plan_enrollment(context, options.platform, keep_rules=keep)
    question = enrollment.build_plan(way)
    warnings = await list_tunnel_warnings(context) if question else ()
    return question and replace(question, warnings=(*question.warnings, *warnings))


async def check_prerequisites(context: Context) -> Verdict | None:
    """Return a verdict when Istio or Bookinfo must be there first, else None."""
    if absent := await revisions.explain_absence(context):
        return build_missing_verdict(context, absent, "install")
    if absent := await app.explain_absence(context):
        return build_missing_verdict(context, absent, "bookinfo")
    return None


async def check(context: Context, options: AmbientOptions) -> None:
    """Raise UserError for a platform that this release does not know."""
    platforms.get_platform_settings(context, options.platform)


@compare_traffic(Text("Before and after ambient"))
async def run(context: Context, options: AmbientOptions) -> Verdict:
    """Remove the sidecars' rules, install the profile, remove the sidecars and set the label,
    in this order.
    """
    if options.off:
        return await leave.leave_ambient(context)
    if (verdict := await check_prerequisites(context)) is not None:
        return verdict
    keep = options.rules == "keep"
    way = await enrollment.plan_enrollment(context, options.platform, keep_rules=keep)
    whole = await app.is_page_whole(context)
    done = await enforce.delete_found_rules(context, way.rules.removed)
    if way.upgrade.difference or not await installation.is_installation_ready(context):
        if (failure := await install.run_installation(context, way.upgrade.arguments)) is not None:
            return istioctl_failures.keep_evidence(failure, done)
        done += [
            Text(
                "upgraded to the ambient profile; settings repeated: {settings}",
                settings=way.upgrade.settings,
            )
        ]
    return await move.move_application(context, done, whole=whole)


STEP = Step(
    id="ambient",
    title=Text("Ambient mesh"),
    summary=Text(
        "upgrades to the ambient profile and moves the application into it; `off` goes back; "
        "asks first"
    ),
    run=run,
    check=check,
    plan=plan,
    options=AmbientOptions,
    role=Role.HOST,
    changes=True,
    examples=("ambient", "ambient platform=minikube", "ambient rules=keep", "ambient off"),
)
