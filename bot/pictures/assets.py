"""The font, and the signs that stand at edges: drawn and not files, so that a picture is the same
on every machine.
"""

from __future__ import annotations

from functools import cache

from PIL import Image, ImageDraw, ImageFont

from bot.pictures.style import (
    CROSS,
    FAILURE,
    HALF,
    HTTP,
    LOCK,
    OPEN,
    PAPER,
    QUIET,
    VERMILLION,
    WAYPOINT,
)

SIDE = 96
"""Pixels of a sign, many times what is shown."""


@cache
def load_font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font in this size (pixels)."""
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType")
    return found


@cache
def draw_sign(name: str) -> Image.Image:
    """Return a sign on a transparent ground: a lock that is shut, open or half filled, a hexagon,
    or a cross in a circle.
    """
    # Drawn four times as large and shrunk, because Pillow's edges are hard.
    image = Image.new("RGBA", (4 * SIDE, 4 * SIDE))
    pen, unit = ImageDraw.Draw(image), 4 * SIDE / 16
    if name == CROSS.name:
        draw_cross(pen, unit)
    elif name == WAYPOINT.name:
        points = [(4, 2), (12, 2), (16, 8), (12, 14), (4, 14), (0, 8)]
        pen.polygon([(x * unit, y * unit) for x, y in points], fill="#0072B2")
        pen.polygon(
            [(x * unit * 0.6 + 3.2 * unit, y * unit * 0.6 + 3.2 * unit) for x, y in points],
            fill="#FFFFFF",
        )
    else:
        draw_lock(pen, unit, name)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw_cross(pen: ImageDraw.ImageDraw, unit: float) -> None:
    """Draw a circle with a cross in it."""
    pen.ellipse((unit / 2, unit / 2, 15.5 * unit, 15.5 * unit), fill=FAILURE.color)
    for line in ((5, 5, 11, 11), (5, 11, 11, 5)):
        pen.line([side * unit for side in line], fill=PAPER, width=round(2 * unit))


def draw_lock(pen: ImageDraw.ImageDraw, unit: float, name: str) -> None:
    """Draw the lock's shackle, which stands aside when it is open, and its body."""
    color = {LOCK.name: HTTP.color, OPEN.name: VERMILLION, HALF.name: QUIET}[name]
    aside = 4.5 if name == OPEN.name else 0.0
    left, right, top = (4 + aside) * unit, (12 + aside) * unit, 0.5 * unit
    width = round(1.7 * unit)
    pen.arc((left, top, right, top + 8 * unit), 180, 360, fill=color, width=width)
    pen.rectangle((left, top + 4 * unit, left + width, 9 * unit), fill=color)
    if name != OPEN.name:
        pen.rectangle((right - width, top + 4 * unit, right, 9 * unit), fill=color)
    body = (2 * unit, 7 * unit, 14 * unit, 15.5 * unit)
    if name == LOCK.name:
        pen.rounded_rectangle(body, radius=unit, fill=color)
    else:
        pen.rounded_rectangle(body, radius=unit, outline=color, width=width)
    if name == HALF.name:
        pen.rectangle((2 * unit, 11 * unit, 14 * unit, 15.5 * unit), fill=color)
