"""The layout of one graph in its part of the picture, in pixels: nodes with their names, curves,
and labels where they touch neither a node nor each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from bot.drawings import NodeKind
from bot.pictures.canvas import Box, Point
from bot.pictures.graph_drawing import EdgeDrawing, NodeDrawing, PanelDrawing
from bot.pictures.graph_places import Places
from bot.pictures.style import CROSS, ELLIPSIS, GONE

STEPS = 24
"""Pieces of a curve."""
MOST_LABEL_LINES = 3
PLACES_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82, 0.1, 0.9)
"""Where on its edge a label is tried, from 0 to 1."""
ASIDE = (0, -20, 20, -34, 34, -52, 52, -70, 70, -90, 90, -110, 110)
"""How many pixels above and below."""
BENDS = (0.0, 0.6, -0.6, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0)
"""By how many rows an edge is bent that would go through a node."""


class Lettering(NamedTuple):
    """How large a panel's words are, and how wide in pixels some are in a size."""

    size: float
    measure_text: Callable[[str, float], float]

    @property
    def line(self) -> float:
        """Pixels from one line to the next; a sign is as wide as that."""
        return self.size + 4

    def measure(self, words: str) -> float:
        """Return the width of words in pixels."""
        return self.measure_text(words, self.size)


class NodeBox(NamedTuple):
    """A node in its place: the half of its shape's side, its lines of text and their box; of the
    lines, the first `names` are its name.
    """

    node: NodeDrawing
    at: Point
    radius: float
    lines: tuple[str, ...]
    names: int
    words: Box

    @property
    def shape(self) -> Box:
        """The box of its shape."""
        (x, y), r = self.at, self.radius
        return x - r, y - r, x + r, y + r


class EdgePath(NamedTuple):
    """An edge as a line of points, and its label; the box is None where there was no room."""

    edge: EdgeDrawing
    points: tuple[Point, ...]
    words: tuple[str, ...]
    box: Box | None


class PanelLayout(NamedTuple):
    """Everything in one panel; `groups` are boxes with their names."""

    nodes: tuple[NodeBox, ...]
    edges: tuple[EdgePath, ...]
    groups: tuple[tuple[Box, str], ...]


def lay_out_panel(
    panel: PanelDrawing, places: Places, area: Box, letters: Lettering
) -> PanelLayout:
    """Return the layout of a graph in an area."""
    left, top, right, bottom = area
    pitch = (right - left) / places.columns
    row = min((bottom - top) / places.rows, 230.0)
    # In the middle, if there are few rows.
    top += ((bottom - top) - row * places.rows) / 2
    boxes = {}
    for node in panel.nodes:
        column, line = places.at[node.id]
        at = left + pitch * (column + 0.5), top + row * (line + 0.5)
        boxes[node.id] = place_node(node, at, pitch, row, letters)
    groups = box_groups(boxes.values(), letters)
    names = [name_box(box, name, letters) for box, name in groups]
    edges = place_edges(panel.edges, boxes, (area, row, names), letters)
    return PanelLayout(tuple(boxes.values()), edges, groups)


def place_node(
    node: NodeDrawing, at: Point, pitch: float, row: float, letters: Lettering
) -> NodeBox:
    """Return a node in its place: its shape, and below it its name in lines that fit the column."""
    room, line = pitch - 8, letters.line
    lines = names = wrap_name(node.words, room, letters)
    radius = max(min(pitch * 0.16, row / 2 - line - 2, 30.0), 9.0)
    if node.note:
        more = (*lines, *wrap_name(node.note, room, letters))
        lines = more if 2 * radius + 2 * line * (len(more) - 1) <= row else lines
    # All shapes of a row at one height, however many lines stand below each.
    middle = at[1] - line
    half, top = max(letters.measure(words) for words in lines) / 2, middle + radius
    words = (at[0] - half, top, at[0] + half, top + line * len(lines))
    return NodeBox(node, (at[0], middle), radius, lines, len(names), words)


def wrap_name(name: str, room: float, letters: Lettering) -> tuple[str, ...]:
    """Return a name in at most two lines, parted after a hyphen or a dot."""
    if letters.measure(name) <= room:
        return (name,)
    cuts = [at + 1 for at, char in enumerate(name[:-1]) if char in "-. "]
    fitting = [at for at in cuts if letters.measure(name[:at]) <= room]
    if not fitting:
        return (fit_words(name, room, letters),)
    at = fitting[-1]
    return name[:at].strip(), fit_words(name[at:], room, letters)


def fit_words(words: str, room: float, letters: Lettering) -> str:
    """Return words cut to a width."""
    if letters.measure(words) <= room:
        return words
    while words and letters.measure(words + ELLIPSIS) > room:
        words = words[:-1]
    return words + ELLIPSIS


def box_groups(boxes: Iterable[NodeBox], letters: Lettering) -> tuple[tuple[Box, str], ...]:
    """Return the boxes around a Service and its versions, with the application's name."""
    members: dict[str, list[NodeBox]] = {}
    for box in boxes:
        if box.node.group:
            members.setdefault(box.node.group, []).append(box)
    found = []
    for name, listed in members.items():
        if not any(each.node.shape == NodeKind.SPLIT for each in listed) or len(listed) < 2:
            continue
        inner = [box for each in listed for box in (each.shape, each.words)]
        sides = list(zip(*inner, strict=True))
        around = min(sides[0]) - 10, min(sides[1]) - 10, max(sides[2]) + 10, max(sides[3]) + 8
        found.append((around, fit_words(name, around[2] - around[0] - 16, letters)))
    return tuple(found)


