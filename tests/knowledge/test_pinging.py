"""What a ping says: what changed, since when and why, and nothing while nothing changes."""

from __future__ import annotations

import time

import pytest

from bot.knowledge.observe.health import (
    ABSENT,
    DOWN,
    UP,
    HealthResult,
    compare_with_memory,
    describe_health,
    find_unready_since,
)
from bot.text import Text

NOW = 1_795_000_000.0
KIALI = [HealthResult(Text("Kiali"), UP)]
GONE = [HealthResult(Text("Kiali"), DOWN, Text("0 of 1 pods ready: ImagePullBackOff"), NOW - 20)]


def test_the_first_look_says_only_what_is_down() -> None:
    """What is not installed is not down, and what is well is nothing new."""
    news = compare_with_memory(
        [HealthResult(Text("istiod"), UP), HealthResult(Text("gateway"), ABSENT), *GONE], {}, NOW
    )
    assert [str(words).split(":")[0] for words in news.down] == [
        f"Kiali is down since {spoken(NOW - 20)}"
    ]
    assert news.back == ()


def spoken(moment: float) -> str:
    """A moment up to its first colon, as the message has it."""
    return time.strftime("%d %b %H", time.gmtime(moment))


def test_down_is_said_once_with_its_reason_and_back_with_how_long() -> None:
    """Remembered, so that a restart of the bot does not say it again."""
    first = compare_with_memory(KIALI, {}, NOW - 60)
    down = compare_with_memory(GONE, first.memory, NOW)
    assert "ImagePullBackOff" in str(down.down[0])
    still = compare_with_memory(GONE, down.memory, NOW + 60)
    assert (still.down, still.back) == ((), ())
    back = compare_with_memory(KIALI, still.memory, NOW + 100)
    assert tuple(map(str, back.back)) == ("Kiali is back; it was away for 2 min",)
    assert compare_with_memory(KIALI, back.memory, NOW + 160).back == ()


@pytest.mark.parametrize(("before", "news"), [(UP, 1), (DOWN, 0), (ABSENT, 0)])
def test_what_is_taken_away_is_down_when_it_was_there(before: str, news: int) -> None:
    """A Deployment that vanished is an outage; one that never was is not."""
    memory = {"Kiali": {"state": before, "since": NOW - 60}}
    assert (
        len(
            compare_with_memory(
                [HealthResult(Text("Kiali"), ABSENT, Text("there is no Deployment"), NOW)],
                memory,
                NOW,
            ).down
        )
        == news
    )


def test_an_outage_that_is_not_over_keeps_its_beginning() -> None:
    """The list says since when, not since the last look."""
    memory = compare_with_memory(GONE, {}, NOW).memory
    assert memory["Kiali"] == {"state": DOWN, "since": NOW - 20}
    assert "❌ Kiali is down since" in str(
        describe_health(HealthResult(Text("Kiali"), ABSENT, Text("gone")), memory)
    )
    assert (
        str(describe_health(HealthResult(Text("Jaeger"), ABSENT, Text("gone")), memory))
        == "▫️ Jaeger is not installed"
    )


def test_the_deployment_tells_since_when() -> None:
    """Its Available condition, when that is false; otherwise it is only known now."""
    condition = {
        "type": "Available",
        "status": "False",
        "lastTransitionTime": "2026-11-25T16:00:00Z",
    }
    assert find_unready_since({"status": {"conditions": [condition]}}) == 1_795_622_400.0
    assert find_unready_since(
        {"status": {"conditions": [condition | {"status": "True"}]}}
    ) == pytest.approx(time.time(), abs=5)
