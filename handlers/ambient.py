"""`/mesh ambient`: the ambient profile with every setting repeated, and the application in it without sidecars."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge import ambient, ambient_off, ambient_proof, bookinfo, installation, installing, rules, sidecars
from bot.knowledge.deploying import missing, not_ready
from bot.steps import Context, Options, Plan, Role, Step, Verdict


class AmbientOptions(Options):
    """What can be chosen."""

    off: Annotated[bool, Field(default=False, description="out of the ambient mesh, and back to the default profile")]
    platform: Annotated[
        Literal["", "minikube", "k3d", "k3s", "microk8s", "gke"],
        Field(default="", description="where istio-cni must look elsewhere; minikube with Docker is recognised"),
    ]
    rules: Annotated[
        Literal["remove", "keep"], Field(default="remove", description="what becomes of the sidecars' rules")
    ]


async def plan(context: Context, options: AmbientOptions) -> Plan | None:
    """Says what the upgrade changes and which rules go."""
    if options.off:
        return await ambient_off.plan(context)
    if await lacking(context) is not None:
        return None
    way = await ambient.way_in(context, options.platform, keep_rules=options.rules == "keep")
    return ambient.plan(way)


async def lacking(context: Context) -> Verdict | None:
    """The verdict when something must be there first."""
    if await installation.present(context) is None:
        return missing(context, f"Istio is not installed in {context.workshop.mesh_namespace}", "install")
    if absent := await bookinfo.absent(context):
        return missing(context, absent, "bookinfo")
    return None


async def run(context: Context, options: AmbientOptions) -> Verdict:
    """Rules off, profile, sidecars off, label: in this order."""
    if options.off:
        return await ambient_off.run(context)
    if (verdict := await lacking(context)) is not None:
        return verdict
    way = await ambient.way_in(context, options.platform, keep_rules=options.rules == "keep")
    done = await rules.take_out(context, *way.rules)
    if way.upgrade.difference or not await installation.all_ready(context):
        if (failure := await installing.carry_out(context, way.upgrade.arguments)) is not None:
            return failure
        done += [f"upgraded to the ambient profile; settings repeated: {', '.join(way.upgrade.repeated) or 'tracing'}"]
    if not await ambient.agents_ready(context):
        return ambient_proof.no_agents(context)
    done += await ambient.relabel(context, dict.fromkeys(ambient.OTHER_WAYS))
    restarted, lagging = await sidecars.roll(context, on=False)
    if lagging:
        return not_ready(context, "the ambient profile is there, but old pods still have sidecars.", lagging, "ambient")
    done += [f"restarted without sidecars: {', '.join(restarted)}"] if restarted else []
    done += await ambient.relabel(context, {ambient.LABEL: ambient.MODE})
    return await ambient_proof.verdict(context, tuple(done))


STEP = Step(
    id="ambient",
    title="Ambient mesh",
    summary="upgrades to the ambient profile and moves the application into it; `off` goes back; asks first",
    run=run,
    plan=plan,
    options=AmbientOptions,
    role=Role.HOST,
    changes=True,
    examples=("ambient", "ambient platform=minikube", "ambient rules=keep", "ambient off"),
)
