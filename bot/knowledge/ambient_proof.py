"""Whether the application is in the ambient mesh: agents, pods, redirection, and connections with mutual TLS."""

from __future__ import annotations

from bot.kinds import DAEMON_SET, POD
from bot.knowledge import ambient, evidence, installation
from bot.knowledge.answering import at_kiali
from bot.knowledge.board import captured
from bot.knowledge.observe import prometheus
from bot.knowledge.offers import offer
from bot.knowledge.removal import has_sidecar
from bot.knowledge.workloads import counts, name
from bot.steps import Context, State, Verdict

CAUSES = (
    "istio-cni on the node does not run or looks in the wrong place: minikube with Docker wants "
    "`ambient platform=minikube`, k3d, k3s and microk8s want theirs"
)


def no_agents(context: Context) -> Verdict:
    """The verdict when the DaemonSets do not become ready."""
    names = " and ".join(ambient.AGENTS)
    because = f"{names} are not ready on every node: `kubectl get pods -n {context.workshop.mesh_namespace}` says why."
    words = "the ambient profile is installed, but not ready."
    return Verdict(State.NOT_YET, words, because, next=offer(context, "ambient", "status"))


async def verdict(context: Context, done: tuple[str, ...]) -> Verdict:
    """Looks at everything that makes it true."""
    inside = await ambient.enrolled(context)
    namespace = context.workshop.app_namespace
    pods = ambient.own(await context.cluster.find(POD, namespace))
    facts = (
        *await agents(context),
        *pod_lines(pods),
        installation.tracing_words(await installation.mesh_config(context)),
    )
    if not inside:
        words = "the namespace is labelled, but not every pod is in the ambient mesh."
        left = ", ".join(name(pod) for pod in pods if not captured(pod))
        because = f"no redirection on {left}: {CAUSES}."
        return Verdict(State.NOT_YET, words, because, (*facts, *done), next=offer(context, "ambient", "status"))
    return await secured(context, (*facts, *done), already=not done)


async def secured(context: Context, facts: tuple[str, ...], *, already: bool) -> Verdict:
    """The last proof: real requests make connections with mutual TLS between ztunnels."""
    namespace = context.workshop.app_namespace
    grown = await evidence.grows(
        context,
        prometheus.secure_connections(namespace),
        lambda s: f"connections with mutual TLS {s['source_workload']} → {s['destination_workload']}",
    )
    links, lines = await at_kiali(context, "graph", lambda console: console.graph(namespace))
    lines_of = (*facts, *grown.lines)
    if grown.missing:
        words = "every pod is in the ambient mesh, but that its traffic is encrypted was not seen."
        following = offer(context, "addons", "expose", "ambient", "status")
        return Verdict(State.NOT_YET, words, f"{grown.missing}.", lines_of, links, following, lines)
    words = (
        "the application was already in the ambient mesh; nothing was changed."
        if already
        else ("the application is in the ambient mesh, without sidecars.")
    )
    note = "ztunnel sees connections, not requests: the graph has TCP edges until there is a waypoint."
    return Verdict(State.DONE, words, "", lines_of, links, offer(context, "waypoint", "graph"), lines, (note,))


async def agents(context: Context) -> list[str]:
    """How many nodes have each agent."""
    daemons = await context.cluster.find(DAEMON_SET, context.workshop.mesh_namespace)
    found = {name(d): counts(d) for d in daemons}
    return [f"{agent} on {found[agent][0]} of {found[agent][1]} nodes" for agent in ambient.AGENTS if agent in found]


def pod_lines(pods: list[dict[str, object]]) -> list[str]:
    """How many pods are without sidecar, and how many ztunnel has."""
    bare = sum(not has_sidecar(pod) for pod in pods)
    return [
        f"{bare} of {len(pods)} pods without sidecar",
        f"{sum(map(captured, pods))} of {len(pods)} pods redirected to ztunnel, by their annotation",
    ]
