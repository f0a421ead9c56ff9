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

Finding = tuple[str, str, str]
"""What was looked at, what was found, and the problem with it ("" when there is none)."""
Check = Callable[[Context], Awaitable[Finding]]


async def run(context: Context, options: Options) -> Verdict:
    """Run the checks one after another, and show each result as it is known."""
    findings = [await check_kubernetes_version(context), await check_permissions(context)]
    findings += [
        await run_check(context, "Nodes", check_nodes),
        await run_check(context, "istioctl x precheck", run_precheck),
    ]
    for note in findings:
        context.progress.part(Part(note[0], done=not note[2], note=note[2]))
    gateway = await gateway_api.read_gateway_api_status(context)
    mesh = await installation.read_installed_version(context)
    evidence = [f"{what}: {words}" for what, words, _ in findings]
    evidence.append(f"Gateway API CRDs: {gateway.version or 'missing; install applies them'}")
    evidence.append(f"Istio: {mesh + ' is installed' if mesh else 'not installed yet'}")
    bad = [f"{what}: {problem}" for what, _, problem in findings if problem]
    if bad:
        return Verdict(
            State.NOT_YET,
            "this cluster is not ready for the workshop.",
            "; ".join(bad),
            tuple(evidence),
            notes=context.mesh.notes,
        )
    return Verdict(
        State.DONE,
        f"the cluster can hold the workshop with Istio {context.mesh.version}.",
        evidence=tuple(evidence),
        notes=context.mesh.notes,
        next=suggest_commands(context, "status" if mesh else "install"),
    )


async def run_check(context: Context, what: str, check: Check) -> Finding:
    """Run a check; when it is forbidden or istioctl fails, return that as its finding."""
    try:
        return await check(context)
    except (Forbidden, IstioError) as problem:
        return what, "could not be looked at", str(problem)


async def check_kubernetes_version(context: Context) -> Finding:
    """Compare the server's version with the range that the release supports; only an older one
    is a problem.
    """
    version = await context.cluster.version()
    lowest, highest = context.mesh.kubernetes_range
    words = f"{version}; Istio {context.mesh.version} is tested with 1.{lowest} to 1.{highest}"
    if capacity.parse_minor_version(version) < lowest:
        return (
            "Kubernetes",
            words,
            f"{version} is older than 1.{lowest}; whoever runs the cluster must upgrade it",
        )
    return "Kubernetes", words, ""


async def check_nodes(context: Context) -> Finding:
    """Check that nodes take pods and have enough CPU and memory left."""
    found, pods = await context.cluster.find(NODE), await context.cluster.find(POD)
    usable = sum(map(capacity.is_schedulable, found))
    cpu, memory = (
        capacity.compute_free_capacity(found, pods, "cpu"),
        capacity.compute_free_capacity(found, pods, "memory"),
    )
    words = f"{usable} of {len(found)} nodes take pods; {cpu:.1f} CPU and {memory / 2**30:.1f} GiB are free"
    if not usable:
        return (
            "Nodes",
            words,
            "no node takes pods; whoever runs the cluster: look at `kubectl describe nodes`",
        )
    if cpu < capacity.CPU_NEEDED or memory < capacity.MEMORY_NEEDED:
        need = f"{capacity.CPU_NEEDED:g} CPU and {capacity.MEMORY_NEEDED / 2**30:g} GiB"
        return (
            "Nodes",
            words,
            f"the workshop needs {need}; on minikube: `minikube start --cpus=4 --memory=16384`",
        )
    return "Nodes", words, ""


async def check_permissions(context: Context) -> Finding:
    """Check that the bot's account has the permissions that the workshop needs."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    needed = permissions.list_needed_permissions("workshop", mesh=mesh, app=app)
    lacks = await permissions.find_missing_permissions(context.cluster, needed)
    if not lacks:
        return "Permissions", f"all {len(needed)} needed ones are granted", ""
    more = f" and {len(lacks) - 5} more" if len(lacks) > 5 else ""
    words = f"the bot's account may not {', '.join(lacks[:5])}{more}"
    return (
        "Permissions",
        words,
        "whoever runs the cluster must grant them (docs/security.md, or cluster-admin)",
    )


async def run_precheck(context: Context) -> Finding:
    """Run `istioctl x precheck` and return its findings."""
    context.progress.say("running istioctl's own checks")
    fine, lines = await context.mesh.precheck()
    return (
        "istioctl x precheck",
        "no issues found" if fine else f"{len(lines)} finding{'' if len(lines) == 1 else 's'}",
        "" if fine else "; ".join(lines[:3]),
    )


STEP = Step(
    id="preflight",
    title="Preflight",
    summary="can this cluster hold the workshop? changes nothing",
    run=run,
    role=Role.HOST,
    aliases=("precheck",),
    examples=("preflight",),
)
