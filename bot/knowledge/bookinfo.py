"""Bookinfo, the workshop's application: its objects, whether its page really shows reviews, and who is in the mesh."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.kinds import DEPLOYMENT, DESTINATION_RULE, NAMESPACE, POD, SERVICE, VIRTUAL_SERVICE, Object
from bot.knowledge.answering import Heard, ask_until, silent
from bot.knowledge.board import BOOKINFO
from bot.knowledge.deploying import sample
from bot.knowledge.workloads import labels, name, selected
from bot.ports import Answer, Ask
from bot.steps import Context

SAMPLE = "bookinfo/platform/kube/bookinfo.yaml"
PATIENCE = 90.0
"""Seconds in which reviews starts: a Java server without probes, slow on two CPUs (Bookinfo 1.20)."""
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


async def objects(context: Context) -> list[Object]:
    """The sample in the workshop's namespace."""
    return await sample(context, SAMPLE, context.workshop.app_namespace)


async def namespace(context: Context) -> list[Object]:
    """The namespace, marked as made by this bot; nothing when there is one already."""
    called = context.workshop.app_namespace
    if await context.cluster.get(NAMESPACE, called) is not None:
        return []
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": called, "labels": dict(MADE_BY)}}]


async def workloads(context: Context) -> list[Object]:
    """The application's own Deployments: not those that istiod runs for gateways and waypoints."""
    found = await context.cluster.find(DEPLOYMENT, context.workshop.app_namespace)
    return [deployment for deployment in found if MANAGED not in labels(deployment)]


async def absent(context: Context) -> str:
    """Why there is no application to work on, or ""."""
    namespace = context.workshop.app_namespace
    if await context.cluster.get(NAMESPACE, namespace) is None:
        return f"there is no namespace {namespace}"
    there = {name(deployment) for deployment in await workloads(context)}
    lacking = [wanted for wanted in BOOKINFO if wanted not in there]
    if await context.cluster.get(SERVICE, "productpage", namespace) is None:
        lacking.append("Service productpage")
    return f"Bookinfo is not there whole in {namespace}: {', '.join(lacking)} missing" if lacking else ""


@dataclass(frozen=True)
class Page:
    """The product page as it was last seen; `cause` says why it is not whole, "" when it shows reviews."""

    words: str = ""
    cause: str = ""


def whole(answer: Answer) -> bool:
    """True for a page that shows its reviews; the status is 200 even when it does not."""
    return answer.status == 200 and TITLE in answer.text and SHOWN in answer.text


async def page(context: Context, service: str = "productpage", port: int = 9080) -> Page:
    """Asks for the page, through that Service, until it shows reviews or patience ends."""
    ask = asked(context, service, port)
    patience = min(PATIENCE, context.workshop.readiness_timeout)
    heard = await ask_until(context, ask, whole, seconds=patience, silence=SILENCE)
    return await read(context, service, heard)


async def shown(context: Context) -> bool:
    """Asks for the page once; True when it shows reviews."""
    heard = await ask_until(context, replace(asked(context), seconds=GLANCE), whole, seconds=0)
    return heard.good


def asked(context: Context, service: str = "productpage", port: int = 9080) -> Ask:
    """The request for the page."""
    return Ask(context.workshop.app_namespace, service, port, "/productpage")


async def read(context: Context, service: str, heard: Heard) -> Page:
    """What the last page says."""
    if heard.answer is None or heard.answer.status != 200:
        return Page(cause=silent(service, heard))
    if heard.good:
        served = SERVED.search(heard.answer.text)
        return Page(f"GET /productpage shows {SHOWN}" + (f", served by {served[1]}" if served else ""))
    if "Error fetching product reviews" in heard.answer.text:
        return Page(cause=f"the page answers, but without reviews: {await without_reviews(context)}")
    return Page(cause=f"{service} answers with another page than Bookinfo's")


async def without_reviews(context: Context) -> str:
    """Why callers do not reach reviews, as far as the objects tell."""
    namespace = context.workshop.app_namespace
    if await context.cluster.get(VIRTUAL_SERVICE, "reviews", namespace) is None:
        return "reviews, a Java server, has not started yet. Give it a minute"
    if await context.cluster.get(DESTINATION_RULE, "reviews", namespace) is None:
        return "VirtualService reviews names subsets, and no DestinationRule defines them, so its callers get 503"
    return "VirtualService reviews leads its callers to pods that do not answer"


def inside(pod: Object) -> bool:
    """True for a pod with a sidecar (native too), or one that ambient has captured."""
    notes = pod["metadata"].get("annotations") or {}
    return "sidecar.istio.io/status" in notes or notes.get("ambient.istio.io/redirection") == "enabled"


async def outside(context: Context) -> list[str]:
    """The application's workloads with a pod that is not in the mesh."""
    pods = await context.cluster.find(POD, context.workshop.app_namespace)
    own = await workloads(context)
    return [name(w) for w in own if any(not inside(pod) for pod in selected(pods, w))]
