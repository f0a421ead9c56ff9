"""Draws the requests of a burst: a mark for each at its intended start, percentiles, and bars of
requests a second; beside it, faintly, the burst before.

How a request ended is told by shape and pattern as well as by colour.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import NamedTuple

from bot.pictures.canvas import Box, Canvas, Point
from bot.pictures.localized import PlotDrawing, SeriesDrawing
from bot.pictures.scales import (
    Scale,
    build_latency_scale,
    build_linear_scale,
    build_time_axis,
    choose_bar_width,
    format_milliseconds,
    space_labels,
)
from bot.pictures.style import (
    BLUE,
    ELLIPSIS,
    FAINT,
    HEIGHT,
    INK,
    ORANGE,
    PANEL,
    PAPER,
    QUIET,
    VERMILLION,
    WIDTH,
)
from bot.ports import Outcome

LEFT, RIGHT = 120.0, 1420.0
PAST_RIGHT, MIDDLE = 480.0, 640.0
"""Where the panels of the burst before end, and those of this one begin, if there are both."""
UPPER, LOWER = (240.0, 565.0), (646.0, 776.0)
"""Top and bottom of the panel of times, and of that of rates."""
TIMES, RATES, PAST_TOP = 222.0, 628.0, 142.0
"""Where the headings of the panels stand, and the first line over the burst before."""
SMALL, NORMAL, LARGE = 22, 24, 38
LABEL = 26.0
"""Pixels from one percentile's label to the next."""
DENSE = 500
"""Requests from which the percentiles' lines get a rim, without which they would be lost between
the marks."""

DASHES = {"p50": (14, 8), "p95": (14, 6, 3, 6), "p99": (3, 5)}
"""How the percentiles' lines differ."""


class Pens(NamedTuple):
    """The colours of marks and bars by outcome, and of lines; faint ones for what is past."""

    marks: tuple[str, str, str]
    fills: tuple[str, str]
    rims: tuple[str, str, str]
    line: str


NOW = Pens((BLUE, ORANGE, VERMILLION), ("#8EC1E3", "#FBE6BC"), (BLUE, "#9A6A00", VERMILLION), INK)
PAST = Pens(
    ("#A9CDE4", "#F3D398", "#EBB38C"),
    ("#DCEBF5", "#FDF4E0"),
    ("#A9CDE4", "#D9C08A", "#EBB38C"),
    "#8A939B",
)


class Frame(NamedTuple):
    """Where one burst is drawn: from left to right, along which time, and with which pens."""

    left: float
    right: float
    along: Scale
    pens: Pens

    def get_box(self, rows: tuple[float, float]) -> Box:
        """Return the box of a panel between these rows."""
        return self.left, rows[0], self.right, rows[1]


def draw_plot(picture: PlotDrawing) -> bytes:
    """Return the plot as PNG, 1600 pixels wide: the same bytes for the same values."""
    sheet = compose_plot(picture)
    return sheet.to_png()


def compose_plot(picture: PlotDrawing) -> Canvas:
    """Return the plot on its canvas."""
    sheet = Canvas(WIDTH, HEIGHT)
    labels = picture.labels
    sheet.draw_text((LEFT - 60, 62), labels.title, LARGE)
    sheet.draw_text((LEFT - 60, 98), labels.caption, SMALL, color=QUIET)
    both = [each for each in (picture.before, picture.now) if each is not None]
    values = [each for one in both for each in (*(s.ms for s in one.samples), one.p99)]
    up = build_latency_scale(values, picture.now.p50)
    rates = build_linear_scale(max(map(find_highest_rate, both)) * 1.1, 4)
    begin = MIDDLE if picture.before is not None else LEFT
    sheet.draw_text((begin - 60, TIMES), labels.times, SMALL)
    sheet.draw_text((begin - 60, RATES), labels.rates, SMALL)
    if picture.before is not None:
        sheet.draw_text((begin - 60, TIMES - 30), labels.this, NORMAL)
        draw_past(sheet, picture, up, rates)
    frame = Frame(begin, RIGHT, build_time_axis(find_end(picture.now)), NOW)
    draw_series(sheet, frame, picture.now, (up, rates))
    draw_values(sheet, begin, up, rates)
    draw_percentile_labels(sheet, picture.now, up)
    y = place_point(frame.get_box(LOWER), frame.along, rates, (0.0, picture.now.asked))[1]
    sheet.draw_text((RIGHT + 12, y), labels.asked, SMALL, anchor="lm")
    draw_legend(sheet, picture)
    return sheet


