"""Services that answer more than is read: what is said is that they answer, and that it is too
much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.diagnosis.page_probe import ask_once
from bot.engine.runs.error_messages import explain_error
from bot.errors import Rejected, Unreadable
from bot.knowledge.observe import kiali, prometheus
from bot.knowledge.observe.addons import check_health
from bot.knowledge.observe.health import HEALTH_TARGETS, explain_no_answer
from bot.knowledge.routing.fault_proof import check_ratings_reachable
from bot.ports import MOST_ANSWER, HttpRequest
from bot.steps import Workshop
from tests.knowledge.observe.stage import asking

FULL = "x" * (MOST_ANSWER + 1)
IN_MESH = Workshop(app_namespace="istio-system")
"""The stage has one namespace."""


async def test_an_addon_that_answers_too_much_is_not_called_silent(tmp_path: Path) -> None:
    """Asked once, since it would be the same again; and nobody says that nothing answers."""
    asked: list[str] = []
    async with asking({"grafana:3000/api/health": FULL}, tmp_path, asked) as context:
        found = await check_health(context, "grafana")
    assert str(found.cause) == "grafana answered more than 8 MB; read no further (/api/health)"
    assert len(asked) == 1


async def test_ping_says_that_it_answers(tmp_path: Path) -> None:
    """A component whose health check never ends is told from one that is away."""
    target = next(each for each in HEALTH_TARGETS if each.service == "kiali")
    async with asking({"kiali:20001/kiali/healthz": FULL}, tmp_path) as context:
        why = await explain_no_answer(context, target, "istio-system")
    assert str(why) == "its pods are ready, but kiali answered more than 8 MB; read no further"


async def test_readers_pass_it_on_in_words_for_people(tmp_path: Path) -> None:
    """Kiali and Prometheus alike; whose turn it is stands in the reply."""
    answers = {"kiali:20001/kiali/api/status": FULL, "prometheus:9090/api/v1/query": FULL}
    async with asking(answers, tmp_path) as context:
        with pytest.raises(Unreadable, match="^kiali answered more than 8 MB"):
            await kiali.call_api(context, "/status")
        with pytest.raises(Unreadable, match="^prometheus answered more than 8 MB") as caught:
            await prometheus.query(context, "up")
    told = explain_error(caught.value)
    assert str(told.summary).endswith(
        "was not read: prometheus answered more than 8 MB; read no further"
    )
    assert "so much, or so slowly" in str(told.turn)


async def test_a_services_own_words_are_cut(tmp_path: Path) -> None:
    """An error may be as long as an answer may be; a person is shown its beginning."""
    answers = {"kiali:20001/kiali/api/status": (400, {"error": "no" * 100_000})}
    async with asking(answers, tmp_path) as context:
        with pytest.raises(Rejected, match="^kiali answered 400: nono") as caught:
            await kiali.call_api(context, "/status")
    assert len(str(caught.value)) < 600


async def test_a_page_that_is_too_long_is_a_page(tmp_path: Path) -> None:
    """The diagnosis does not say that productpage is silent, and the ratings are not judged."""
    page, ratings = "productpage:9080/productpage", "productpage:9080/api/v1/products/0/ratings"
    async with asking({page: FULL, ratings: FULL}, tmp_path) as context:
        probe = await ask_once(
            context, HttpRequest("istio-system", "productpage", 9080, "/productpage")
        )
        check = await check_ratings_reachable(replace(context, workshop=IN_MESH), "")
    assert str(probe.words) == "productpage answered more than 8 MB; read no further"
    assert check.holds
    assert "no answer" not in str(check.words)
    assert "which shows nothing" in str(check.words)
