"""What the bot sends, and what it says that it met."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.knowledge.bookinfo.traffic_report import format_codes
from bot.ports import UNREAD, LoadSpec
from tests.traffic.stage import BROKEN, GONE, SERVED, STARS, App, gateway, sending_to

PAGES = [
    (SERVED.format(version="v1", extra=""), "v1", "none"),
    (SERVED.format(version="v2", extra=STARS), "v2", "seen"),
    (SERVED.format(version="v3", extra=STARS.replace("black", "red")), "v3", "seen"),
    (SERVED.format(version="v3", extra=GONE), "v3", "unavailable"),
    (BROKEN, "none", "none"),
]


@pytest.mark.parametrize(("page", "version", "ratings"), PAGES)
async def test_the_page_tells_who_served_it(
    tmp_path: Path, page: str, version: str, ratings: str
) -> None:
    """The status is 200 in each case; only the text differs."""
    async with sending_to(App({"": page}), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(2, 50))
    assert (seen.codes, seen.versions, seen.ratings) == ({"200": 2}, {version: 2}, {ratings: 2})
    assert not seen.trouble


async def test_a_user_is_logged_in_once_and_only_for_their_own_load(tmp_path: Path) -> None:
    """The page knows its user by the session's cookie alone."""
    app = App({"": PAGES[0][0], "jason": PAGES[1][0]})
    async with sending_to(app, tmp_path) as traffic:
        jason = await traffic.send("bookinfo", LoadSpec(3, 50, "jason"))
        nobody = await traffic.send("bookinfo", LoadSpec(3, 50))
    assert (jason.versions, nobody.versions, app.logins) == ({"v2": 3}, {"v1": 3}, 1)


async def test_the_rate_is_kept_whatever_the_answers_take(tmp_path: Path) -> None:
    """Open loop: slow answers do not slow the asking."""
    async with sending_to(App(delays=[0.2] * 20), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(20, 50))
    assert (seen.asked, seen.sent) == (20, 20)
    assert seen.rate == pytest.approx(50, rel=0.2)
    assert seen.p50 >= 200


async def test_percentiles_count_from_the_intended_start(tmp_path: Path) -> None:
    """One slow answer in twenty is the 99th percentile and not the median."""
    async with sending_to(App(delays=[0.3]), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(20, 50))
    assert seen.p50 <= seen.p95 <= 150
    assert seen.p99 >= 300


@pytest.mark.long
async def test_waiting_for_a_full_house_counts(tmp_path: Path) -> None:
    """When too many are under way, the time that the next one waits is in its figure."""
    async with sending_to(App(delays=[0.9] * 32), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(36, 50))
    assert seen.p99 >= 900
    assert seen.rate < 45


async def test_silence_ends_a_load_with_its_reason(tmp_path: Path) -> None:
    """Nobody waits for hundreds of requests that nothing answers."""
    async with sending_to(App(away=True), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(500, 50))
    assert "no endpoints available" in str(seen.trouble)
    assert seen.sent < 40
    assert seen.codes == {"0": seen.sent}


async def test_a_cut_connection_is_an_answer_that_is_missing(tmp_path: Path) -> None:
    """It is counted, and the reason is not hidden."""
    async with sending_to(App(cut=True), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(2, 50))
    assert seen.codes == {"0": 2}
    assert seen.trouble


async def test_a_login_that_fails_is_said(tmp_path: Path) -> None:
    """Requests as somebody else would be a lie."""
    app = App(locked=True)
    async with sending_to(app, tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(2, 50, "jason"))
    assert "did not log jason in" in str(seen.trouble)
    assert (seen.sent, app.calls) == (0, [])


DOORS = [
    (None, "productpage"),
    (gateway("True"), "bookinfo-gateway-istio"),
    (gateway("False", "no instances found for hostname"), "productpage"),
    (gateway("False", "address pending for hostname"), "bookinfo-gateway-istio"),
]


