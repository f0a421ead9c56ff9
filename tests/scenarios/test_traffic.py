"""`/mesh traffic`, `graph` and `traces`, typed as people type them, in the order of the workshop
and out of it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

RULES = Ref("networking.istio.io", "destinationrules")


async def arrange(stage: Stage, *steps: str) -> None:
    """Types steps that must all end as done."""
    for step in steps:
        await stage.type(f"/mesh {step}")


WELL = r"(no errors|\d+ % errors: 503)"
"""An edge's errors: reviews may have been asked, by inject or expose, before it had started again.
"""


async def drawn(stage: Stage, wanted: str) -> str:
    """The graph in words, once it shows this: on a busy machine Prometheus is late to see the
    newest requests."""
    for _ in range(10):
        seen = words(await stage.type("/mesh graph 60m"))
        if re.search(wanted, seen):
            return seen
        await asyncio.sleep(0.2)
    raise AssertionError(seen)


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_what_is_sent_is_seen_everywhere(tmp_path: Path, istio: str) -> None:
    """The same requests in the answers, in the graph, and in Jaeger."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await arrange(stage, "install", "addons")
        assert "not yet: traces — no spans yet" in words(await stage.type("/mesh status"))
        await arrange(stage, "kiali", "bookinfo", "inject", "expose")
        sent = words(await stage.type("/mesh traffic burst 60 at 50/s"))
        assert "60 asked, 60 sent through bookinfo-gateway-istio" in sent
        assert "status: 200 × 60" in sent
        assert re.search(r"reviews: v1 × \d+, v2 × \d+, v3 × \d+", sent)
        calls = rf"productpage-v1 → reviews: [\d.]+/s http, {WELL}, mTLS; v1 \d+ %, v2 \d+ %"
        assert "by Kiali" in await drawn(stage, calls)
        assert "replayStart=" in str((await stage.type("/mesh graph 20m")).blocks)
        traces = words(await stage.type("/mesh traces"))
        assert "8 spans" in traces or "6 spans" in traces
        assert "services: bookinfo-gateway-istio, details, productpage, ratings, reviews" in traces
        assert "✅ traces — spans came from bookinfo-gateway-istio, details" in words(
            await stage.type("/mesh status")
        )


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_ambient_shows_connections_and_a_waypoint_requests(
    tmp_path: Path, istio: str
) -> None:
    """TCP edges with mTLS and no new traces at first; with a waypoint requests again, and its
    spans."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await arrange(stage, "install", "addons", "kiali", "bookinfo", "expose")
        await stage.type("/mesh ambient")
        await stage.type('click "Go ambient"')
        await stage.type("/mesh traffic burst 50 at 50/s")
        seen = await drawn(stage, r"productpage-v1 → reviews: \d+ B/s tcp, connections only, mTLS")
        assert "TCP edges are correct" in seen
        assert "without a waypoint: ztunnel sees connections" in words(
            await stage.type("/mesh traces")
        )
        await arrange(stage, "waypoint", "traffic burst 50 at 50/s")
        await drawn(stage, rf"productpage-v1 → reviews: [\d.]+/s http, {WELL}, mTLS")
        assert "waypoint" in words(await stage.type("/mesh traces"))


async def test_traffic_goes_on_until_it_is_stopped(stage: Stage) -> None:
    """Typed again it is already so; the board shows it; stop tells what was seen, then there is
    nothing to stop."""
    await arrange(stage, "install", "bookinfo")
    assert "one request every 0.1 s as jason" in words(
        await stage.type("/mesh traffic start every=100ms as jason")
    )
    assert "go on already: as jason, logged in, every 0.1 s" in words(
        await stage.type("/mesh traffic start every=100ms as jason")
    )
    assert "going on: as jason, logged in, every 0.1 s" in words(await stage.type("/mesh status"))
    assert "as jason, logged in: status: 200 × " in words(await stage.type("/mesh traffic stop"))
    assert "nothing to stop" in words(await stage.type("/mesh traffic stop"))


async def test_traffic_ends_with_what_it_goes_to(stage: Stage) -> None:
    """Taking the application away stops it; nobody has to think of it."""
    await arrange(stage, "install", "bookinfo", "traffic start")
    await stage.type("/mesh bookinfo off")
    await stage.type('click "Take it away"')
    assert "nothing to stop" in words(await stage.type("/mesh traffic stop"))


async def test_before_there_is_anything(stage: Stage) -> None:
    """Each says what is missing, and offers it."""
    assert "Bookinfo is not deployed" in words(await stage.type("/mesh traffic once -> not yet"))
    assert "no application runs in bookinfo" in words(await stage.type("/mesh graph -> not yet"))
    assert "Jaeger is not installed" in words(await stage.type("/mesh traces -> not yet"))


async def test_without_proxies_nothing_is_seen(stage: Stage) -> None:
    """The page answers, and neither graph nor traces can know."""
    await arrange(stage, "install", "addons jaeger prometheus", "bookinfo", "traffic once")
    for step in ("graph", "traces"):
        assert "no pod of bookinfo has a proxy" in words(
            await stage.type(f"/mesh {step} -> not yet")
        )


async def test_a_page_without_reviews_is_not_done(stage: Stage) -> None:
    """The page is 200, and the cause is named: no DestinationRule."""
    await arrange(stage, "install", "bookinfo", "inject", "expose", "route jason")
    await stage.api.delete(RULES, "reviews", "bookinfo")
    said = words(await stage.type("/mesh traffic burst 5 -> not yet"))
    assert "5 of 5 pages came without reviews" in said
    assert "`cause: subset-without-destinationrule`" in said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("traffic burst 5000", "should be 2000 or less"),
        ("traffic burst 10 at 500/s", "should be 50 or less"),
        ("traffic start every=soon", "should be a time such as 3s"),
        ("traffic sometimes", "should be"),
        ("traffic once as <b>", "characters that do not belong"),
    ],
)
async def test_what_cannot_be_sent_is_refused(stage: Stage, typed: str, said: str) -> None:
    """In words that say what can be."""
    assert said in words(await stage.type(f"/mesh {typed} -> error"))
