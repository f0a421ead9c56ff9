"""Line charts of time series as SVG, with their newest values in words below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 26
COLOURS = 8
"""Colours of lines that the style sheet has."""


@dataclass(frozen=True)
class Series:
    """One line: its name, and (epoch seconds, value) of each of its points."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def newest(self) -> float:
        """The value of its last point."""
        return self.points[-1][1] if self.points else 0.0


def render_chart(title: str, unit: str, series: Sequence[Series], span: tuple[float, float]) -> str:
    """Return a figure with the lines between the two moments of `span` (epoch seconds)."""
    shown = sorted((each for each in series if each.points), key=lambda each: each.name)
    most = _round_up(max((value for each in shown for _, value in each.points), default=0.0))
    lines = "".join(
        f'<polyline class="line c{number % COLOURS}" points="{_place(each, span, most)}"/>'
        for number, each in enumerate(shown)
    )
    legend = "".join(
        f'<li><span class="key c{number % COLOURS}" aria-hidden="true"></span>{escape(each.name)} '
        f"<b>{_format(each.newest)} {escape(unit)}</b></li>"
        for number, each in enumerate(shown)
    )
    words = ", ".join(f"{each.name} {_format(each.newest)} {unit}" for each in shown) or "no data"
    body = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words, quote=True)}">'
        f"{_render_axes(span, most)}{lines}</svg><ul>{legend}</ul>"
        if shown
        else '<p class="quiet">No data in this time.</p>'
    )
    return f'<figure class="chart"><figcaption>{escape(title)}</figcaption>{body}</figure>'


def _place(series: Series, span: tuple[float, float], most: float) -> str:
    length = max(span[1] - span[0], 1.0)
    return " ".join(
        f"{LEFT + (WIDTH - LEFT - RIGHT) * (at - span[0]) / length:.1f},"
        f"{HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most:.1f}"
        for at, value in series.points
    )


def _render_axes(span: tuple[float, float], most: float) -> str:
    rows = ""
    for part in range(5):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part / 4
        rows += (
            f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{_format(most * part / 4)}</text>"
        )
    for part in range(4):
        x = LEFT + (WIDTH - LEFT - RIGHT) * part / 3
        at = datetime.fromtimestamp(span[0] + (span[1] - span[0]) * part / 3, UTC)
        anchor = "start" if part == 0 else "end" if part == 3 else "middle"
        rows += (
            f'<text class="axis" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">'
            f"{at:%H:%M}</text>"
        )
    return rows


def _round_up(value: float) -> float:
    """Return the next of 1, 2 or 5 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power < value:
        power *= 10
    while power / 10 >= value:
        power /= 10
    return next(part for part in (power / 5, power / 2, power) if part >= value)


def _format(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
