"""Bookinfo, the workshop's application: its objects, the check that its page shows
reviews, and its workloads in the mesh.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.kinds import DEPLOYMENT, NAMESPACE, POD, SERVICE, Object
from bot.knowledge.objects.apply import load_sample
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels, get_name, select_pods
from bot.knowledge.observe.probes import (
    LONGEST_PAUSE,
    PollResult,
    ask_until,
    explain_silence,
)
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context
from bot.text import EMPTY, Listed, Text

SAMPLE = "bookinfo/platform/kube/bookinfo.yaml"
BOOKINFO = ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
"""The Deployments of the sample (Bookinfo 1.20)."""
REVIEWS_TIMEOUT = 90.0
"""Seconds in which reviews starts: a Java server without probes, slow on two CPUs (Bookinfo 1.20).
"""
SILENCE_TIMEOUT = 20.0
"""Seconds in which the page's own server starts to answer at all."""
PAGES_IN_A_ROW = 10
"""Pages after which the chance is 1:50 that one of three versions of reviews was never asked."""
SINGLE_REQUEST_TIMEOUT = 3.0
"""Seconds for a page that is asked for only once."""
MOST_PAGE = 1_000_000
"""Bytes of a page that are read: Bookinfo's has ten thousand, and many may be asked for at once."""
PAGE_TITLE = "<title>Simple Bookstore App</title>"
REVIEWS_HEADING = "Book Reviews"
NO_DETAILS = "Error fetching product details"
SERVED = re.compile(r"Reviews served by:\s+(reviews-v\d+)-")
MADE_BY = {"app.kubernetes.io/managed-by": "meshbot"}
"""The label on a namespace that this bot made."""
MANAGED = "gateway.istio.io/managed"
"""The label on the Deployments that istiod makes for gateways and waypoints."""


async def load_objects(context: Context) -> list[Object]:
    """Return the sample's objects in the workshop's namespace."""
    return await load_sample(context, SAMPLE, context.workshop.app_namespace)


async def build_namespace(context: Context) -> list[Object]:
    """Return the namespace object, labelled as made by this bot; an empty list when the
    namespace exists already.
    """
    name = context.workshop.app_namespace
    if await context.cluster.get(NAMESPACE, name) is not None:
        return []
    metadata = {"name": name, "labels": dict(MADE_BY)}
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}]


async def find_workloads(context: Context) -> list[Object]:
    """Return the application's own Deployments, without those that istiod runs for gateways
    and waypoints.
    """
    found = await context.cluster.find(DEPLOYMENT, context.workshop.app_namespace)
    return [deployment for deployment in found if MANAGED not in get_labels(deployment)]


async def explain_absence(context: Context) -> Text:
    """Return why there is no application to work on, without a full stop, or EMPTY."""
    namespace = context.workshop.app_namespace
    if await context.cluster.get(NAMESPACE, namespace) is None:
        return Text("there is no namespace {namespace}", namespace=namespace)
    existing = {get_name(deployment) for deployment in await find_workloads(context)}
    missing = [name for name in BOOKINFO if name not in existing]
    if await context.cluster.get(SERVICE, "productpage", namespace) is None:
        missing.append("Service productpage")
    if not missing:
        return EMPTY
    return Text(
        "Bookinfo is not there whole in {namespace}: {missing} missing",
        namespace=namespace,
        missing=Listed(missing, "comma"),
    )


@dataclass(frozen=True)
class PageCheck:
    """Result of asking for the product page: `words` when it shows reviews, otherwise `cause`.

    The cause is a clause without its full stop.
    """

    words: Text = EMPTY
    cause: Text = EMPTY


def has_reviews(answer: HttpResponse) -> bool:
    """Tell whether a page shows details and reviews; the status is 200 even when it does not."""
    parts = (PAGE_TITLE, REVIEWS_HEADING)
    whole = all(part in answer.text for part in parts) and NO_DETAILS not in answer.text
    return answer.status == 200 and whole


