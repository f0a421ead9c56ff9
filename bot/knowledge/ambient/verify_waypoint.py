"""Proof that requests pass the namespace's waypoint: bound Services, and the requests that it
reports.
"""

from __future__ import annotations

from bot.knowledge.ambient import waypoints
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import metric_proof, prometheus
from bot.knowledge.observe.probes import link_to_kiali
from bot.knowledge.observe.proxy_counters import CounterQuery
from bot.steps import Context, State, Verdict
from bot.text import EMPTY, Listed, Text


async def verify_and_report(context: Context, done: list[Text]) -> Verdict:
    """Check the Services bound to the waypoint and the requests it reports, and return the
    verdict.
    """
    namespace = context.workshop.app_namespace
    facts = await describe_binding(context)
    grown = await metric_proof.send_and_measure_growth(
        context,
        prometheus.build_waypoint_requests_query(namespace),
        lambda series: Text(
            "requests that the waypoint reports for {service}",
            service=series["destination_service_name"],
        ),
        CounterQuery(
            namespace,
            f"gateway.networking.k8s.io/gateway-name={waypoints.NAME}",
            "istio_requests_total",
            {"reporter": "waypoint", "destination_service_namespace": namespace},
            ("destination_service_name",),
        ),
    )
    links, lines = await link_to_kiali(
        context, Text("workloads"), lambda console: console.workloads_url(namespace)
    )
    evidence = (*facts, *done, *grown.lines)
    if grown.missing:
        return Verdict(
            State.NOT_YET,
            Text("the waypoint is there, but that requests pass it was not seen."),
            Text("{missing}.", missing=grown.missing),
            evidence,
            links,
            suggest_commands(context, "addons", "waypoint", "status"),
            lines,
        )
    words = (
        Text("requests pass the waypoint.")
        if done or context.resumed
        else Text("the waypoint was already in place; nothing was changed.")
    )
    following = suggest_commands(context, "route jason", "graph", "waypoint off")
    return Verdict(State.DONE, words, EMPTY, evidence, links, following, lines)


async def describe_binding(context: Context) -> list[Text]:
    """Return lines on the Gateway, the label, and the Services that say they are bound to it."""
    facts = [
        Text("Gateway {name} programmed", name=waypoints.NAME),
        Text(
            "namespace {namespace} labelled {label}",
            namespace=context.workshop.app_namespace,
            label=waypoints.LABEL,
        ),
    ]
    if not waypoints.has_bound_condition(context):
        return facts
    if bound := await waypoints.wait_for_bound_services(context):
        facts.append(Text("bound to it: {services}", services=Listed(bound, "comma")))
    return facts
