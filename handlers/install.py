"""`/mesh install`: Istio with the workshop's tracing, and the Gateway API CRDs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.knowledge.istio import gateway_api_crds, install, install_plan, installation, verify
from bot.steps import Context, Options, Plan, Role, Step, Verdict
from bot.text import Text


class InstallOptions(Options):
    """Options of `install`."""

    profile: Annotated[
        str,
        Field(default="default", max_length=40),
        Text("Istio's profile: default, demo, …"),
    ]
    access_log: Annotated[
        bool,
        Field(default=False, alias="access-log"),
        Text("Envoy's access log on stdout"),
    ]
    set: Annotated[
        tuple[str, ...],
        Field(default=(), max_length=20),
        Text("another setting, e.g. values.a.b=c"),
    ]


def build_arguments(context: Context, options: InstallOptions) -> tuple[str, ...]:
    """Return istioctl's arguments for these options.

    Raises UserError for unknown profiles and settings.
    """
    return installation.build_arguments(
        context, profile=options.profile, settings=options.set, access_log=options.access_log
    )


async def check(context: Context, options: InstallOptions) -> None:
    """Raise UserError for profiles and settings that this release does not have."""
    arguments = build_arguments(context, options)
    if options.set or options.profile != "default":
        rendered = await installation.render_manifests(context, arguments)
        install_plan.check_control_plane(context, rendered)


async def plan(context: Context, options: InstallOptions) -> Plan | None:
    """Return what would change in what is there already, or None when nothing would."""
    return await install_plan.plan_installation(context, build_arguments(context, options))


async def run(context: Context, options: InstallOptions) -> Verdict:
    """Install Istio unless it is already installed with these options, then verify it."""
    arguments = build_arguments(context, options)
    already = await installation.is_installed_as_wanted(context, arguments)
    if not already:
        failure = await install.run_installation(context, arguments)
        if failure is not None:
            return failure
    crds = await gateway_api_crds.ensure_crds(context)
    unchanged = already and not crds.applied and not context.resumed
    return await verify.verify_and_report(context, already=unchanged, crds=crds.words)


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
