"""The plot of a burst, looked at pixel by pixel."""

from __future__ import annotations

import io
from collections import Counter

import pytest

from bot.drawings import PlotPicture
from bot.language import ENGLISH
from bot.pictures.localized import localize_plot
from bot.pictures.scales import (
    build_latency_scale,
    build_linear_scale,
    build_time_axis,
    choose_bar_width,
    space_labels,
)
from bot.ports import Outcome
from tests.pictures.examples import burst

pytest.importorskip("PIL", reason="the extra `graphs` is not installed")

from PIL import Image

from bot.pictures import plots
from bot.pictures.style import BLUE, ORANGE, VERMILLION


def draw(picture: PlotPicture) -> bytes:
    """The plot in English."""
    return plots.draw_plot(localize_plot(picture, ENGLISH))


def colors(png: bytes, box: tuple[float, float, float, float] = plots.UPPER) -> Counter[str]:
    """How often each colour occurs in a part of the picture."""
    left, top, right, bottom = map(round, box)
    part = Image.open(io.BytesIO(png)).convert("RGB").crop((left, top, right, bottom)).tobytes()
    found = Counter(zip(part[0::3], part[1::3], part[2::3], strict=True))
    return Counter({f"#{r:02X}{g:02X}{b:02X}": count for (r, g, b), count in found.items()})


def test_the_same_requests_give_the_same_picture() -> None:
    """To the byte, and twice as wide as Slack shows a message."""
    first, second = draw(burst(50)), draw(burst(50))
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (1440, 900)


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
    left, top, right, bottom = plots.LOWER
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
