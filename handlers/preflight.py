"""`/mesh preflight`: can this cluster hold the workshop? Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.errors import Forbidden, IstioError
from bot.kinds import NODE, POD
from bot.knowledge import gatewayapi, installation, permissions, room
from bot.knowledge.offers import offer
from bot.ports import Part
from bot.steps import Context, Options, Role, State, Step, Verdict

Finding = tuple[str, str, str]
"""What was looked at, what was found, and the problem with it ("" when there is none)."""
Check = Callable[[Context], Awaitable[Finding]]


async def run(context: Context, options: Options) -> Verdict:
    """Checks one thing after another and shows each as it is known."""
    findings = [await kubernetes(context), await permission(context)]
    findings += [await seen(context, "Nodes", nodes), await seen(context, "istioctl x precheck", precheck)]
    for note in findings:
        context.progress.part(Part(note[0], done=not note[2], note=note[2]))
    gateway = await gatewayapi.served(context)
    mesh = await installation.installed_version(context)
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
        next=offer(context, "status" if mesh else "install"),
    )


async def seen(context: Context, what: str, check: Check) -> Finding:
    """A check, or that it could not be made."""
    try:
        return await check(context)
    except (Forbidden, IstioError) as problem:
        return what, "could not be looked at", str(problem)


async def kubernetes(context: Context) -> Finding:
    """The server's version against what the release supports; a newer one is said and goes."""
    version = await context.cluster.version()
    lowest, highest = context.mesh.kubernetes_range
    words = f"{version}; Istio {context.mesh.version} is tested with 1.{lowest} to 1.{highest}"
    if room.minor(version) < lowest:
        return "Kubernetes", words, f"{version} is older than 1.{lowest}; whoever runs the cluster must upgrade it"
    return "Kubernetes", words, ""


async def nodes(context: Context) -> Finding:
    """Schedulable nodes, and what they have left."""
    found, pods = await context.cluster.find(NODE), await context.cluster.find(POD)
    usable = sum(map(room.schedulable, found))
    cpu, memory = room.free(found, pods, "cpu"), room.free(found, pods, "memory")
    words = f"{usable} of {len(found)} nodes take pods; {cpu:.1f} CPU and {memory / 2**30:.1f} GiB are free"
    if not usable:
        return "Nodes", words, "no node takes pods; whoever runs the cluster: look at `kubectl describe nodes`"
    if cpu < room.CPU_NEEDED or memory < room.MEMORY_NEEDED:
        need = f"{room.CPU_NEEDED:g} CPU and {room.MEMORY_NEEDED / 2**30:g} GiB"
        return "Nodes", words, f"the workshop needs {need}; on minikube: `minikube start --cpus=4 --memory=16384`"
    return "Nodes", words, ""


async def permission(context: Context) -> Finding:
    """Whether the bot's account may do what an installation cannot do without."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    needed = permissions.needed("workshop", mesh=mesh, app=app)
    lacks = await permissions.missing(context.cluster, needed)
    if not lacks:
        return "Permissions", f"all {len(needed)} needed ones are granted", ""
    more = f" and {len(lacks) - 5} more" if len(lacks) > 5 else ""
    words = f"the bot's account may not {', '.join(lacks[:5])}{more}"
    return "Permissions", words, "whoever runs the cluster must grant them (docs/security.md, or cluster-admin)"


async def precheck(context: Context) -> Finding:
    """What `istioctl x precheck` finds."""
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
