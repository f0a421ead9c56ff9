"""The shapes of nodes: Kiali's for services and versions, others for what it marks with badges."""

from __future__ import annotations

import math

from bot.drawings import NodeKind
from bot.pictures.assets import draw_sign
from bot.pictures.canvas import Box, Canvas, Point
from bot.pictures.graph_drawing import CHANGED_LINE, IDLE_NODE
from bot.pictures.style import CHANGED, FAINT, HTTP, INK, LINES, PANEL, PAPER, QUIET, TCP

OUTLINE = 4.0
"""Pixels of a shape's outline."""


def draw_shape(sheet: Canvas, at: Point, radius: float, shape: str, *, idle: bool = False) -> None:
    """Draw a node's shape: in Kiali 2 a rhombus is a service, a rectangle a versioned application
    (frontend/src/pages/Graph/GraphElems.tsx, getNodeShape). A Service drawn as one with its
    workload is a rhombus in a rectangle; a gateway has two lines around it.
    """
    color = QUIET if idle or shape == NodeKind.OUTSIDE else HTTP.color
    fill = PANEL if idle else PAPER
    if shape == NodeKind.SPLIT:
        draw_rhombus(sheet, at, radius, fill=fill, color=color)
    elif shape == NodeKind.WAYPOINT:
        points = [place_corner(at, radius, 60 * n) for n in range(6)]
        sheet.draw_polygon(points, fill=fill, color=TCP.color, width=OUTLINE)
    elif shape == NodeKind.OUTSIDE:
        points = [place_corner(at, radius, 22.5 + 45 * n) for n in range(8)]
        sheet.draw_polygon(points, fill=fill, color=color, width=OUTLINE)
    else:
        draw_rectangle(sheet, at, radius, fill=fill, color=color)
        if shape == NodeKind.GATEWAY:
            draw_rectangle(sheet, at, radius - 9, fill=PAPER, color=color)
        if shape == NodeKind.SERVICE:
            draw_rhombus(sheet, at, radius * 0.62, fill=fill, color=color)


def draw_rectangle(sheet: Canvas, at: Point, radius: float, *, fill: str, color: str) -> None:
    """Draw a square with round corners."""
    box = at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius
    sheet.draw_rounded_box(box, fill=fill, color=color, width=OUTLINE, radius=radius * 0.25)


def draw_rhombus(sheet: Canvas, at: Point, radius: float, *, fill: str, color: str) -> None:
    """Draw a square that stands on a corner."""
    points = [place_corner(at, radius, 90 * n) for n in range(4)]
    sheet.draw_polygon(points, fill=fill, color=color, width=OUTLINE)


def place_corner(at: Point, radius: float, degrees: float) -> Point:
    """Return a point around another one."""
    angle = math.radians(degrees)
    return at[0] + radius * math.cos(angle), at[1] + radius * math.sin(angle)


def draw_sample(sheet: Canvas, name: str, box: Box) -> None:
    """Draw what a legend's entry explains: a line, a shape or a sign."""
    left, top, right, bottom = box
    middle = (left + right) / 2, (top + bottom) / 2
    line = next((line for line in LINES if line.name == name), None)
    if name == IDLE_NODE:
        draw_shape(sheet, middle, 12, NodeKind.WORKLOAD, idle=True)
    elif name == CHANGED_LINE:
        sheet.draw_line((left, middle[1]), (right, middle[1]), color=CHANGED, width=20)
        sheet.draw_line((left, middle[1]), (right, middle[1]), color=INK, width=4)
    elif line is not None:
        sheet.draw_line(
            (left, middle[1]), (right, middle[1]), color=line.color, width=5, dash=line.dash
        )
    elif name in list(NodeKind):
        draw_shape(sheet, middle, 15, name)
    else:
        sheet.paste(
            draw_sign(name), (middle[0] - 12, middle[1] - 12, middle[0] + 12, middle[1] + 12)
        )


def draw_group(sheet: Canvas, box: Box) -> None:
    """Draw the box of an application."""
    sheet.draw_rounded_box(box, fill=PANEL, color=FAINT, width=2, radius=12)
