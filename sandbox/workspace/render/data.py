"""Blocks that hold data as HTML: tables, charts (as readable tables), cards, and plans
with their tasks.
"""

from __future__ import annotations

from html import escape
from typing import Any

from sandbox.workspace.render.elements import render_element
from sandbox.workspace.render.marks import render_image, render_text
from sandbox.workspace.render.rich import render_rich_text
from sandbox.workspace.render_context import RenderContext

Json = dict[str, Any]
_STATES = {
    "pending": ("○", "pending"),
    "in_progress": ("◐", "in progress"),
    "complete": ("●", "complete"),
}
_ALIGN = {"center": "center", "right": "right"}


def render_table(block: Json, look: RenderContext) -> str:
    """Return a table or data_table as HTML; the first row of a data_table is its head."""
    settings = block.get("column_settings") or []
    headed = block.get("type") == "data_table"
    rows = ""
    for number, row in enumerate(block["rows"]):
        head = headed and number == 0
        cells = (
            _render_cell(cell, look, _get_column_setting(settings, column), head=head)
            for column, cell in enumerate(row)
        )
        rows += f"<tr>{''.join(cells)}</tr>"
    caption = f"<caption>{escape(str(block['caption']))}</caption>" if "caption" in block else ""
    return (
        f'<div class="wide" tabindex="0" role="region" '
        f'aria-label="Table"><table>{caption}{rows}</table></div>'
    )


def _get_column_setting(settings: list[Any], column: int) -> Json:
    setting = settings[column] if column < len(settings) else None
    return setting if isinstance(setting, dict) else {}


def _render_cell(cell: Json, look: RenderContext, setting: Json, *, head: bool) -> str:
    shown = (
        render_rich_text(cell, look)
        if cell.get("type") == "rich_text"
        else escape(_get_cell_text(cell))
    )
    number = "right" if cell.get("type") in ("raw_number", "number") else ""
    align = _ALIGN.get(str(setting.get("align")), number)
    wrap = "" if setting.get("is_wrapped", True) else " nowrap"
    tag = 'th scope="col"' if head else "td"
    return f'<{tag} class="{align}{wrap}">{shown}</{tag[:2]}>'


def _get_cell_text(cell: Json) -> str:
    return str(cell.get("text", cell.get("value", "")))


def render_chart(block: Json, look: RenderContext) -> str:
    """Return a chart as a table of its numbers, with bars beside them."""
    data = block["chart"]
    series: list[Json] = data.get("series") or [{"name": "", "data": data.get("segments", [])}]
    rows = "".join(_render_series_rows(one) for one in series)
    title = escape(str(block.get("title", "")))
    return f'<div class="wide"><table class="chart"><caption>{title}</caption>{rows}</table></div>'


def _render_series_rows(series: Json) -> str:
    points = series.get("data", [])
    highest = max((abs(_get_point_value(point)) for point in points), default=0) or 1
    name = escape(str(series.get("name", "")))
    head = f'<tr><th colspan="3" scope="colgroup">{name}</th></tr>' if name else ""
    for point in points:
        label, value = escape(str(point.get("label", ""))), escape(str(point.get("value")))
        bar = (
            f'<meter min="0" max="{highest}" value="{abs(_get_point_value(point))}" '
            f'aria-hidden="true"></meter>'
        )
        head += f'<tr><th scope="row">{label}</th><td class="right">{value}</td><td>{bar}</td></tr>'
    return head


def _get_point_value(point: Json) -> float:
    value = point.get("value")
    return float(value) if isinstance(value, int | float) else 0.0


def render_card(block: Json, look: RenderContext) -> str:
    """Return one card as HTML: its picture, its texts, its buttons."""
    hero = (
        render_image(block["hero_image"], look) if isinstance(block.get("hero_image"), dict) else ""
    )
    texts = "".join(
        f'<div class="{key}">{render_text(block[key], look)}</div>'
        for key in ("title", "subtitle", "body")
        if key in block
    )
    buttons = "".join(
        render_element(each, look) for each in block.get("actions", []) if isinstance(each, dict)
    )
    return f'<div class="card-box">{hero}{texts}<div class="actions">{buttons}</div></div>'


def render_carousel(block: Json, look: RenderContext) -> str:
    """Return cards side by side as HTML."""
    inner = "".join(render_card(each, look) for each in block.get("elements", []))
    return f'<div class="wide card-row" tabindex="0" role="region" aria-label="Cards">{inner}</div>'


def render_plan(block: Json, look: RenderContext) -> str:
    """Return a plan as HTML: a title and its tasks."""
    tasks = "".join(f"<li>{render_task(each, look)}</li>" for each in block.get("tasks", []))
    return f'<h4>{render_text(block.get("title"), look)}</h4><ul class="tasks">{tasks}</ul>'


def render_task(block: Json, look: RenderContext) -> str:
    """Return a task as HTML, with its state as sign and word."""
    sign, word = _STATES.get(str(block.get("status")), ("✕", "error"))
    details = (
        render_rich_text(block["details"], look) if isinstance(block.get("details"), dict) else ""
    )
    output = (
        render_rich_text(block["output"], look) if isinstance(block.get("output"), dict) else ""
    )
    title = render_text(block.get("title"), look)
    return f'<span aria-hidden="true">{sign}</span> {title} <small>{word}</small>{details}{output}'
