"""Draws the requests of a burst: a mark for each at its intended start, percentiles, and
bars of requests a second.

How a request ended is told by shape and pattern as well as by colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bot.pictures.canvas import Box, Canvas, Point
from bot.pictures.localized import PlotDrawing
from bot.pictures.scales import (
    Scale,
    build_latency_scale,
    build_linear_scale,
    build_time_axis,
    choose_bar_width,
    format_milliseconds,
    space_labels,
)
from bot.pictures.style import BLUE, FAINT, INK, ORANGE, PANEL, PAPER, QUIET, VERMILLION
from bot.ports import Outcome

WIDTH, HEIGHT = 1440, 900
LEFT, RIGHT = 120, 1250
UPPER: Box = (LEFT, 164, RIGHT, 545)
LOWER: Box = (LEFT, 626, RIGHT, 770)
SMALL, NORMAL, LARGE = 22, 24, 38
DENSE = 500
"""Requests from which the percentiles' lines get a rim, without which they would be lost between
the marks."""

DASHES = {"p50": (14, 8), "p95": (14, 6, 3, 6), "p99": (3, 5)}
"""How the percentiles' lines differ."""

Mark = Callable[[Canvas, Point], None]


class OutcomeStyle(NamedTuple):
    """The mark and the bar of requests of one outcome."""

    outcome: Outcome
    mark: Mark
    bar: Callable[[Canvas, Box], None]


KINDS = (
    OutcomeStyle(
        Outcome.WHOLE,
        lambda sheet, at: sheet.draw_dot(at, 6, color=BLUE),
        lambda sheet, box: sheet.draw_box(box, fill="#8EC1E3", color=BLUE),
    ),
    OutcomeStyle(
        Outcome.PARTIAL,
        lambda sheet, at: sheet.draw_triangle(at, 7, color=ORANGE),
        lambda sheet, box: sheet.draw_box(box, fill="#FBE6BC", hatch="/", color="#9A6A00"),
    ),
    OutcomeStyle(
        Outcome.FAILED,
        lambda sheet, at: sheet.draw_cross(at, 8, color=VERMILLION),
        lambda sheet, box: sheet.draw_box(box, fill=PAPER, hatch="x", color=VERMILLION),
    ),
)


def draw_plot(picture: PlotDrawing) -> bytes:
    """Return the plot as PNG, 1440 pixels wide: the same bytes for the same values."""
    sheet = Canvas(WIDTH, HEIGHT)
    end = max(sample.at for sample in picture.samples) + (
        1 / picture.asked if picture.asked else 1.0
    )
    along = build_time_axis(end)
    draw_headings(sheet, picture)
    draw_latencies(sheet, picture, along)
    draw_rates(sheet, picture, along)
    draw_legend(sheet, picture)
    return sheet.to_png()


def draw_headings(sheet: Canvas, picture: PlotDrawing) -> None:
    """Draw the title, the caption with the asked and achieved rates, and the headings of
    both panels.
    """
    labels = picture.labels
    sheet.draw_text((LEFT - 60, 62), labels.title, LARGE)
    sheet.draw_text((LEFT - 60, 98), labels.caption, SMALL, color=QUIET)
    sheet.draw_text((LEFT - 60, 142), labels.times, SMALL)
    sheet.draw_text((LEFT - 60, 604), labels.rates, SMALL)


def place_point(box: Box, along: Scale, up: Scale, point: Point) -> Point:
    """Return where in a panel a point of values lies, in pixels."""
    left, top, right, bottom = box
    return left + along.to_share(point[0]) * (right - left), bottom - up.to_share(point[1]) * (
        bottom - top
    )


def draw_panel(sheet: Canvas, box: Box, up: Scale, words: Callable[[float], str]) -> None:
    """Draw a panel with its horizontal lines and their values."""
    left, top, right, bottom = box
    sheet.draw_box(box, fill=PANEL)
    for tick in up.ticks:
        y = bottom - up.to_share(tick) * (bottom - top)
        sheet.draw_line((left, y), (right, y), color=FAINT)
        sheet.draw_text((left - 12, y), words(tick), SMALL, color=QUIET, anchor="rm")


def draw_latencies(sheet: Canvas, picture: PlotDrawing, along: Scale) -> None:
    """Draw a mark for each request, failures on top, and the percentiles across."""
    up = build_latency_scale([*(sample.ms for sample in picture.samples), picture.p99], picture.p50)
    draw_panel(sheet, UPPER, up, format_milliseconds)
    where = partial(place_point, UPPER, along, up)
    for kind in KINDS:
        for sample in picture.samples:
            if sample.outcome is kind.outcome:
                kind.mark(sheet, where((sample.at, sample.ms)))
    labels = []
    for name, value in (("p50", picture.p50), ("p95", picture.p95), ("p99", picture.p99)):
        if value > 0:
            y = where((0.0, value))[1]
            if len(picture.samples) > DENSE:
                sheet.draw_line((LEFT, y), (RIGHT, y), color=PAPER, width=5)
            sheet.draw_line((LEFT, y), (RIGHT, y), color=INK, width=2, dash=DASHES[name])
            labels.append((y, f"{name} {format_milliseconds(float(f'{value:.3g}'))}"))
    for y, label in space_labels(labels, 26):
        sheet.draw_text((RIGHT + 12, y), label, SMALL, anchor="lm")


def draw_rates(sheet: Canvas, picture: PlotDrawing, along: Scale) -> None:
    """Draw bars by intended start, outcomes upon each other, and the rate that was asked
    for.
    """
    width = choose_bar_width(along.high, 1 / picture.asked if picture.asked else 1.0)
    counts = Counter((int(sample.at / width), sample.outcome) for sample in picture.samples)
    last = max(index for index, _ in counts)
    spans = [min(width, along.high - index * width) for index in range(last + 1)]
    totals = [
        sum(counts[index, kind.outcome] for kind in KINDS) / span
        for index, span in enumerate(spans)
    ]
    up = build_linear_scale(max([picture.asked, *totals]) * 1.1, 4)
    draw_panel(sheet, LOWER, up, lambda value: f"{value:g}")
    where = partial(place_point, LOWER, along, up)
    for index, span in enumerate(spans):
        below = 0.0
        for kind in KINDS:
            above = below + counts[index, kind.outcome] / span
            (x0, y0), (x1, y1) = where((index * width, below)), where((index * width + span, above))
            kind.bar(sheet, (x0 + 2, y1, x1 - 2, y0))
            below = above
    y = where((0.0, picture.asked))[1]
    sheet.draw_line((LEFT, y), (RIGHT, y), color=INK, width=2, dash=(10, 6))
    sheet.draw_text((RIGHT + 12, y), picture.labels.asked, SMALL, anchor="lm")
    for tick in along.ticks:
        x = where((tick, 0.0))[0]
        sheet.draw_line((x, LOWER[3]), (x, LOWER[3] + 8), color=QUIET, width=2)
        sheet.draw_text((x, LOWER[3] + 32), f"{tick:g} s", SMALL, color=QUIET, anchor="ms")


def draw_legend(sheet: Canvas, picture: PlotDrawing) -> None:
    """Draw the marks with how many there are, of all three outcomes, so that a zero is told
    too.
    """
    x, y = float(LEFT - 54), HEIGHT - 42.0
    for kind, words in zip(KINDS, picture.labels.outcomes, strict=True):
        kind.mark(sheet, (x, y))
        kind.bar(sheet, (x + 16, y - 10, x + 48, y + 10))
        sheet.draw_text((x + 58, y), words, NORMAL, anchor="lm")
        x += 58 + sheet.measure_text(words, NORMAL) + 44