@pytest.mark.parametrize(("found", "via"), DOORS)
async def test_the_gateway_is_used_when_it_serves(
    tmp_path: Path, found: dict[str, object] | None, via: str
) -> None:
    """A lacking load balancer does not matter from inside the cluster."""
    app = App(gateway=found)
    async with sending_to(app, tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(1))
    assert (str(seen.via), app.calls) == (via, [via])


async def test_a_stream_goes_on_until_stopped(tmp_path: Path) -> None:
    """With totals, and nothing is sent afterwards."""
    app = App()
    async with sending_to(app, tmp_path) as traffic:
        traffic.start("bookinfo", every=0.02)
        await asyncio.sleep(0.3)
        assert [s.user for s in traffic.list_streams()] == [""]
        (stopped,) = traffic.stop("bookinfo")
        sent = len(app.calls)
        await asyncio.sleep(0.1)
        assert traffic.list_streams() == []
    assert stopped.seen.codes["200"] >= 5
    assert len(app.calls) <= sent + 1


async def test_a_stream_ends_by_itself(tmp_path: Path) -> None:
    """Nobody has to remember it."""
    async with sending_to(App(), tmp_path) as traffic:
        started = traffic.start("bookinfo", every=0.02, seconds=0.1)
        assert started.until - started.since == pytest.approx(0.1)
        await asyncio.sleep(0.3)
        assert traffic.list_streams() == []


async def test_one_stream_for_each_user(tmp_path: Path) -> None:
    """Starting it again replaces it; another user's goes on beside it."""
    app = App()
    async with sending_to(app, tmp_path) as traffic:
        for user, every in (("", 1.0), ("jason", 1.0), ("jason", 0.5)):
            traffic.start("bookinfo", every=every, user=user)
        assert {(s.user, s.every) for s in traffic.list_streams()} == {("", 1.0), ("jason", 0.5)}
        assert traffic.stop("elsewhere") == []
        assert len(traffic.stop("bookinfo")) == 2


async def test_a_stream_waits_for_an_application_that_is_away(tmp_path: Path) -> None:
    """It goes on asking, and sees it come."""
    app = App(away=True)
    async with sending_to(app, tmp_path) as traffic:
        traffic.start("bookinfo", every=0.02)
        await asyncio.sleep(0.2)
        assert "no endpoints" in str(traffic.list_streams()[0].seen.trouble)
        app.away = False
        await asyncio.sleep(0.2)
        assert traffic.list_streams()[0].seen.codes["200"] >= 1


async def test_a_stream_that_nothing_answers_ends(tmp_path: Path) -> None:
    """An application that is gone is not asked for an hour; what was met stays known."""
    async with sending_to(App(away=True), tmp_path, silence=0.2) as traffic:
        traffic.start("bookinfo", every=0.05)
        await asyncio.sleep(0.5)
        assert traffic.list_streams() == []
        last = traffic.get_last_report("bookinfo")
    assert last is not None
    assert "no endpoints" in str(last[1].trouble)


async def test_a_load_that_is_cancelled_stops(tmp_path: Path) -> None:
    """A bot that is told to stop does not go on asking."""
    app = App()
    async with sending_to(app, tmp_path) as traffic:
        load = asyncio.create_task(traffic.send("bookinfo", LoadSpec(200, 50)))
        await asyncio.sleep(0.2)
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        sent = len(app.calls)
        await asyncio.sleep(0.1)
    assert 0 < len(app.calls) <= sent + 1


async def test_a_page_that_is_too_long_is_no_silence(tmp_path: Path) -> None:
    """Counted for what it is, with the reason, and not asked for a hundred times."""
    async with sending_to(App({"": "x" * 1_100_000}), tmp_path) as traffic:
        seen = await traffic.send("bookinfo", LoadSpec(100, 50))
    assert set(seen.codes) == {UNREAD}
    assert seen.sent < 100
    assert str(seen.trouble) == "productpage answered more than 1 MB; read no further"
    assert str(format_codes(seen.codes)).startswith("answer too long or too slow × ")
