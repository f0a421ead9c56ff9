"""The page as the users whom rules name see it, asked for over the wire."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from bot.diagnosis.asked_diagnosis import diagnose_namespace
from bot.diagnosis.diagnosis_words import build_verdict, summarize
from bot.diagnosis.reading import read_cluster_state
from bot.knowledge.bookinfo.app import PAGE_TITLE, REVIEWS_HEADING
from tests.diagnosis.cases.programs import route_reviews
from tests.diagnosis.cluster import Cluster
from tests.diagnosis.shapes import APP
from tests.diagnosis.wire import answer_lists
from tests.knowledge.observe.stage import asking

GATEWAY = f"/api/v1/namespaces/{APP}/services/bookinfo-gateway-istio:80"
WHOLE = f"<title>{PAGE_TITLE}</title> {REVIEWS_HEADING}"
WITHOUT = f"{WHOLE} Error fetching product reviews"


def serve_page(cluster: Cluster, jason: str) -> dict[str, object]:
    """The cluster, with a page that is whole for nobody, and this one for jason."""

    def log_in(request: web.Request) -> web.Response:
        answer = web.Response(status=302, headers={"Location": "/productpage"})
        answer.set_cookie("session", "jason")
        return answer

    def answer_page(request: web.Request) -> web.Response:
        return web.Response(text=jason if "session" in request.cookies else WHOLE)

    answers: dict[str, object] = answer_lists(cluster)
    return answers | {f"{GATEWAY}/login": log_in, f"{GATEWAY}/productpage": answer_page}


@pytest.mark.parametrize(("jason", "healthy"), [(WHOLE, True), (WITHOUT, False)])
async def test_page_of_a_user_whom_a_rule_names(jason: str, healthy: bool, tmp_path: Path) -> None:
    """What only jason misses is told, and is not healthy, though no cause is known."""
    cluster = Cluster()
    route_reviews(cluster, "v2")
    async with asking(serve_page(cluster, jason), tmp_path) as context:
        read = await read_cluster_state(context, APP)
        state, diagnosis = await diagnose_namespace(context, read, APP)
    assert diagnosis.is_healthy is healthy
    verdict = build_verdict(context, state, diagnosis)
    told = "\n".join(map(str, verdict.evidence))
    assert "as jason: the page" in told
    assert ("`cause: healthy`" in told) is healthy
    assert ("not whole for jason" in str(summarize(context, diagnosis))) is not healthy


async def test_nobody_logs_in_where_no_rule_tells_users_apart(tmp_path: Path) -> None:
    """The requests are three pages, and no more."""
    asked: list[str] = []
    async with asking(serve_page(Cluster(), WITHOUT), tmp_path, asked) as context:
        read = await read_cluster_state(context, APP)
        _, diagnosis = await diagnose_namespace(context, read, APP)
    assert diagnosis.is_healthy
    assert not [path for path in asked if "/login" in path]