def draw_past(sheet: Canvas, picture: PlotDrawing, up: Scale, rates: Scale) -> None:
    """Draw the burst before on the left, with its figures over it."""
    assert picture.before is not None
    along = build_time_axis(find_end(picture.before), 3)
    draw_series(sheet, Frame(LEFT - 60, PAST_RIGHT, along, PAST), picture.before, (up, rates))
    for number, line in enumerate(picture.labels.before):
        at = LEFT - 60, PAST_TOP + LABEL * number
        sheet.draw_text(at, fit_words(sheet, line, MIDDLE - LEFT + 20), SMALL, color=QUIET)


def find_end(series: SeriesDrawing) -> float:
    """Return when a burst's last request had its share of time, in seconds."""
    last = max(sample.at for sample in series.samples)
    return last + (1 / series.asked if series.asked else 1.0)


def find_highest_rate(series: SeriesDrawing) -> float:
    """Return the most requests a second that are drawn."""
    return max([series.asked, *measure_rates(series)[1]])


def draw_series(
    sheet: Canvas, frame: Frame, series: SeriesDrawing, scales: tuple[Scale, Scale]
) -> None:
    """Draw a burst: marks and percentiles above, bars and the asked rate below."""
    up, rates = scales
    for rows, scale in ((UPPER, up), (LOWER, rates)):
        draw_panel(sheet, frame.get_box(rows), scale)
    where = partial(place_point, frame.get_box(UPPER), frame.along, up)
    # Failures on top.
    for number, outcome in enumerate(Outcome):
        for sample in series.samples:
            if sample.outcome is outcome:
                draw_mark(sheet, where((sample.at, sample.ms)), number, frame.pens)
    for name, value in list_percentiles(series):
        y = where((0.0, value))[1]
        if len(series.samples) > DENSE:
            sheet.draw_line((frame.left, y), (frame.right, y), color=PAPER, width=5)
        ends = (frame.left, y), (frame.right, y)
        sheet.draw_line(*ends, color=frame.pens.line, width=2, dash=DASHES[name])
    draw_bars(sheet, frame, series, rates)


def draw_panel(sheet: Canvas, box: Box, up: Scale) -> None:
    """Draw a panel with its horizontal lines."""
    left, top, right, bottom = box
    sheet.draw_box(box, fill=PANEL)
    for tick in up.ticks:
        y = bottom - up.to_share(tick) * (bottom - top)
        sheet.draw_line((left, y), (right, y), color=FAINT)


def draw_values(sheet: Canvas, left: float, up: Scale, rates: Scale) -> None:
    """Draw the values of the horizontal lines, which hold for both bursts."""
    for (top, bottom), scale, name in (
        (UPPER, up, format_milliseconds),
        (LOWER, rates, "{:g}".format),
    ):
        for tick in scale.ticks:
            y = bottom - scale.to_share(tick) * (bottom - top)
            sheet.draw_text((left - 12, y), name(tick), SMALL, color=QUIET, anchor="rm")


def draw_mark(sheet: Canvas, at: Point, number: int, pens: Pens) -> None:
    """Draw the mark of one request: a dot, a triangle or a cross, in the order of `Outcome`."""
    color = pens.marks[number]
    if number == 0:
        sheet.draw_dot(at, 6, color=color)
    elif number == 1:
        sheet.draw_triangle(at, 7, color=color, rim=pens.line)
    else:
        sheet.draw_cross(at, 8, color=color)


def draw_bar(sheet: Canvas, box: Box, number: int, pens: Pens) -> None:
    """Draw the bar of requests of one outcome: plain, or with lines in one or two directions."""
    fill = (*pens.fills, PAPER)[number]
    sheet.draw_box(box, fill=fill, hatch=("", "/", "x")[number], color=pens.rims[number])


