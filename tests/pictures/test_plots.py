"""The plot of a burst, looked at pixel by pixel."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest

from bot.drawings import PastBurst, PlotPicture
from bot.language import ENGLISH, Localizer
from bot.pictures.localized import localize_plot
from bot.pictures.scales import (
    build_latency_scale,
    build_linear_scale,
    build_time_axis,
    choose_bar_width,
    space_labels,
)
from bot.ports import Outcome, Sample
from bot.text import Text
from tests.pictures.examples import burst

pytest.importorskip("PIL", reason="the extra `graphs` is not installed")

from PIL import Image

from bot.pictures import plots
from bot.pictures.style import BLUE, HEIGHT, ORANGE, VERMILLION, WIDTH


def draw(picture: PlotPicture) -> bytes:
    """The plot in English."""
    return plots.draw_plot(localize_plot(picture, ENGLISH))


UPPER = (plots.LEFT, plots.UPPER[0], plots.RIGHT, plots.UPPER[1])
LOWER = (plots.LEFT, plots.LOWER[0], plots.RIGHT, plots.LOWER[1])
LONG = tuple(Sample(n * 9.9, 9000.0 + n, Outcome.FAILED) for n in range(200))
PAST = PastBurst(
    Text("{n} requests at 0.1/s, as somebody-with-a-very-long-name, logged in", n=200),
    Text("until 2026-11-25 19:05:12 UTC"),
    LONG,
    0.1,
    9100.0,
    9190.0,
    9199.0,
)


def colors(png: bytes, box: tuple[float, float, float, float] = UPPER) -> Counter[str]:
    """How often each colour occurs in a part of the picture."""
    left, top, right, bottom = map(round, box)
    part = Image.open(io.BytesIO(png)).convert("RGB").crop((left, top, right, bottom)).tobytes()
    found = Counter(zip(part[0::3], part[1::3], part[2::3], strict=True))
    return Counter({f"#{r:02X}{g:02X}{b:02X}": count for (r, g, b), count in found.items()})


def test_the_same_requests_give_the_same_picture() -> None:
    """To the byte, and as a wall is, twice as wide as Slack shows it."""
    first, second = draw(burst(50)), draw(burst(50))
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (1600, 900)


@pytest.mark.parametrize(
    ("outcome", "there"),
    [(Outcome.WHOLE, BLUE), (Outcome.PARTIAL, ORANGE), (Outcome.FAILED, VERMILLION)],
)
def test_each_outcome_has_its_mark(outcome: Outcome, there: str) -> None:
    """Its own colour is in the panel of times, and none of the others'."""
    found = colors(draw(burst(20, lambda n: outcome)))
    assert found[there] > 200
    assert all(found[other] == 0 for other in {BLUE, ORANGE, VERMILLION} - {there})


def test_bars_show_when_it_failed() -> None:
    """Errors in the second half colour the right half of the lower panel alone."""
    png = draw(burst(100, lambda n: Outcome.FAILED if n >= 50 else Outcome.WHOLE))
    left, top, right, bottom = LOWER
    middle = (left + right) / 2
    assert colors(png, (left, top, middle - 4, bottom))[VERMILLION] == 0
    assert colors(png, (middle + 4, top, right, bottom))[VERMILLION] > 1000


def test_a_few_very_slow_ones_do_not_flatten_the_rest() -> None:
    """Then the axis is logarithmic: marks of 10 and 40 ms stand apart although one took ten
    seconds."""
    scale = build_latency_scale([10.0, 40.0, 10_000.0], 40.0)
    assert scale.logarithmic
    assert scale.to_share(40.0) - scale.to_share(10.0) > 0.15
    assert not build_latency_scale([10.0, 40.0, 60.0], 40.0).logarithmic


@pytest.mark.parametrize("high", [0.0, 0.1, 1.0, 37.2, 50.0, 1999.0])
def test_axes_end_on_round_numbers(high: float) -> None:
    """With few ticks, the last at or above the highest value."""
    scale = build_linear_scale(high)
    assert scale.high >= high
    assert 2 <= len(scale.ticks) <= 7
    assert scale.ticks[-1] == pytest.approx(scale.high)
    assert build_time_axis(9.7).high == 9.7


def test_bars_are_neither_too_many_nor_too_thin() -> None:
    """A second each for a short burst; no narrower than the pause between two requests."""
    assert choose_bar_width(10.0, 0.05) == 1.0
    assert choose_bar_width(120.0, 10.0) == 10.0
    assert choose_bar_width(2000.0, 1.0) == 60.0


def test_labels_do_not_touch() -> None:
    """Percentiles that fall together are written below each other."""
    assert space_labels([(100.0, "p95"), (99.0, "p99"), (300.0, "p50")], 26) == [
        (99.0, "p99"),
        (125.0, "p95"),
        (300.0, "p50"),
    ]


@pytest.mark.parametrize("count", [2, 3, 2000])
def test_any_number_of_requests_can_be_plotted(count: int) -> None:
    """Also when they all took no time at all."""
    assert draw(burst(count, ms=lambda n: 0.0)).startswith(b"\x89PNG")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("before", [None, PAST], ids=["alone", "beside another"])
@pytest.mark.parametrize(
    "percentiles", [(40.0, 60.0, 80.0), (40.0, 40.0, 40.0), (1.0, 1.2, 9_999.0), (80.0, 80.0, 80.0)]
)
def test_no_words_touch_any_others(
    percentiles: tuple[float, float, float], before: PastBurst | None, language: str
) -> None:
    """By the boxes of all that is written, in the picture, however the figures fall."""
    p50, p95, p99 = percentiles
    picture = replace(burst(300), p50=p50, p95=p95, p99=p99, before=before)
    sheet = plots.compose_plot(localize_plot(picture, Localizer(language)))
    for (one, a), (other, b) in combinations(sheet.words, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, other)
    for words, box in sheet.words:
        assert box[0] >= 0, words
        assert box[2] <= WIDTH, words
        assert box[3] <= HEIGHT, words


def test_the_burst_before_stands_beside_it_faintly() -> None:
    """With its figures in words, on the same scale, and in none of this burst's colours."""
    png = draw(replace(burst(20), before=PAST))
    left = (plots.LEFT - 60, plots.UPPER[0], plots.PAST_RIGHT, plots.UPPER[1])
    assert not {BLUE, ORANGE, VERMILLION} & set(colors(png, left))
    assert colors(png, left)[plots.PAST.marks[2]] > 50
    labels = localize_plot(replace(burst(20), before=PAST), ENGLISH).labels
    assert labels.before[1:] == (
        "until 2026-11-25 19:05:12 UTC",
        "p50 9.1 s, p95 9.19 s, p99 9.2 s",
        "0 with a part missing, 200 failed",
    )