async def wait_for_page(
    context: Context, service: str = "productpage", port: int = 9080
) -> PageCheck:
    """Ask for the page through that Service until it shows reviews PAGES_IN_A_ROW times.

    One page alone says little: each comes from another version of reviews, and one of them may
    still be starting. Gives up after REVIEWS_TIMEOUT, and when something hinders it that lasts.
    """
    ask = build_page_request(context, service, port)
    hindrance = asyncio.ensure_future(context.wait_for_hindrance())
    try:
        result = await ask_for_whole_page(
            context, ask, lambda: hindrance.done() and hindrance.exception() is None
        )
    finally:
        hindrance.cancel()
    return await judge_page(context, service, result)


async def ask_for_whole_page(
    context: Context, ask: HttpRequest, in_vain: Callable[[], bool]
) -> PollResult:
    """Return the last answer: a whole page where each of several was, else what came instead."""
    began, seconds = time.monotonic(), min(REVIEWS_TIMEOUT, context.workshop.readiness_timeout)
    while True:
        left = seconds - (time.monotonic() - began)
        result = await ask_until(
            context, ask, has_reviews, seconds=left, silence=SILENCE_TIMEOUT, in_vain=in_vain
        )
        if not result.good:
            return result
        again = await ask_in_a_row(context, ask)
        if again is None:
            return result
        if in_vain() or time.monotonic() - began > seconds:
            return again
        await asyncio.sleep(LONGEST_PAUSE)


async def ask_in_a_row(context: Context, ask: HttpRequest) -> PollResult | None:
    """Ask for the page several times; return the first result that is not the whole page."""
    for _ in range(PAGES_IN_A_ROW - 1):
        result = await ask_until(context, ask, has_reviews, seconds=0)
        if not result.good:
            return result
    return None


async def wait_for_restored_page(context: Context, *, wanted: bool) -> PageCheck:
    """Ask for the page after a restart, which takes reviews away while its Java server starts.

    Empty unless it is `wanted`: a page that was not whole before says nothing now.
    """
    if not wanted:
        return PageCheck()
    context.progress.say(Text("asking for the product page; reviews takes a while to start"))
    return await wait_for_page(context)


async def is_page_whole(context: Context) -> bool:
    """Ask for the page once, and tell whether it shows reviews."""
    ask = replace(build_page_request(context), seconds=SINGLE_REQUEST_TIMEOUT)
    return (await ask_until(context, ask, has_reviews, seconds=0)).good


def build_page_request(
    context: Context, service: str = "productpage", port: int = 9080
) -> HttpRequest:
    """Return the request for the product page."""
    namespace = context.workshop.app_namespace
    return HttpRequest(namespace, service, port, "/productpage", most=MOST_PAGE)


async def judge_page(context: Context, service: str, result: PollResult) -> PageCheck:
    """Return what the last answer shows, or the cause why it is not the whole page."""
    if result.answer is None or result.answer.status != 200:
        return PageCheck(cause=explain_silence(service, result))
    if result.good:
        return PageCheck(describe_page(result.answer))
    if "Error fetching product reviews" in result.answer.text:
        return PageCheck(cause=Text("the page answers, but without reviews"))
    if NO_DETAILS in result.answer.text:
        return PageCheck(cause=Text("the page answers, but without details"))
    return PageCheck(
        cause=Text("{service} answers with another page than Bookinfo's", service=service)
    )


def describe_page(answer: HttpResponse) -> Text:
    """Return what a whole page shows, and which version of reviews served it."""
    served = SERVED.search(answer.text)
    if served is None:
        return Text("GET /productpage shows {heading}", heading=REVIEWS_HEADING)
    return Text(
        "GET /productpage shows {heading}, served by {workload}",
        heading=REVIEWS_HEADING,
        workload=served[1],
    )


async def find_workloads_outside_mesh(context: Context) -> list[str]:
    """Return the names of the application's workloads with a pod that is not in the mesh."""
    pods = await context.cluster.find(POD, context.workshop.app_namespace)
    return [
        get_name(workload)
        for workload in await find_workloads(context)
        if any(not has_sidecar(p) and not is_captured(p) for p in select_pods(pods, workload))
    ]
