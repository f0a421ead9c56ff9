"""The page itself, asked for as nobody and as the users whom rules name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from bot.diagnosis.gateway_pods import find_deployment, list_edge_gateways
from bot.diagnosis.mesh_state import NamespaceState, PageProbe, list_pods_of
from bot.diagnosis.object_facts import count_available
from bot.diagnosis.peers import find_policy, is_protected
from bot.diagnosis.reach import list_told_users
from bot.errors import ClusterError, Forbidden, Unreadable
from bot.kinds import Object
from bot.knowledge.bookinfo.app import MOST_PAGE, PAGE_TITLE, REVIEWS_HEADING
from bot.knowledge.bookinfo.login import build_login_request, read_session_cookie
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import HttpRequest
from bot.steps import Context
from bot.text import Text

PAGE_TIMEOUT = 1.2
"""Seconds for the page; slower is told as no answer in that time."""
PAGES = 3
"""Pages that are asked for at once: reviews has three versions, and one of them may fail."""
USER_PAGES = 2
"""Pages that are asked for as each of them: a version of theirs may have several pods."""
SPAN = 1.4
"""Times the seconds for one page, in which known users' logins and pages must be there too."""
LEAST = 0.2
PARTS = (
    ("details", "Error fetching product details"),
    ("reviews", "Error fetching product reviews"),
    ("ratings", "Ratings service is currently unavailable"),
)
"""What the page says when a part of it is missing (Bookinfo 1.20)."""


async def probe_page(
    context: Context, state: NamespaceState, *, seconds: float
) -> PageProbe | None:
    """Ask for the page as users would, through the gateway if there is one, for so many seconds.

    Where it is whole, and rules make a difference between users, it is asked for as these too
    (`known`). None when there is no page to ask for, or when plain text through the API server
    would be refused by STRICT mutual TLS and so shows nothing.
    """
    request, until = build_page_request(state, seconds=seconds), time.monotonic() + seconds * SPAN
    if request is None:
        return None
    answers = await asyncio.gather(*(ask_once(context, request) for _ in range(PAGES)))
    page = choose_worst(answers)
    users = list_told_users(state) if page.whole else []
    asked = (ask_as_user(context, request, user, until=until) for user in users)
    known = await asyncio.gather(*asked)
    return replace(page, known=tuple(each for each in known if each is not None))


def choose_worst(answers: Sequence[PageProbe]) -> PageProbe:
    """Return the answer that tells most of a fault: one that is not whole, not even a page."""
    return min(answers, key=lambda answer: (answer.whole is not False, answer.status == 200))


def build_page_request(state: NamespaceState, *, seconds: float) -> HttpRequest | None:
    """Return the request for the page through the gateway, else to productpage; None where it
    would show nothing."""
    if not list_pods_of(state, "productpage") or "productpage" not in state.services:
        return None
    service, port = "productpage", 9080
    for gateway in list_edge_gateways(state):
        deployment = find_deployment(state, gateway)
        if deployment is not None and count_available(deployment):
            service, port = get_name(deployment), find_plain_port(gateway)
    if service == "productpage" and asks_for_mutual_tls(state):
        return None
    return HttpRequest(
        state.namespace, service, port, "/productpage", seconds=seconds, most=MOST_PAGE
    )


def find_plain_port(gateway: Object) -> int:
    """Return the port of a Gateway's first listener for HTTP; 80 where it has none."""
    for listener in gateway["spec"].get("listeners") or []:
        if listener.get("protocol") == "HTTP":
            return int(listener.get("port") or 80)
    return 80


async def ask_as_user(
    context: Context, page: HttpRequest, user: str, *, until: float
) -> PageProbe | None:
    """Return the answer to requests for the page by somebody who has logged in, which must be there
    by a moment (monotonic seconds); None where that cannot be done."""
    login = build_login_request(
        page.namespace, page.service, page.port, user=user, seconds=compute_rest(until)
    )
    try:
        cookie = read_session_cookie(await context.web.ask(login))
    except ClusterError:
        return None
    if not cookie:
        return None
    request = replace(page, headers={"Cookie": cookie}, seconds=compute_rest(until))
    answers = await asyncio.gather(*(ask_once(context, request) for _ in range(USER_PAGES)))
    worst = choose_worst(answers)
    return replace(worst, words=Text("as {user}: {seen}", user=user, seen=worst.words), user=user)


def asks_for_mutual_tls(state: NamespaceState) -> bool:
    """Tell whether productpage takes mutual TLS alone, which the API server does not speak."""
    pods = list_pods_of(state, "productpage")
    return any(find_policy(state, p)[0] == "STRICT" and is_protected(p) for p in pods)


def compute_rest(until: float) -> float:
    """Return the seconds that are left until a moment, a little at least."""
    return max(LEAST, until - time.monotonic())


async def ask_once(context: Context, request: HttpRequest) -> PageProbe:
    """Return the answer to one request for the page."""
    try:
        answer = await context.web.ask(request)
    except Forbidden as problem:
        words = Text("the page was not asked for: {why}", why=problem.message)
        return PageProbe(request.service, 0, whole=None, words=words)
    except Unreadable as problem:
        return PageProbe(request.service, problem.status, whole=False, words=problem.message)
    except ClusterError as problem:
        why = strip_proxy_prefix(problem.message)
        words = Text("{service} does not answer: {why}", service=request.service, why=why)
        return PageProbe(request.service, 0, whole=False, words=words)
    if answer.status != 200:
        words = Text(
            "{service} answers {status}: {body}",
            service=request.service,
            status=answer.status,
            body=" ".join(answer.text.split())[:120],
        )
        return PageProbe(request.service, answer.status, whole=False, words=words)
    missing = [part for part, words in PARTS if words in answer.text]
    if PAGE_TITLE not in answer.text:
        words = Text("{service} answers with another page", service=request.service)
        return PageProbe(request.service, 200, whole=False, words=words)
    if missing or REVIEWS_HEADING not in answer.text:
        words = Text("the page comes without {part}", part=(missing or ["reviews"])[0])
        return PageProbe(request.service, 200, whole=False, words=words)
    words = Text("the page is whole, through {service}", service=request.service)
    return PageProbe(request.service, 200, whole=True, words=words)
