"""Proof that the application is in the ambient mesh: agents, pods, redirection, and
connections with mutual TLS.
"""

from __future__ import annotations

from bot.kinds import DAEMON_SET, POD, Object
from bot.knowledge.ambient import join
from bot.knowledge.bookinfo import app
from bot.knowledge.istio import sidecar_rollout
from bot.knowledge.mesh_config import describe_tracing, read_mesh_config, read_telemetries
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import count_ready_pods, get_name
from bot.knowledge.observe import metric_proof, prometheus
from bot.knowledge.observe.probes import link_to_kiali
from bot.knowledge.observe.proxy_counters import CounterQuery
from bot.steps import Context, State, Verdict
from bot.text import EMPTY, Listed, Text


def build_missing_agents_verdict(context: Context) -> Verdict:
    """Return the verdict when the DaemonSets do not become ready."""
    names = Listed(join.AGENTS)
    because = Text(
        "{names} are not ready on every node: `kubectl get pods -n {mesh_namespace}` says why.",
        names=names,
        mesh_namespace=context.workshop.mesh_namespace,
    )
    words = Text("the ambient profile is installed, but not ready.")
    return Verdict(
        State.NOT_YET,
        words,
        because,
        next=suggest_commands(context, "ambient", "status"),
    )


async def build_injected_verdict(
    context: Context, pods: tuple[str, ...], done: tuple[Text, ...]
) -> Verdict:
    """Return the verdict when new pods got a sidecar again: ambient would pass over them."""
    why = await sidecar_rollout.explain_unchanged_pods(context, pods, on=False)
    return Verdict(
        State.NOT_YET,
        Text("the ambient profile is there, but new pods still get a sidecar."),
        Text("{why}.", why=why),
        done,
        next=suggest_commands(context, "why", "ambient", "status"),
    )


async def verify_and_report(
    context: Context, done: tuple[Text, ...], page: app.PageCheck
) -> Verdict:
    """Check agents, sidecars, redirection and encryption, and return the verdict.

    `page` is what was seen of the page, if it was whole before.
    """
    inside = await join.wait_until_enrolled(context)
    namespace = context.workshop.app_namespace
    pods = join.select_application_pods(await context.cluster.find(POD, namespace))
    facts = (
        *await describe_agents(context),
        *describe_pods(pods),
        describe_tracing(await read_mesh_config(context), await read_telemetries(context)),
    )
    if not inside:
        words = Text("the namespace is labelled, but not every pod is in the ambient mesh.")
        left = Listed([get_name(pod) for pod in pods if not is_captured(pod)], "comma")
        because = Text("no redirection on {pods}.", pods=left)
        return Verdict(
            State.NOT_YET,
            words,
            because,
            (*facts, *done),
            next=suggest_commands(context, "ambient", "status"),
        )
    if page.cause:
        return Verdict(
            State.NOT_YET,
            Text("the application is in the ambient mesh."),
            Text("The page showed reviews before, and does not now: {cause}.", cause=page.cause),
            (*facts, *done),
            next=suggest_commands(context, "why", "status"),
        )
    seen = (page.words,) if page.words else ()
    already = not (done or context.resumed)
    return await verify_encryption(context, (*facts, *seen, *done), already=already)


async def verify_encryption(context: Context, facts: tuple[Text, ...], *, already: bool) -> Verdict:
    """Send requests and check that they open connections with mutual TLS between ztunnels;
    return the verdict.
    """
    namespace = context.workshop.app_namespace
    grown = await measure_encryption(context)
    links, lines = await link_to_kiali(
        context, Text("graph"), lambda console: console.graph_url(namespace)
    )
    evidence = (*facts, *grown.lines)
    if grown.missing:
        words = Text(
            "every pod is in the ambient mesh, but that its traffic is encrypted was not seen."
        )
        following = suggest_commands(context, "addons", "expose", "ambient", "status")
        return Verdict(
            State.NOT_YET,
            words,
            Text("{missing}.", missing=grown.missing),
            evidence,
            links,
            following,
            lines,
        )
    words = (
        Text("the application was already in the ambient mesh; nothing was changed.")
        if already
        else Text("the application is in the ambient mesh, without sidecars.")
    )
    note = Text(
        "ztunnel sees connections, not requests: the graph has TCP edges until there is a waypoint."
    )
    return Verdict(
        State.DONE,
        words,
        EMPTY,
        evidence,
        links,
        suggest_commands(context, "waypoint", "graph"),
        lines,
        (note,),
    )


async def measure_encryption(context: Context) -> metric_proof.MetricGrowth:
    """Send requests, and see how many connections with mutual TLS ztunnels open for them."""
    namespace = context.workshop.app_namespace
    return await metric_proof.send_and_measure_growth(
        context,
        prometheus.build_mtls_connections_query(namespace),
        lambda series: Text(
            "connections with mutual TLS {source} → {destination}",
            source=series["source_workload"],
            destination=series["destination_workload"],
        ),
        CounterQuery(
            context.workshop.mesh_namespace,
            "app=ztunnel",
            "istio_tcp_connections_opened_total",
            {"connection_security_policy": "mutual_tls", "source_workload_namespace": namespace},
            ("source_workload", "destination_workload"),
        ),
    )


async def describe_agents(context: Context) -> list[Text]:
    """Return a line for each DaemonSet with the number of nodes that have it."""
    daemons = await context.cluster.find(DAEMON_SET, context.workshop.mesh_namespace)
    found = {get_name(d): count_ready_pods(d) for d in daemons}
    return [
        Text(
            "{agent} on {ready} of {wanted} nodes",
            agent=agent,
            ready=found[agent][0],
            wanted=found[agent][1],
        )
        for agent in join.AGENTS
        if agent in found
    ]


def describe_pods(pods: list[Object]) -> list[Text]:
    """Return lines with the number of pods without sidecar and of pods captured by ztunnel."""
    without = sum(not has_sidecar(pod) for pod in pods)
    return [
        Text("{without} of {pods} pods without sidecar", without=without, pods=len(pods)),
        Text(
            "{captured} of {pods} pods redirected to ztunnel, by their annotation",
            captured=sum(map(is_captured, pods)),
            pods=len(pods),
        ),
    ]
