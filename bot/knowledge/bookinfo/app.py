"""Bookinfo, the workshop's application: its objects, the check that its page shows
reviews, and its workloads in the mesh.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.kinds import DEPLOYMENT, DESTINATION_RULE, NAMESPACE, POD, SERVICE, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.apply import load_sample
from bot.knowledge.objects.workloads import (
    get_labels,
    get_name,
    select_pods,
)
from bot.knowledge.observe.probes import PollResult, ask_until, explain_silence
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context

SAMPLE = "bookinfo/platform/kube/bookinfo.yaml"
PATIENCE = 90.0
"""Seconds in which reviews starts: a Java server without probes, slow on two CPUs (Bookinfo 1.20).
"""
SILENCE = 20.0
"""Seconds in which the page's own server starts."""
GLANCE = 3.0
"""Seconds for a page that is only looked at."""
TITLE = "<title>Simple Bookstore App</title>"
SHOWN = "Book Reviews"
SERVED = re.compile(r"Reviews served by:\s+(reviews-v\d+)-")
MADE_BY = {"app.kubernetes.io/managed-by": "meshbot"}
"""The label on a namespace that this bot made."""
MANAGED = "gateway.istio.io/managed"


async def load_objects(context: Context) -> list[Object]:
    """Return the sample's objects in the workshop's namespace."""
    return await load_sample(context, SAMPLE, context.workshop.app_namespace)


async def build_namespace(context: Context) -> list[Object]:
    """Return the namespace object, labelled as made by this bot; an empty list when the
    namespace exists already.
    """
    called = context.workshop.app_namespace
    if await context.cluster.get(NAMESPACE, called) is not None:
        return []
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": called, "labels": dict(MADE_BY)},
        }
    ]


async def find_workloads(context: Context) -> list[Object]:
    """Return the application's own Deployments, without those that istiod runs for gateways
    and waypoints.
    """
    found = await context.cluster.find(DEPLOYMENT, context.workshop.app_namespace)
    return [deployment for deployment in found if MANAGED not in get_labels(deployment)]


async def explain_absence(context: Context) -> str:
    """Return why there is no application to work on, or ""."""
    namespace = context.workshop.app_namespace
    if await context.cluster.get(NAMESPACE, namespace) is None:
        return f"there is no namespace {namespace}"
    there = {get_name(deployment) for deployment in await find_workloads(context)}
    lacking = [wanted for wanted in BOOKINFO if wanted not in there]
    if await context.cluster.get(SERVICE, "productpage", namespace) is None:
        lacking.append("Service productpage")
    return (
        f"Bookinfo is not there whole in {namespace}: {', '.join(lacking)} missing"
        if lacking
        else ""
    )


@dataclass(frozen=True)
class PageCheck:
    """Result of asking for the product page; `cause` says why it is not whole, "" when it
    shows reviews.
    """

    words: str = ""
    cause: str = ""


def has_reviews(answer: HttpResponse) -> bool:
    """Tell whether a page shows its reviews; the status is 200 even when it does not."""
    return answer.status == 200 and TITLE in answer.text and SHOWN in answer.text


async def wait_for_page(
    context: Context, service: str = "productpage", port: int = 9080
) -> PageCheck:
    """Ask for the page through that Service until it shows reviews, or PATIENCE ends."""
    ask = build_page_request(context, service, port)
    patience = min(PATIENCE, context.workshop.readiness_timeout)
    heard = await ask_until(context, ask, has_reviews, seconds=patience, silence=SILENCE)
    return await judge_page(context, service, heard)


async def is_page_whole(context: Context) -> bool:
    """Ask for the page once, and tell whether it shows reviews."""
    heard = await ask_until(
        context, replace(build_page_request(context), seconds=GLANCE), has_reviews, seconds=0
    )
    return heard.good


def build_page_request(
    context: Context, service: str = "productpage", port: int = 9080
) -> HttpRequest:
    """Return the request for the product page."""
    return HttpRequest(context.workshop.app_namespace, service, port, "/productpage")


async def judge_page(context: Context, service: str, heard: PollResult) -> PageCheck:
    """Return what the last answer shows, or the cause why it is not the whole page."""
    if heard.answer is None or heard.answer.status != 200:
        return PageCheck(cause=explain_silence(service, heard))
    if heard.good:
        served = SERVED.search(heard.answer.text)
        return PageCheck(
            f"GET /productpage shows {SHOWN}" + (f", served by {served[1]}" if served else "")
        )
    if "Error fetching product reviews" in heard.answer.text:
        return PageCheck(
            cause=f"the page answers, but without reviews: {await explain_missing_reviews(context)}"
        )
    return PageCheck(cause=f"{service} answers with another page than Bookinfo's")


async def explain_missing_reviews(context: Context) -> str:
    """Return why callers do not reach reviews, as far as the objects tell."""
    namespace = context.workshop.app_namespace
    if await context.cluster.get(VIRTUAL_SERVICE, "reviews", namespace) is None:
        return "reviews, a Java server, has not started yet. Give it a minute"
    if await context.cluster.get(DESTINATION_RULE, "reviews", namespace) is None:
        return "VirtualService reviews names subsets, and no DestinationRule defines them, so its callers get 503"
    return "VirtualService reviews leads its callers to pods that do not answer"


def is_in_mesh(pod: Object) -> bool:
    """Tell whether a pod has a sidecar (native too) or is captured by ambient."""
    notes = pod["metadata"].get("annotations") or {}
    return (
        "sidecar.istio.io/status" in notes or notes.get("ambient.istio.io/redirection") == "enabled"
    )


async def find_workloads_outside_mesh(context: Context) -> list[str]:
    """Return the names of the application's workloads with a pod that is not in the mesh."""
    pods = await context.cluster.find(POD, context.workshop.app_namespace)
    own = await find_workloads(context)
    return [get_name(w) for w in own if any(not is_in_mesh(pod) for pod in select_pods(pods, w))]


BOOKINFO = ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
