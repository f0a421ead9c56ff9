"""A canvas twice as fine as the picture it gives, because Pillow's lines and dots have
hard edges.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageDraw

from bot.pictures.assets import load_font
from bot.pictures.style import INK, PAPER, make_legible

FINE = 2
Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Canvas:
    """Draws in pixels of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * FINE, height * FINE), PAPER)
        self._pen = ImageDraw.Draw(self._image)
        self.words: list[tuple[str, Box]] = []
        """All text that was drawn, and where."""

    def to_png(self) -> bytes:
        """Return the finished picture as PNG."""
        file = io.BytesIO()
        self._image.reduce(FINE).save(file, "PNG", optimize=False, compress_level=6)
        return file.getvalue()

    def draw_text(
        self, at: Point, words: str, size: float, *, color: str = INK, anchor: str = "ls"
    ) -> None:
        """Draw one line of text; `anchor` is Pillow's: left, middle or right, then baseline or
        middle.
        """
        shown, font = make_legible(words, 120), load_font(size * FINE)
        self._pen.text(_scale_point(at), shown, fill=color, font=font, anchor=anchor)
        left, top, right, bottom = self._pen.textbbox(
            _scale_point(at), shown, font=font, anchor=anchor
        )
        self.words.append((shown, (left / FINE, top / FINE, right / FINE, bottom / FINE)))

    def measure_text(self, words: str, size: float) -> float:
        """Return the width of a text in pixels."""
        return load_font(size * FINE).getlength(make_legible(words, 120)) / FINE

    def draw_line(
        self,
        start: Point,
        end: Point,
        *,
        color: str,
        width: float = 1.0,
        dash: Sequence[float] = (),
    ) -> None:
        """Draw a straight line; `dash` is lengths of line and gap in turn."""
        self.draw_path((start, end), color=color, width=width, dash=dash)

    def draw_path(
        self, points: Sequence[Point], *, color: str, width: float, dash: Sequence[float] = ()
    ) -> None:
        """Draw a line through points; `dash` is lengths of line and gap in turn."""
        for piece in cut_dashes(points, dash) if dash else [points]:
            scaled = [_scale_point(point) for point in piece]
            self._pen.line(scaled, fill=color, width=max(round(width * FINE), 1), joint="curve")

    def draw_polygon(
        self, points: Sequence[Point], *, fill: str, color: str = "", width: float = 0.0
    ) -> None:
        """Draw a filled polygon, with an outline if `color` is given."""
        scaled = [_scale_point(point) for point in points]
        self._pen.polygon(scaled, fill=fill)
        if color:
            self.draw_path([*points, points[0], points[1]], color=color, width=width)

    def paste(self, image: Image.Image, box: Box) -> None:
        """Draw an image with transparent parts into a box."""
        left, top, right, bottom = (round(side * FINE) for side in box)
        scaled = image.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
        self._image.paste(scaled, (left, top), scaled)

    def draw_rounded_box(
        self, box: Box, *, fill: str, color: str, width: float, radius: float
    ) -> None:
        """Draw a filled box with round corners."""
        self._pen.rounded_rectangle(
            [side * FINE for side in box],
            radius=radius * FINE,
            fill=fill,
            outline=color,
            width=max(round(width * FINE), 1),
        )

    def draw_box(self, box: Box, *, fill: str, hatch: str = "", color: str = "") -> None:
        """Draw a filled box, with lines across it for `/` and in both directions for `x`, in
        `color`.
        """
        left, top, right, bottom = (round(side * FINE) for side in box)
        if right <= left or bottom <= top:
            return
        piece = Image.new("RGB", (right - left, bottom - top), fill)
        pen, gap = ImageDraw.Draw(piece), 8 * FINE
        for x in range(-piece.height, piece.width, gap) if hatch else ():
            pen.line((x, piece.height, x + piece.height, 0), fill=color, width=FINE * 2)
            if hatch == "x":
                pen.line((x, 0, x + piece.height, piece.height), fill=color, width=FINE * 2)
        if color:
            pen.rectangle((0, 0, piece.width - 1, piece.height - 1), outline=color, width=FINE)
        self._image.paste(piece, (left, top))

    def draw_dot(self, at: Point, radius: float, *, color: str) -> None:
        """Draw a filled circle with a thin rim."""
        x, y = _scale_point(at)
        r = radius * FINE
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=color, outline=PAPER, width=FINE)

    def draw_triangle(self, at: Point, radius: float, *, color: str, rim: str) -> None:
        """Draw a filled triangle that points up, with a rim."""
        x, y = _scale_point(at)
        r = radius * FINE * 1.25
        points = [(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)]
        self._pen.polygon(points, fill=color, outline=rim, width=FINE)

    def draw_cross(self, at: Point, radius: float, *, color: str) -> None:
        """Draw a diagonal cross."""
        x, y = _scale_point(at)
        r, width = radius * FINE * 1.1, round(2.2 * FINE)
        self._pen.line((x - r, y - r, x + r, y + r), fill=color, width=width)
        self._pen.line((x - r, y + r, x + r, y - r), fill=color, width=width)


def cut_dashes(points: Sequence[Point], dash: Sequence[float]) -> list[list[Point]]:
    """Return the pieces of a line that are drawn, by lengths of line and gap in turn."""
    pieces, turn, left = [[points[0]]], 0, dash[0]
    for start, end in pairwise(points):
        length = math.dist(start, end)
        done = 0.0
        while length - done > left:
            done += left
            at = done / length
            cut = start[0] + (end[0] - start[0]) * at, start[1] + (end[1] - start[1]) * at
            pieces[-1].append(cut)
            pieces.append([cut])
            turn += 1
            left = dash[turn % len(dash)]
        left -= length - done
        pieces[-1].append(end)
    return [piece for number, piece in enumerate(pieces) if number % 2 == 0 and len(piece) > 1]


def _scale_point(point: Point) -> Point:
    return point[0] * FINE, point[1] * FINE
