"""`/mesh ambient`: the ambient profile with every setting repeated, and the application in it
without sidecars."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge.ambient import join, leave, verify
from bot.knowledge.bookinfo import app
from bot.knowledge.istio import failures, install, installation, platforms, revisions, sidecars
from bot.knowledge.objects.apply import build_missing_verdict, build_not_ready_verdict
from bot.knowledge.objects.namespace_labels import relabel_namespace
from bot.knowledge.routing import enforce
from bot.steps import Context, Options, Plan, Role, Step, Verdict
from bot.text import Listed, Text


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
    way = await join.plan_enrollment(context, options.platform, keep_rules=options.rules == "keep")
    return join.build_plan(way)


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


async def run(context: Context, options: AmbientOptions) -> Verdict:
    """Remove the sidecars' rules, install the profile, remove the sidecars and set the label,
    in this order.
    """
    if options.off:
        return await leave.leave_ambient(context)
    if (verdict := await check_prerequisites(context)) is not None:
        return verdict
    way = await join.plan_enrollment(context, options.platform, keep_rules=options.rules == "keep")
    whole = await app.is_page_whole(context)
    done = await enforce.delete_rules(context, *way.rules)
    if way.upgrade.difference or not await installation.is_installation_ready(context):
        if (failure := await install.run_installation(context, way.upgrade.arguments)) is not None:
            return failures.keep_evidence(failure, done)
        done += [
            Text(
                "upgraded to the ambient profile; settings repeated: {settings}",
                settings=way.upgrade.settings,
            )
        ]
    if not await join.wait_for_agents(context):
        return verify.build_missing_agents_verdict(context)
    done += await sidecars.set_injection_labels(context, on=False)
    done += await sidecars.withdraw_own_requests(context)
    restart = await sidecars.restart_workloads(context, on=False)
    if restart.lagging:
        return build_not_ready_verdict(
            context,
            Text("the ambient profile is there, but old pods still have sidecars."),
            restart.lagging,
            "ambient",
        )
    if restarted := restart.restarted:
        done.append(
            Text("restarted without sidecars: {restarted}", restarted=Listed(restarted, "comma"))
        )
    # Last: istio-cni passes over pods that still have a sidecar.
    done += await relabel_namespace(context, {join.LABEL: join.MODE})
    page = await app.wait_for_restored_page(context, wanted=whole and bool(restarted))
    return await verify.verify_and_report(context, tuple(done), page)


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
