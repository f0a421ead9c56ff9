"""`/mesh install`: Istio with the workshop's tracing, and the Gateway API CRDs."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import Field

from bot.errors import IstioError, UserError
from bot.kinds import Object
from bot.knowledge.istio import gateway_api, install, installation, verify
from bot.steps import Context, Options, Plan, Role, Step, Verdict
from bot.text import Text


class InstallOptions(Options):
    """Options of `install`."""

    profile: Annotated[
        str,
        Field(
            default="default",
            max_length=40,
        ),
        Text("Istio's profile: default, demo, …"),
    ]
    access_log: Annotated[
        bool,
        Field(
            default=False,
            alias="access-log",
        ),
        Text("Envoy's access log on stdout"),
    ]
    set: Annotated[
        tuple[str, ...],
        Field(
            default=(),
            max_length=20,
        ),
        Text("another setting, e.g. values.a.b=c"),
    ]


def build_arguments(context: Context, options: InstallOptions) -> tuple[str, ...]:
    """Return istioctl's arguments for these options. Raises UserError for unknown profiles and
    settings.
    """
    return installation.build_arguments(
        context, profile=options.profile, settings=options.set, access_log=options.access_log
    )


def check(context: Context, options: InstallOptions) -> None:
    """Raise UserError for profiles and settings that this release does not have."""
    build_arguments(context, options)


async def render_manifests(context: Context, options: InstallOptions) -> list[Object]:
    """Return the objects that istioctl would apply.

    Raises UserError, before anything is written, when istioctl refuses the options.
    """
    context.progress.say(Text("comparing with what is installed"))
    try:
        return await context.mesh.render(build_arguments(context, options))
    except IstioError as problem:
        if problem.code <= 0:
            raise
        raise UserError(
            Text("Istio refuses these options: {problem}", problem=problem.message),
            Text("Nothing was changed."),
        ) from problem


async def plan(context: Context, options: InstallOptions) -> Plan | None:
    """Return what would change in an existing installation, or None when nothing would."""
    objects = await render_manifests(context, options)
    if await installation.find_istiod(context) is None:
        return None
    found = await installation.compare_with_cluster(context, objects)
    if not found.changed and not found.removed:
        return None
    return Plan(
        summary=Text(
            "Istio {version} is installed with other options.",
            version=await installation.read_installed_version(context),
        ),
        items=found.lines,
        warnings=(
            Text("istioctl keeps nothing from before: options that are not typed again are lost."),
        ),
        confirm=Text("Change it"),
        digest=hashlib.sha256("\n".join(map(str, found.lines)).encode()).hexdigest()[:16],
    )


async def run(context: Context, options: InstallOptions) -> Verdict:
    """Install Istio unless it is already installed with these options, then verify it."""
    already = await is_installed_as_wanted(context, options)
    failure = (
        None
        if already
        else await install.run_installation(context, build_arguments(context, options))
    )
    if failure is not None:
        return failure
    crds = await gateway_api.ensure_crds(context)
    return await verify.verify_and_report(context, already=already, crds=crds)


async def is_installed_as_wanted(context: Context, options: InstallOptions) -> bool:
    """Tell whether Istio is installed with exactly these options and all its pods are ready."""
    if await installation.find_istiod(
        context
    ) is None or not await installation.is_installation_ready(context):
        return False
    return not await installation.compare_with_cluster(
        context, await render_manifests(context, options)
    )


STEP = Step(
    id="install",
    title=Text("Install Istio"),
    summary=Text("Istio with the workshop's tracing, and the Gateway API CRDs"),
    run=run,
    plan=plan,
    check=check,
    options=InstallOptions,
    role=Role.HOST,
    changes=True,
    recorded=False,
    positional=("profile", "set"),
    choices={"profile": lambda context: context.mesh.profiles},
    examples=(
        "install",
        "install demo",
        "install access-log",
        "install set=values.pilot.resources.requests.cpu=100m",
    ),
)