def measure_rates(series: SeriesDrawing) -> tuple[float, list[float], Counter[tuple[int, Outcome]]]:
    """Return the width of a bar in seconds, each bar's requests a second, and its counts."""
    width = choose_bar_width(find_end(series), 1 / series.asked if series.asked else 1.0)
    counts = Counter((int(sample.at / width), sample.outcome) for sample in series.samples)
    last = max(index for index, _ in counts)
    spans = [min(width, find_end(series) - index * width) for index in range(last + 1)]
    totals = [
        sum(counts[index, outcome] for outcome in Outcome) / span
        for index, span in enumerate(spans)
    ]
    return width, totals, counts


def draw_bars(sheet: Canvas, frame: Frame, series: SeriesDrawing, up: Scale) -> None:
    """Draw bars by intended start, outcomes upon each other, the rate that was asked for, and the
    time.
    """
    box = frame.get_box(LOWER)
    where = partial(place_point, box, frame.along, up)
    width, totals, counts = measure_rates(series)
    for index in range(len(totals)):
        below, span = 0.0, min(width, frame.along.high - index * width)
        for number, outcome in enumerate(Outcome):
            above = below + counts[index, outcome] / span
            (x0, y0), (x1, y1) = where((index * width, below)), where((index * width + span, above))
            draw_bar(sheet, (x0 + 2, y1, x1 - 2, y0), number, frame.pens)
            below = above
    y = where((0.0, series.asked))[1]
    sheet.draw_line((box[0], y), (box[2], y), color=frame.pens.line, width=2, dash=(10, 6))
    for tick in frame.along.ticks:
        x = where((tick, 0.0))[0]
        sheet.draw_line((x, box[3]), (x, box[3] + 8), color=QUIET, width=2)
        sheet.draw_text((x, box[3] + 32), f"{tick:g} s", SMALL, color=QUIET, anchor="ms")


def place_point(box: Box, along: Scale, up: Scale, point: Point) -> Point:
    """Return where in a panel a point of values lies, in pixels."""
    left, top, right, bottom = box
    return left + along.to_share(point[0]) * (right - left), bottom - up.to_share(point[1]) * (
        bottom - top
    )


def list_percentiles(series: SeriesDrawing) -> list[tuple[str, float]]:
    """Return the names and values of the percentiles that are known."""
    named = (("p50", series.p50), ("p95", series.p95), ("p99", series.p99))
    return [(name, value) for name, value in named if value > 0]


def draw_percentile_labels(sheet: Canvas, series: SeriesDrawing, up: Scale) -> None:
    """Draw what the percentiles are, each with a line to its own, where none touches another."""
    top, bottom = UPPER
    places = []
    for name, value in list_percentiles(series):
        label = f"{name} {format_milliseconds(float(f'{value:.3g}'))}"
        places.append((bottom - up.to_share(value) * (bottom - top), label))
    heights = sorted(place for place, _ in places)
    for height, (y, label) in zip(heights, space_labels(places, LABEL), strict=True):
        sheet.draw_line((RIGHT, height), (RIGHT + 14, y), color=QUIET, width=1)
        sheet.draw_text((RIGHT + 18, y), label, SMALL, anchor="lm")


def fit_words(sheet: Canvas, words: str, width: float) -> str:
    """Return words cut to a width in pixels."""
    if sheet.measure_text(words, SMALL) <= width:
        return words
    while words and sheet.measure_text(words + ELLIPSIS, SMALL) > width:
        words = words[:-1]
    return words + ELLIPSIS


def draw_legend(sheet: Canvas, picture: PlotDrawing) -> None:
    """Draw the marks with how many there are, of all three outcomes, so that a zero is told
    too.
    """
    x, y = LEFT - 54, HEIGHT - 42.0
    for number, words in enumerate(picture.labels.outcomes):
        draw_mark(sheet, (x, y), number, NOW)
        draw_bar(sheet, (x + 16, y - 10, x + 48, y + 10), number, NOW)
        sheet.draw_text((x + 58, y), words, NORMAL, anchor="lm")
        x += 58 + sheet.measure_text(words, NORMAL) + 44
