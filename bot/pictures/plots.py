"""Draws what a burst met: a mark for each request at its intended start, percentiles, and bars of requests a second.

How a request ended is told by shape and pattern as well as by colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bot.drawings import PlotPicture
from bot.pictures.look import BLUE, FAINT, INK, ORANGE, PANEL, PAPER, QUIET, VERMILLION
from bot.pictures.scales import Scale, bucket, linear, milliseconds, spaced, times, until
from bot.pictures.sheet import Box, Point, Sheet
from bot.ports import Outcome

WIDTH, HEIGHT = 1440, 900
LEFT, RIGHT = 120, 1250
UPPER: Box = (LEFT, 164, RIGHT, 545)
LOWER: Box = (LEFT, 626, RIGHT, 770)
SMALL, NORMAL, LARGE = 22, 24, 38
DENSE = 500
"""Requests from which the percentiles' lines get a rim, without which they would be lost between the marks."""

DASHES = {"p50": (14, 8), "p95": (14, 6, 3, 6), "p99": (3, 5)}
"""How the percentiles' lines differ."""

Mark = Callable[[Sheet, Point], None]


class Kind(NamedTuple):
    """How requests of one outcome are drawn."""

    outcome: Outcome
    words: str
    mark: Mark
    bar: Callable[[Sheet, Box], None]


KINDS = (
    Kind(
        Outcome.WHOLE,
        "whole page",
        lambda sheet, at: sheet.dot(at, 6, color=BLUE),
        lambda sheet, box: sheet.box(box, fill="#8EC1E3", color=BLUE),
    ),
    Kind(
        Outcome.PARTIAL,
        "page with a part missing",
        lambda sheet, at: sheet.triangle(at, 7, color=ORANGE),
        lambda sheet, box: sheet.box(box, fill="#FBE6BC", hatch="/", color="#9A6A00"),
    ),
    Kind(
        Outcome.FAILED,
        "error or no answer",
        lambda sheet, at: sheet.cross(at, 8, color=VERMILLION),
        lambda sheet, box: sheet.box(box, fill=PAPER, hatch="x", color=VERMILLION),
    ),
)


def draw(picture: PlotPicture) -> bytes:
    """The PNG, 1440 pixels wide: the same bytes for the same values."""
    sheet = Sheet(WIDTH, HEIGHT)
    end = max(sample.at for sample in picture.samples) + (1 / picture.asked if picture.asked else 1.0)
    along = until(end)
    headings(sheet, picture)
    upper(sheet, picture, along)
    lower(sheet, picture, along)
    legend(sheet, picture)
    return sheet.png()


def headings(sheet: Sheet, picture: PlotPicture) -> None:
    """What it is, of when, and whether the rate was kept."""
    sheet.text((LEFT - 60, 62), picture.title, LARGE)
    told = f"{picture.caption} · asked {picture.asked:g}/s, achieved {picture.achieved:.1f}/s"
    sheet.text((LEFT - 60, 98), told, SMALL, color=QUIET)
    sheet.text((LEFT - 60, 142), "Time of each request, from its intended start", SMALL)
    sheet.text((LEFT - 60, 604), "Requests a second", SMALL)


def place(box: Box, along: Scale, up: Scale, point: Point) -> Point:
    """Where values lie in a panel."""
    left, top, right, bottom = box
    return left + along.share(point[0]) * (right - left), bottom - up.share(point[1]) * (bottom - top)


def panel(sheet: Sheet, box: Box, up: Scale, words: Callable[[float], str]) -> None:
    """A panel with its lines and their values."""
    left, top, right, bottom = box
    sheet.box(box, fill=PANEL)
    for tick in up.ticks:
        y = bottom - up.share(tick) * (bottom - top)
        sheet.line((left, y), (right, y), color=FAINT)
        sheet.text((left - 12, y), words(tick), SMALL, color=QUIET, anchor="rm")


def upper(sheet: Sheet, picture: PlotPicture, along: Scale) -> None:
    """A mark for each request, what went wrong on top, and the percentiles across."""
    up = times([*(sample.ms for sample in picture.samples), picture.p99], picture.p50)
    panel(sheet, UPPER, up, milliseconds)
    where = partial(place, UPPER, along, up)
    for kind in KINDS:
        for sample in picture.samples:
            if sample.outcome is kind.outcome:
                kind.mark(sheet, where((sample.at, sample.ms)))
    labels = []
    for name, value in (("p50", picture.p50), ("p95", picture.p95), ("p99", picture.p99)):
        if value > 0:
            y = where((0.0, value))[1]
            if len(picture.samples) > DENSE:
                sheet.line((LEFT, y), (RIGHT, y), color=PAPER, width=5)
            sheet.line((LEFT, y), (RIGHT, y), color=INK, width=2, dash=DASHES[name])
            labels.append((y, f"{name} {milliseconds(float(f'{value:.3g}'))}"))
    for y, label in spaced(labels, 26):
        sheet.text((RIGHT + 12, y), label, SMALL, anchor="lm")


def lower(sheet: Sheet, picture: PlotPicture, along: Scale) -> None:
    """Bars by intended start, outcomes upon each other, and the rate that was asked for."""
    width = bucket(along.high, 1 / picture.asked if picture.asked else 1.0)
    counts = Counter((int(sample.at / width), sample.outcome) for sample in picture.samples)
    last = max(index for index, _ in counts)
    spans = [min(width, along.high - index * width) for index in range(last + 1)]
    totals = [sum(counts[index, kind.outcome] for kind in KINDS) / span for index, span in enumerate(spans)]
    up = linear(max([picture.asked, *totals]) * 1.1, 4)
    panel(sheet, LOWER, up, lambda value: f"{value:g}")
    where = partial(place, LOWER, along, up)
    for index, span in enumerate(spans):
        below = 0.0
        for kind in KINDS:
            above = below + counts[index, kind.outcome] / span
            (x0, y0), (x1, y1) = where((index * width, below)), where((index * width + span, above))
            kind.bar(sheet, (x0 + 2, y1, x1 - 2, y0))
            below = above
    y = where((0.0, picture.asked))[1]
    sheet.line((LEFT, y), (RIGHT, y), color=INK, width=2, dash=(10, 6))
    sheet.text((RIGHT + 12, y), f"asked {picture.asked:g}/s", SMALL, anchor="lm")
    for tick in along.ticks:
        x = where((tick, 0.0))[0]
        sheet.line((x, LOWER[3]), (x, LOWER[3] + 8), color=QUIET, width=2)
        sheet.text((x, LOWER[3] + 32), f"{tick:g} s", SMALL, color=QUIET, anchor="ms")


def legend(sheet: Sheet, picture: PlotPicture) -> None:
    """The marks with how many there are, of all three outcomes, so that a zero is told too."""
    x, y = float(LEFT - 54), HEIGHT - 42.0
    counts = Counter(sample.outcome for sample in picture.samples)
    for kind in KINDS:
        kind.mark(sheet, (x, y))
        kind.bar(sheet, (x + 16, y - 10, x + 48, y + 10))
        words = f"{kind.words}: {counts[kind.outcome]}"
        sheet.text((x + 58, y), words, NORMAL, anchor="lm")
        x += 58 + sheet.width(words, NORMAL) + 44
