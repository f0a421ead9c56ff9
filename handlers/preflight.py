"""`/mesh preflight`: checks that the cluster can hold the workshop. Changes nothing."""

from __future__ import annotations

from bot.knowledge.istio import gateway_api_crds, installation
from bot.knowledge.istio.preflight_checks import run_checks
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import Part
from bot.steps import Context, Options, Role, State, Step, Verdict
from bot.text import Text, join


async def run(context: Context, options: Options) -> Verdict:
    """Run the checks, show each result, and say whether the workshop fits."""
    findings = await run_checks(context)
    for finding in findings:
        context.progress.part(Part(finding.subject, done=not finding.problem, note=finding.problem))
    installed = await installation.read_installed_version(context)
    evidence = (
        *(Text("{subject}: {words}", subject=f.subject, words=f.words) for f in findings),
        await describe_gateway_api(context),
        Text("Istio: {version} is installed", version=installed)
        if installed
        else Text("Istio: not installed yet"),
    )
    problems = [
        Text("{subject}: {problem}", subject=f.subject, problem=f.problem)
        for f in findings
        if f.problem
    ]
    if problems:
        return Verdict(
            State.NOT_YET,
            Text("this cluster is not ready for the workshop."),
            join("semicolon", *problems),
            evidence,
            notes=context.mesh.notes,
        )
    return Verdict(
        State.DONE,
        Text(
            "the cluster can hold the workshop with Istio {version}.", version=context.mesh.version
        ),
        evidence=evidence,
        notes=context.mesh.notes,
        next=suggest_commands(context, "status" if installed else "install"),
    )


async def describe_gateway_api(context: Context) -> Text:
    """Return which Gateway API the cluster has."""
    version = (await gateway_api_crds.read_gateway_api_status(context)).version
    if not version:
        return Text("Gateway API CRDs: missing; install applies them")
    return Text("Gateway API CRDs: {version}", version=version)


STEP = Step(
    id="preflight",
    title=Text("Preflight"),
    summary=Text("can this cluster hold the workshop? changes nothing"),
    run=run,
    role=Role.HOST,
    aliases=("precheck",),
    examples=("preflight",),
)
