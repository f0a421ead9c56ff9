"""A sheet to draw on: twice as fine as what it gives, because Pillow's lines and dots have hard edges."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from bot.pictures.kit import font
from bot.pictures.look import INK, PAPER, legible

FINE = 2
Point = tuple[float, float]
Box = tuple[float, float, float, float]


class Sheet:
    """Draws in pixels of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * FINE, height * FINE), PAPER)
        self._pen = ImageDraw.Draw(self._image)

    def png(self) -> bytes:
        """The finished picture."""
        file = io.BytesIO()
        self._image.reduce(FINE).save(file, "PNG", optimize=False, compress_level=6)
        return file.getvalue()

    def text(self, at: Point, words: str, size: float, *, color: str = INK, anchor: str = "ls") -> None:
        """One line of text; `anchor` is Pillow's: left, middle or right, then baseline or middle."""
        self._pen.text(_fine(at), legible(words, 120), fill=color, font=font(size * FINE), anchor=anchor)

    def width(self, words: str, size: float) -> float:
        """How wide a text is."""
        return font(size * FINE).getlength(legible(words, 120)) / FINE

    def line(self, start: Point, end: Point, *, color: str, width: float = 1.0, dash: Sequence[float] = ()) -> None:
        """A horizontal or vertical line; `dash` is lengths of line and gap in turn."""
        if not dash:
            self._pen.line((_fine(start), _fine(end)), fill=color, width=round(width * FINE))
            return
        (x0, y0), (x1, y1) = start, end
        length, at, turn = max(abs(x1 - x0), abs(y1 - y0)), 0.0, 0
        while at < length:
            till = min(at + dash[turn % len(dash)], length)
            if turn % 2 == 0:
                a, b = at / length, till / length
                ends = (x0 + (x1 - x0) * a, y0 + (y1 - y0) * a), (x0 + (x1 - x0) * b, y0 + (y1 - y0) * b)
                self._pen.line([_fine(end) for end in ends], fill=color, width=round(width * FINE))
            at, turn = till, turn + 1

    def box(self, box: Box, *, fill: str, hatch: str = "", color: str = "") -> None:
        """A filled box, with lines across it for `/` and in both directions for `x`, in `color`."""
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

    def dot(self, at: Point, radius: float, *, color: str) -> None:
        """A filled circle with a thin rim."""
        x, y = _fine(at)
        r = radius * FINE
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=color, outline=PAPER, width=FINE)

    def triangle(self, at: Point, radius: float, *, color: str) -> None:
        """A filled triangle that points up, with a dark rim."""
        x, y = _fine(at)
        r = radius * FINE * 1.25
        points = [(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)]
        self._pen.polygon(points, fill=color, outline=INK, width=FINE)

    def cross(self, at: Point, radius: float, *, color: str) -> None:
        """A diagonal cross."""
        x, y = _fine(at)
        r, width = radius * FINE * 1.1, round(2.2 * FINE)
        self._pen.line((x - r, y - r, x + r, y + r), fill=color, width=width)
        self._pen.line((x - r, y + r, x + r, y - r), fill=color, width=width)


def _fine(point: Point) -> Point:
    return point[0] * FINE, point[1] * FINE
