"""Causes why requests for the application's page failed, and who can help."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import POD, Object
from bot.knowledge.bookinfo.traffic_report import format_codes
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_condition, get_labels, get_name
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import NO_ANSWER, UNREAD, HttpRequest, TrafficReport
from bot.steps import Context
from bot.text import Listed, Text


@dataclass(frozen=True)
class Cause:
    """Cause why requests failed, and the commands to type next."""

    because: Text
    next: tuple[str, ...] = ()


async def explain_silence(context: Context, seen: TrafficReport) -> Cause:
    """Return why nothing answered, from the API server's message and the objects."""
    namespace = context.workshop.app_namespace
    pods = await context.cluster.find(POD, namespace)
    if not any(get_labels(pod).get("app") == "productpage" for pod in pods):
        return Cause(
            Text("Bookinfo is not deployed in {namespace}.", namespace=namespace),
            suggest_commands(context, "bookinfo"),
        )
    # The API server tells these apart in its message alone: their status is the same.
    message = str(seen.trouble)
    if "no endpoints available" in message:
        return Cause(explain_unready_pods(seen, pods), suggest_commands(context, "status"))
    if "forbidden" in message.lower():
        return Cause(
            Text(
                "the cluster's administrator must grant the bot get and create on "
                "services/proxy: {problem}",
                problem=seen.trouble,
            )
        )
    if "log" in message and "in (it answered" in message:
        return Cause(
            Text("{problem}: the page is there, but its login is not.", problem=seen.trouble),
            suggest_commands(context, "status"),
        )
    if UNREAD in seen.codes and NO_ANSWER not in seen.codes:
        return Cause(
            Text("the pods are there, and their answer was not read: {why}.", why=seen.trouble),
            suggest_commands(context, "why", "status"),
        )
    return Cause(
        Text(
            "the pods are there and nothing answers at their ports: {why}. The cluster's "
            "administrator should check whether the API server can reach pods.",
            why=strip_proxy_prefix(seen.trouble),
        ),
        suggest_commands(context, "status"),
    )


def explain_unready_pods(seen: TrafficReport, pods: list[Object]) -> Text:
    """Return which pods are not ready behind the Service that was asked."""
    lagging = [get_name(p) for p in pods if get_condition(p, "Ready").get("status") != "True"]
    names = Listed(lagging[:3], "comma")
    if not seen.via:
        return Text("no pod behind the page is ready ({pods}); it goes on by itself.", pods=names)
    return Text(
        "no pod behind {service} is ready ({pods}); it goes on by itself.",
        service=seen.via,
        pods=names,
    )


async def explain_missing_page(context: Context, seen: TrafficReport) -> Cause:
    """Return why there were answers and no page among them."""
    if "404" in seen.codes and str(seen.via) != "productpage":
        return Cause(
            Text("{service} has no route to the page (404).", service=seen.via),
            suggest_commands(context, "expose"),
        )
    return Cause(
        Text("the page was never answered with 200: {codes}.", codes=format_codes(seen.codes)),
        suggest_commands(context, "status"),
    )


async def explain_missing_reviews(context: Context) -> Cause:
    """Return what is seen of reviews itself when no page shows reviews.

    Why its callers do not reach it is for the diagnosis to say.
    """
    namespace = context.workshop.app_namespace
    pods = await context.cluster.find(POD, namespace, labels="app=reviews")
    if not any(get_condition(pod, "Ready").get("status") == "True" for pod in pods):
        return Cause(
            Text("no pod of reviews is ready."),
            suggest_commands(context, "bookinfo", "status"),
        )
    request = HttpRequest(namespace, "reviews", 9080, "/health", seconds=5.0)
    try:
        answer = await context.web.ask(request)
        result = Text("it answers {status}", status=answer.status)
    except ClusterError as problem:
        result = problem.message
    return Cause(
        Text("asked past all rules, reviews says of itself: {result}.", result=result),
        suggest_commands(context, "why", "graph", "status"),
    )
