"""Assets of the drawing, made once in a directory: the font as a file, the signs, and a
fontconfig that knows nothing else. So a picture is the same on every machine, and an
image without fonts draws letters and not boxes.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from bot.pictures.style import (
    GREEN,
    HALF,
    ICONS,
    LINES,
    LOCK,
    OPEN,
    QUIET,
    VERMILLION,
    WAYPOINT,
    LineStyle,
)

SIDE = 96
"""Pixels of a sign, many times what is shown."""

CONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir><cachedir>{cache}</cachedir>
  <match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit></match>
</fontconfig>
"""


def prepare_assets(home: Path) -> None:
    """Fill the directory and point fontconfig at it; to be called before Graphviz is
    imported.
    """
    fonts, cache = home / "fonts", home / "cache"
    fonts.mkdir(parents=True, exist_ok=True)
    (fonts / "font.ttf").write_bytes(load_font(12).font_bytes)
    (home / "fonts.conf").write_text(
        CONFIG.format(fonts=escape(str(fonts)), cache=escape(str(cache)))
    )
    os.environ["FONTCONFIG_FILE"] = str(home / "fonts.conf")
    for icon in ICONS:
        draw_sign(icon.name).save(home / f"{icon.name}.png")
    for line in LINES:
        draw_line_sample(line).save(home / f"line-{line.name}.png")


def load_font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font in this size (pixels)."""
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType")
    return found


def draw_sign(name: str) -> Image.Image:
    """Return a sign on a transparent ground: a lock that is shut, open or half filled, or a
    hexagon.
    """
    # Drawn four times as large and shrunk, because Pillow's edges are hard.
    image = Image.new("RGBA", (4 * SIDE, 4 * SIDE))
    pen, unit = ImageDraw.Draw(image), 4 * SIDE / 16
    if name == WAYPOINT.name:
        points = [(4, 2), (12, 2), (16, 8), (12, 14), (4, 14), (0, 8)]
        pen.polygon([(x * unit, y * unit) for x, y in points], fill="#0072B2")
        pen.polygon(
            [(x * unit * 0.6 + 3.2 * unit, y * unit * 0.6 + 3.2 * unit) for x, y in points],
            fill="#FFFFFF",
        )
    else:
        draw_lock(pen, unit, name)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw_lock(pen: ImageDraw.ImageDraw, unit: float, name: str) -> None:
    """Draw the lock's shackle, which stands aside when it is open, and its body."""
    color = {LOCK.name: GREEN, OPEN.name: VERMILLION, HALF.name: QUIET}[name]
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


def draw_line_sample(line: LineStyle) -> Image.Image:
    """Return a piece of a line of this kind, as the legend shows it."""
    scale = 12
    image = Image.new("RGBA", (34 * scale, 10 * scale))
    pen = ImageDraw.Draw(image)
    dash, gap = {"solid": (34, 0), "dashed": (7, 4), "dotted": (1.8, 3.2)}[line.style]
    at = 0.0
    while at < 34:
        pen.rectangle(
            (at * scale, 4 * scale, min(at + dash, 34) * scale, 6 * scale), fill=line.color
        )
        at += dash + gap
    return image.resize((34 * 6, 10 * 6), Image.Resampling.LANCZOS)
