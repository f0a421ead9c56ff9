"""Draws a trace: a row for each span, below the one that caused it, over the time that it took.

The slowest span and those with errors are told by pattern and words as well as by colour.
"""

from __future__ import annotations

from bot.drawings import SpanBar
from bot.pictures.canvas import Canvas
from bot.pictures.localized import TraceDrawing
from bot.pictures.scales import build_time_axis, format_milliseconds
from bot.pictures.style import BLUE, FAINT, INK, ORANGE, PANEL, PAPER, QUIET, VERMILLION

WIDTH = 1440
MARGIN, LEFT, RIGHT = 60, 560, 1080
"""Where the labels begin, and the bars begin and end; what is said of each stands behind."""
TOP, ROW, BAR = 164, 38, 20
FOOT = 130
"""Pixels below the last row: the axis and the legend."""
STEP = 26
"""Pixels to the right for each span down the tree."""
DEEPEST = 9
"""Levels that are told apart by their place; deeper ones stand below each other."""
SMALL, NORMAL, LARGE = 22, 22, 38
LEAST_BAR = 3.0
"""Pixels of the shortest bar, so that each span is seen."""


def draw_trace(picture: TraceDrawing) -> bytes:
    """Return the trace as PNG, 1440 pixels wide: the same bytes for the same values."""
    bottom = TOP + ROW * len(picture.rows)
    sheet = Canvas(WIDTH, bottom + FOOT)
    sheet.draw_text((MARGIN, 62), picture.title, LARGE)
    sheet.draw_text((MARGIN, 98), picture.caption, SMALL, color=QUIET)
    end = max((row.start + row.ms for row in picture.rows), default=1.0) or 1.0
    draw_axis(sheet, end, bottom)
    draw_branches(sheet, picture.rows)
    for number, (row, note) in enumerate(zip(picture.rows, picture.notes, strict=True)):
        draw_row(sheet, TOP + ROW * number, row, note, end)
    if picture.more:
        sheet.draw_text((MARGIN, bottom + 26), picture.more, SMALL, color=QUIET)
    draw_legend(sheet, picture.legend, bottom + FOOT - 34)
    return sheet.to_png()


def draw_axis(sheet: Canvas, end: float, bottom: float) -> None:
    """Draw the panel with a line for each step of the time."""
    sheet.draw_box((LEFT, TOP - 8, RIGHT, bottom), fill=PANEL)
    for tick in build_time_axis(end, 5).ticks:
        x = LEFT + tick / end * (RIGHT - LEFT)
        sheet.draw_line((x, TOP - 8), (x, bottom), color=FAINT)
        words = format_milliseconds(float(f"{tick:.3g}"))
        sheet.draw_text((x, bottom + 30), words, SMALL, color=QUIET, anchor="ms")


def draw_branches(sheet: Canvas, rows: tuple[SpanBar, ...]) -> None:
    """Draw the lines of the tree: from each span down to those that it caused."""
    for number, row in enumerate(rows):
        if not row.depth:
            continue
        parent = next((n for n in range(number - 1, -1, -1) if rows[n].depth < row.depth), None)
        if parent is None:
            continue
        x, y = place_label(rows[parent].depth) + 8, TOP + ROW * number + ROW / 2
        sheet.draw_line((x, TOP + ROW * (parent + 1) - 6), (x, y), color=QUIET)
        sheet.draw_line((x, y), (place_label(row.depth) - 4, y), color=QUIET)


def place_label(depth: int) -> float:
    """Return where the label of a span of that depth begins."""
    return MARGIN + STEP * min(depth, DEEPEST)


def draw_row(sheet: Canvas, top: float, row: SpanBar, note: str, end: float) -> None:
    """Draw one span: its label, its bar and what is said of it."""
    middle = top + ROW / 2
    left = place_label(row.depth)
    label = fit_words(sheet, row.label, LEFT - 16 - left)
    sheet.draw_text((left, middle), label, NORMAL, anchor="lm")
    x0 = LEFT + row.start / end * (RIGHT - LEFT)
    x1 = min(max(x0 + row.ms / end * (RIGHT - LEFT), x0 + LEAST_BAR), RIGHT)
    draw_bar(sheet, (min(x0, RIGHT - LEAST_BAR), middle - BAR / 2, x1, middle + BAR / 2), row)
    color = VERMILLION if row.failed else INK
    sheet.draw_text((RIGHT + 14, middle), note, SMALL, color=color, anchor="lm")


def draw_bar(sheet: Canvas, box: tuple[float, float, float, float], row: SpanBar) -> None:
    """Draw the bar of a span: hatched once for the slowest, twice for one with an error."""
    if row.failed:
        sheet.draw_box(box, fill=ORANGE if row.slowest else PAPER, hatch="x", color=VERMILLION)
    elif row.slowest:
        sheet.draw_box(box, fill=ORANGE, hatch="/", color="#9A6A00")
    else:
        sheet.draw_box(box, fill="#8EC1E3", color=BLUE)


def fit_words(sheet: Canvas, words: str, width: float) -> str:
    """Return words cut to a width in pixels."""
    if sheet.measure_text(words, NORMAL) <= width:
        return words
    while words and sheet.measure_text(f"{words}...", NORMAL) > width:
        words = words[:-1]
    return f"{words}..."


def draw_legend(sheet: Canvas, legend: tuple[str, str, str], y: float) -> None:
    """Draw what the three kinds of bars mean."""
    kinds = (SpanBar("", 0, 0, 0), SpanBar("", 0, 0, 0, slowest=True), SpanBar("", 0, 0, 0, True))
    x = float(MARGIN)
    for kind, words in zip(kinds, legend, strict=True):
        draw_bar(sheet, (x, y - BAR / 2, x + 40, y + BAR / 2), kind)
        sheet.draw_text((x + 52, y), words, NORMAL, anchor="lm")
        x += 52 + sheet.measure_text(words, NORMAL) + 44