def name_box(box: Box, name: str, letters: Lettering) -> Box:
    """Return where the name of an application stands: just above its box."""
    return box[0] + 8, box[1] - letters.line, box[0] + 8 + letters.measure(name), box[1]


def place_edges(
    edges: Sequence[EdgeDrawing],
    boxes: Mapping[str, NodeBox],
    where: tuple[Box, float, Sequence[Box]],
    letters: Lettering,
) -> tuple[EdgePath, ...]:
    """Return the edges with their labels; those that matter most choose their place first."""
    area, row, names = where
    taken = [*names, *(each for box in boxes.values() for each in (box.shape, box.words))]
    placed = list[EdgePath]()
    order = sorted(
        edges,
        key=lambda e: (
            e.line == GONE.name,
            not e.changed,
            CROSS.name not in e.signs,
            e.source,
            e.target,
            e.line,
        ),
    )
    paths = [draw_curve(boxes[e.source], boxes[e.target], boxes.values(), row) for e in order]
    for edge, points in zip(order, paths, strict=True):
        others = [point for each in paths if each is not points for point in each]
        words, box = place_label(edge, points, (area, taken, others), letters)
        if box is not None:
            taken.append(box)
        placed.append(EdgePath(edge, points, words, box))
    return tuple(placed)


def place_label(
    edge: EdgeDrawing,
    points: Sequence[Point],
    around: tuple[Box, Sequence[Box], Sequence[Point]],
    letters: Lettering,
) -> tuple[tuple[str, ...], Box | None]:
    """Return a label's lines and its box: on its own edge and on no other, if there is room."""
    area, taken, others = around
    for most in range(min(len(edge.words), MOST_LABEL_LINES), 0, -1):
        shown = edge.words[:most]
        free = [
            (aside + 5 * sum(is_in(point, box) for point in others), box)
            for aside, box in list_label_boxes(edge, shown, points, letters)
            if is_inside(box, area) and not any(do_touch(box, each) for each in taken)
        ]
        if free:
            return shown, min(free)[1]
    return (), None


def list_label_boxes(
    edge: EdgeDrawing, words: Sequence[str], points: Sequence[Point], letters: Lettering
) -> list[tuple[float, Box]]:
    """Return the boxes in which a label may stand, with how far from the edge's middle each is."""
    signs = letters.line * len(edge.signs) + (4 if edge.signs else 0)
    width = max(letters.measure(line) + (signs if not n else 0) for n, line in enumerate(words)) + 8
    height = letters.line * len(words)
    found = []
    for aside in ASIDE:
        for share in PLACES_ALONG:
            x, y = points[round(share * (len(points) - 1))]
            y += aside
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            found.append((abs(aside) + 20 * abs(share - 0.5), box))
    return found


def draw_curve(
    source: NodeBox, target: NodeBox, boxes: Iterable[NodeBox], row: float
) -> tuple[Point, ...]:
    """Return an edge's curve from shape to shape, bent around nodes where it would cross one."""
    if source.node.id == target.node.id:
        return draw_loop(source)
    ends = (source.node.id, target.node.id)
    others = [each for b in boxes if b.node.id not in ends for each in (b.shape, b.words)]
    curves = [bend_curve(source, target, bend * row) for bend in BENDS]
    return min(curves, key=lambda curve: sum(is_in(p, box) for p in curve for box in others))


def bend_curve(source: NodeBox, target: NodeBox, bend: float) -> tuple[Point, ...]:
    """Return a Bézier curve to the right; one that goes back or down goes around on the right."""
    (x0, y0), (x3, y3) = source.at, target.at
    gap = 4.0
    if x3 - x0 > 1:
        x0, x3 = x0 + source.radius + gap, x3 - target.radius - gap
        reach = (x3 - x0) * 0.45
        return sample_curve((x0, y0), (x0 + reach, y0 + bend), (x3 - reach, y3 + bend), (x3, y3))
    x0, x3 = x0 + source.radius + gap, x3 + target.radius + gap
    reach = 70.0 + abs(bend) * 0.3
    return sample_curve((x0, y0), (x0 + reach, y0 + bend), (x3 + reach, y3 + bend), (x3, y3))


def draw_loop(box: NodeBox) -> tuple[Point, ...]:
    """Return the curve of a node that calls itself, above it."""
    (x, y), r = box.at, box.radius
    return sample_curve(
        (x + r * 0.7, y - r * 0.7),
        (x + 2 * r, y - 3 * r),
        (x - 2 * r, y - 3 * r),
        (x - r * 0.7, y - r * 0.7),
    )


def sample_curve(p0: Point, p1: Point, p2: Point, p3: Point) -> tuple[Point, ...]:
    """Return points of a cubic Bézier curve."""
    found = []
    for step in range(STEPS + 1):
        t = step / STEPS
        weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
        found.append(
            (
                sum(w * p[0] for w, p in zip(weights, (p0, p1, p2, p3), strict=True)),
                sum(w * p[1] for w, p in zip(weights, (p0, p1, p2, p3), strict=True)),
            )
        )
    return tuple(found)


def do_touch(one: Box, other: Box, gap: float = 4.0) -> bool:
    """Tell whether two boxes overlap or are nearer than `gap` pixels."""
    return (
        one[0] < other[2] + gap
        and other[0] < one[2] + gap
        and one[1] < other[3] + gap
        and other[1] < one[3] + gap
    )


def is_in(point: Point, box: Box) -> bool:
    """Tell whether a point lies in a box."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def is_inside(inner: Box, outer: Box) -> bool:
    """Tell whether a box lies in another one."""
    return is_in(inner[:2], outer) and is_in(inner[2:], outer)
