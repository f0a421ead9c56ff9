"""`/mesh install`: Istio with the workshop's tracing, and the Gateway API CRDs."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import Field

from bot.errors import IstioError, UserError
from bot.kinds import Object
from bot.knowledge import gatewayapi, installation, installing, verification
from bot.steps import Context, Options, Plan, Role, Step, Verdict


class InstallOptions(Options):
    """What can be chosen."""

    profile: Annotated[str, Field(default="default", max_length=40, description="Istio's profile: default, demo, …")]
    access_log: Annotated[bool, Field(default=False, alias="access-log", description="Envoy's access log on stdout")]
    set: Annotated[tuple[str, ...], Field(default=(), max_length=20, description="another setting, e.g. values.a.b=c")]


def chosen(context: Context, options: InstallOptions) -> tuple[str, ...]:
    """istioctl's arguments for these options."""
    return installation.arguments(context, profile=options.profile, settings=options.set, access_log=options.access_log)


def check(context: Context, options: InstallOptions) -> None:
    """Refuses profiles and settings that this release does not have."""
    chosen(context, options)


async def rendered(context: Context, options: InstallOptions) -> list[Object]:
    """What istioctl would apply; options that it refuses are refused here, before anything is written."""
    context.progress.say("comparing with what is installed")
    try:
        return await context.mesh.render(chosen(context, options))
    except IstioError as problem:
        if problem.code <= 0:
            raise
        raise UserError(f"Istio refuses these options: {problem}", "Nothing was changed.") from problem


async def plan(context: Context, options: InstallOptions) -> Plan | None:
    """Asks only when there is an installation that would change."""
    objects = await rendered(context, options)
    if await installation.present(context) is None:
        return None
    found = await installation.compare(context, objects)
    if not found.changed and not found.removed:
        return None
    return Plan(
        summary=f"Istio {await installation.installed_version(context)} is installed with other options.",
        items=found.lines,
        warnings=("istioctl keeps nothing from before: options that are not typed again are lost.",),
        confirm="Change it",
        digest=hashlib.sha256("\n".join(found.lines).encode()).hexdigest()[:16],
    )


async def run(context: Context, options: InstallOptions) -> Verdict:
    """Installs, or says that it is already so; then proves it."""
    already = await as_wanted(context, options)
    failure = None if already else await installing.carry_out(context, chosen(context, options))
    if failure is not None:
        return failure
    crds = await gatewayapi.ensure(context)
    return await verification.verdict(context, already=already, crds=crds)


async def as_wanted(context: Context, options: InstallOptions) -> bool:
    """True when these very options are installed, and every pod of them is ready."""
    if await installation.present(context) is None or not await installation.all_ready(context):
        return False
    return not await installation.compare(context, await rendered(context, options))


STEP = Step(
    id="install",
    title="Install Istio",
    summary="Istio with the workshop's tracing, and the Gateway API CRDs",
    run=run,
    plan=plan,
    check=check,
    options=InstallOptions,
    role=Role.HOST,
    changes=True,
    recorded=False,
    positional=("profile", "set"),
    choices={"profile": lambda context: context.mesh.profiles},
    examples=("install", "install demo", "install access-log", "install set=values.pilot.resources.requests.cpu=100m"),
)
