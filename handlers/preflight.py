"""`/mesh preflight`: checks that the cluster can hold the workshop. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.errors import Forbidden, IstioError
from bot.kinds import NODE, POD
from bot.knowledge.istio import gateway_api, installation, permissions
from bot.knowledge.objects import capacity
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import Part
from bot.steps import Context, Options, Role, State, Step, Verdict
from bot.text import EMPTY, Listed, Text, counted, join, verbatim

Finding = tuple[Text, Text, Text]
"""Subject of a check, what was found, and the problem with it (EMPTY when there is none)."""
Check = Callable[[Context], Awaitable[Finding]]


async def run(context: Context, options: Options) -> Verdict:
    """Run the checks one after another, and show each result as it is known."""
    findings = [await check_kubernetes_version(context), await check_permissions(context)]
    findings += [
        await run_check(context, Text("Nodes"), check_nodes),
        await run_check(context, Text("istioctl x precheck"), run_precheck),
    ]
    for note in findings:
        context.progress.part(Part(note[0], done=not note[2], note=note[2]))
    gateway = await gateway_api.read_gateway_api_status(context)
    mesh = await installation.read_installed_version(context)
    evidence = [
        Text("{subject}: {words}", subject=what, words=words) for what, words, _ in findings
    ]
    evidence.append(
        Text("Gateway API CRDs: {version}", version=gateway.version)
        if gateway.version
        else Text("Gateway API CRDs: missing; install applies them")
    )
    evidence.append(
        Text("Istio: {version} is installed", version=mesh)
        if mesh
        else Text("Istio: not installed yet")
    )
    bad = [
        Text("{subject}: {problem}", subject=what, problem=problem)
        for what, _, problem in findings
        if problem
    ]
    if bad:
        return Verdict(
            State.NOT_YET,
            Text("this cluster is not ready for the workshop."),
            join("semicolon", *bad),
            tuple(evidence),
            notes=context.mesh.notes,
        )
    return Verdict(
        State.DONE,
        Text(
            "the cluster can hold the workshop with Istio {version}.", version=context.mesh.version
        ),
        evidence=tuple(evidence),
        notes=context.mesh.notes,
        next=suggest_commands(context, "status" if mesh else "install"),
    )


async def run_check(context: Context, what: Text, check: Check) -> Finding:
    """Run a check; when it is forbidden or istioctl fails, return that as its finding."""
    try:
        return await check(context)
    except (Forbidden, IstioError) as problem:
        return what, Text("could not be looked at"), problem.message


async def check_kubernetes_version(context: Context) -> Finding:
    """Compare the server's version with the range that the release supports; only an older one
    is a problem.
    """
    version = await context.cluster.version()
    lowest, highest = context.mesh.kubernetes_range
    words = Text(
        "{version}; Istio {istio} is tested with 1.{lowest} to 1.{highest}",
        version=version,
        istio=context.mesh.version,
        lowest=lowest,
        highest=highest,
    )
    if capacity.parse_minor_version(version) < lowest:
        return (
            verbatim("Kubernetes"),
            words,
            Text(
                "{version} is older than 1.{lowest}; the cluster's administrator must upgrade it",
                version=version,
                lowest=lowest,
            ),
        )
    return verbatim("Kubernetes"), words, EMPTY


async def check_nodes(context: Context) -> Finding:
    """Check that nodes take pods and have enough CPU and memory left."""
    found, pods = await context.cluster.find(NODE), await context.cluster.find(POD)
    usable = sum(map(capacity.is_schedulable, found))
    cpu, memory = (
        capacity.compute_free_capacity(found, pods, "cpu"),
        capacity.compute_free_capacity(found, pods, "memory"),
    )
    words = Text(
        "{usable} of {found} nodes take pods; {cpu:.1f} CPU and {memory:.1f} GiB are free",
        usable=usable,
        found=len(found),
        cpu=cpu,
        memory=memory / 2**30,
    )
    if not usable:
        return (
            Text("Nodes"),
            words,
            Text("no node takes pods; cluster's administrator: look at `kubectl describe nodes`"),
        )
    if cpu < capacity.CPU_NEEDED or memory < capacity.MEMORY_NEEDED:
        need = Text(
            "{cpu:g} CPU and {memory:g} GiB",
            cpu=capacity.CPU_NEEDED,
            memory=capacity.MEMORY_NEEDED / 2**30,
        )
        return (
            Text("Nodes"),
            words,
            Text(
                "the workshop needs {need}; on minikube: `minikube start --cpus=4 --memory=16384`",
                need=need,
            ),
        )
    return Text("Nodes"), words, EMPTY


async def check_permissions(context: Context) -> Finding:
    """Check that the bot's account has the permissions that the workshop needs."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    needed = permissions.list_needed_permissions("workshop", mesh=mesh, app=app)
    lacks = await permissions.find_missing_permissions(context.cluster, needed)
    if not lacks:
        granted = Text("all {needed} needed ones are granted", needed=len(needed))
        return Text("Permissions"), granted, EMPTY
    named = Listed(lacks[:5], "comma")
    words = (
        Text(
            "the bot's account may not {rights} and {more} more", rights=named, more=len(lacks) - 5
        )
        if len(lacks) > 5
        else Text("the bot's account may not {rights}", rights=named)
    )
    return (
        Text("Permissions"),
        words,
        Text("the cluster's administrator must grant them (docs/security.md, or cluster-admin)"),
    )


async def run_precheck(context: Context) -> Finding:
    """Run `istioctl x precheck` and return its findings."""
    context.progress.say(Text("running istioctl's own checks"))
    fine, lines = await context.mesh.precheck()
    return (
        Text("istioctl x precheck"),
        Text("no issues found") if fine else counted("{n} finding", "{n} findings", n=len(lines)),
        EMPTY if fine else join("semicolon", *lines[:3]),
    )


STEP = Step(
    id="preflight",
    title=Text("Preflight"),
    summary=Text("can this cluster hold the workshop? changes nothing"),
    run=run,
    role=Role.HOST,
    aliases=("precheck",),
    examples=("preflight",),
)
