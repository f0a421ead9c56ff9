"""Draws a traffic graph, or two beside each other, at the proportions of a wall."""

from __future__ import annotations

import math

from bot.pictures.assets import draw_sign
from bot.pictures.canvas import Box, Canvas, Point
from bot.pictures.graph_drawing import GraphDrawing
from bot.pictures.graph_layout import (
    EdgePath,
    Lettering,
    NodeBox,
    PanelLayout,
    lay_out_panel,
    name_box,
)
from bot.pictures.graph_places import place_nodes
from bot.pictures.graph_shapes import draw_group, draw_sample, draw_shape
from bot.pictures.style import (
    CHANGED,
    CROSS,
    FAINT,
    HEIGHT,
    INK,
    LINES,
    PAPER,
    QUIET,
    WIDTH,
)

SMALL, NORMAL, LARGE = 22, 26, 38
"""Sizes of letters in pixels; two panels beside each other have room for SMALL alone."""
MARGIN = 40
TOP = 128
"""Pixels above the panels, for the title and its caption."""
LEGEND_LINE, SAMPLE = 36, 52
"""Pixels from one line of the legend to the next, and of what stands before its words."""
STYLES = {line.name: line for line in LINES}

Entry = tuple[str, str, float]
"""An entry of the legend: the name of its sample, its words, and where it begins."""


def draw_graph(drawing: GraphDrawing) -> bytes:
    """Return the graph as PNG, 1600 pixels wide: the same bytes for the same values."""
    sheet = Canvas(WIDTH, HEIGHT)
    sheet.draw_text((MARGIN, 60), drawing.title, LARGE)
    sheet.draw_text((MARGIN, 98), drawing.caption, SMALL, color=QUIET)
    rows = wrap_legend(drawing, sheet)
    foot = HEIGHT - 16 - LEGEND_LINE * len(rows)
    letters = Lettering(NORMAL if len(drawing.panels) == 1 else SMALL, sheet.measure_text)
    for panel, area, layout in lay_out_panels(drawing, foot, letters):
        if panel:
            sheet.draw_text((area[0] + 10, TOP + 22), panel, NORMAL)
        draw_panel(sheet, layout, letters)
    if len(drawing.panels) > 1:
        sheet.draw_line((WIDTH / 2, TOP), (WIDTH / 2, foot - 8), color=FAINT, width=3)
    for number, row in enumerate(rows):
        y = foot + LEGEND_LINE * (number + 0.5)
        for name, words, x in row:
            draw_sample(sheet, name, (x, y - 12, x + SAMPLE - 10, y + 12))
            sheet.draw_text((x + SAMPLE, y), words, SMALL, anchor="lm")
    return sheet.to_png()


def lay_out_panels(
    drawing: GraphDrawing, foot: float, letters: Lettering
) -> list[tuple[str, Box, PanelLayout]]:
    """Return the captions, areas and layouts of panels; a node's place is the same in all."""
    nodes = {node.id: node for panel in drawing.panels for node in panel.nodes}
    edges = [edge for panel in drawing.panels for edge in panel.edges]
    places = place_nodes(list(nodes.values()), edges)
    count = len(drawing.panels)
    width = WIDTH / count
    margin = 24.0 if count == 1 else 10.0
    found = []
    for number, panel in enumerate(drawing.panels):
        top = TOP + (34.0 if panel.caption else 0.0)
        area = (number * width + margin, top, (number + 1) * width - margin, foot - 8)
        layout = lay_out_panel(panel, places, area, letters)
        found.append((panel.caption, area, layout))
    return found


def wrap_legend(drawing: GraphDrawing, sheet: Canvas) -> list[list[Entry]]:
    """Return the legend's entries in rows that fit the picture."""
    rows, x = list[list[Entry]](), math.inf
    for name, words in drawing.legend:
        width = SAMPLE + sheet.measure_text(words, SMALL) + 36
        if x + width > WIDTH - MARGIN + 36:
            rows.append([])
            x = float(MARGIN)
        rows[-1].append((name, words, x))
        x += width
    return rows


def draw_panel(sheet: Canvas, layout: PanelLayout, letters: Lettering) -> None:
    """Draw one graph: boxes below lines, lines below nodes, labels on top."""
    for box, name in layout.groups:
        draw_group(sheet, box)
        left, _, _, bottom = name_box(box, name, letters)
        sheet.draw_text((left, bottom - 6), name, letters.size, color=QUIET)
    for path in layout.edges:
        if path.edge.changed:
            sheet.draw_path(path.points, color=CHANGED, width=22)
    for path in layout.edges:
        draw_edge(sheet, path)
    for node in layout.nodes:
        draw_node(sheet, node, letters)
    for path in layout.edges:
        draw_label(sheet, path, letters)


def draw_edge(sheet: Canvas, path: EdgePath) -> None:
    """Draw an edge, thicker for more traffic, with its arrow's head."""
    style = STYLES[path.edge.line]
    width = 3.0 + 3.0 * path.edge.weight
    sheet.draw_path(path.points[:-1], color=style.color, width=width, dash=style.dash)
    tip, before = path.points[-1], path.points[-3]
    angle = math.atan2(tip[1] - before[1], tip[0] - before[0])
    size = 12.0 + width
    wings = (turn(tip, angle + 2.7, size), turn(tip, angle - 2.7, size))
    sheet.draw_polygon((tip, *wings), fill=style.color)


def turn(at: Point, angle: float, length: float) -> Point:
    """Return the point that lies in a direction."""
    return at[0] + length * math.cos(angle), at[1] + length * math.sin(angle)


def draw_node(sheet: Canvas, box: NodeBox, letters: Lettering) -> None:
    """Draw a node and its name, faint when nothing calls it."""
    draw_shape(sheet, box.at, box.radius, box.node.shape, idle=box.node.idle)
    y = box.at[1] + box.radius + letters.size - 2
    for number, line in enumerate(box.lines):
        at = box.at[0], y + letters.line * number
        color = QUIET if box.node.idle or number >= box.names else INK
        sheet.draw_text(at, line, letters.size, color=color, anchor="ms")


def draw_label(sheet: Canvas, path: EdgePath, letters: Lettering) -> None:
    """Draw what stands at an edge: its signs, what failed or changed, and its rate."""
    if path.box is None:
        return
    left, top, right, bottom = path.box
    ground = CHANGED if path.edge.changed else PAPER
    sheet.draw_rounded_box(path.box, fill=ground, color=ground, width=1, radius=6)
    color = STYLES[path.edge.line].color if CROSS.name in path.edge.signs else INK
    for number, line in enumerate(path.words):
        x, y = left + 4, top + letters.line * (number + 0.5)
        for sign in path.edge.signs if number == 0 else ():
            sheet.paste(draw_sign(sign), (x, y - 11, x + 22, y + 11))
            x += letters.line
        x += 4 if number == 0 and path.edge.signs else 0
        sheet.draw_text((x, y), line, letters.size, color=color, anchor="lm")
