"""Blocks that hold data: tables, charts as the table that a reader can use, cards, and plans with their tasks."""

from __future__ import annotations

from html import escape
from typing import Any

from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.render.elements import element_html
from bot.sandbox.workspace.render.marks import image, text_html
from bot.sandbox.workspace.render.rich import rich_html

Json = dict[str, Any]
_STATES = {"pending": ("○", "pending"), "in_progress": ("◐", "in progress"), "complete": ("●", "complete")}
_ALIGN = {"center": "center", "right": "right"}


def table(block: Json, look: Look) -> str:
    """A table or data_table; the first row of a data_table is its head."""
    settings = block.get("column_settings") or []
    headed = block.get("type") == "data_table"
    rows = ""
    for number, row in enumerate(block["rows"]):
        head = headed and number == 0
        cells = (_cell(cell, look, _setting(settings, column), head=head) for column, cell in enumerate(row))
        rows += f"<tr>{''.join(cells)}</tr>"
    caption = f"<caption>{escape(str(block['caption']))}</caption>" if "caption" in block else ""
    return f'<div class="wide" tabindex="0" role="region" aria-label="Table"><table>{caption}{rows}</table></div>'


def _setting(settings: list[Any], column: int) -> Json:
    setting = settings[column] if column < len(settings) else None
    return setting if isinstance(setting, dict) else {}


def _cell(cell: Json, look: Look, setting: Json, *, head: bool) -> str:
    shown = rich_html(cell, look) if cell.get("type") == "rich_text" else escape(_plain(cell))
    number = "right" if cell.get("type") in ("raw_number", "number") else ""
    align = _ALIGN.get(str(setting.get("align")), number)
    wrap = "" if setting.get("is_wrapped", True) else " nowrap"
    tag = 'th scope="col"' if head else "td"
    return f'<{tag} class="{align}{wrap}">{shown}</{tag[:2]}>'


def _plain(cell: Json) -> str:
    return str(cell.get("text", cell.get("value", "")))


def chart(block: Json, look: Look) -> str:
    """A chart as its numbers, with bars beside them: readable by everyone, and nothing is guessed from a picture."""
    data = block["chart"]
    series: list[Json] = data.get("series") or [{"name": "", "data": data.get("segments", [])}]
    rows = "".join(_rows(one) for one in series)
    title = escape(str(block.get("title", "")))
    return f'<div class="wide"><table class="chart"><caption>{title}</caption>{rows}</table></div>'


def _rows(series: Json) -> str:
    points = series.get("data", [])
    highest = max((abs(_number(point)) for point in points), default=0) or 1
    name = escape(str(series.get("name", "")))
    head = f'<tr><th colspan="3" scope="colgroup">{name}</th></tr>' if name else ""
    for point in points:
        label, value = escape(str(point.get("label", ""))), escape(str(point.get("value")))
        bar = f'<meter min="0" max="{highest}" value="{abs(_number(point))}" aria-hidden="true"></meter>'
        head += f'<tr><th scope="row">{label}</th><td class="right">{value}</td><td>{bar}</td></tr>'
    return head


def _number(point: Json) -> float:
    value = point.get("value")
    return float(value) if isinstance(value, int | float) else 0.0


def card(block: Json, look: Look) -> str:
    """One card: its picture, its texts, its buttons."""
    hero = image(block["hero_image"], look) if isinstance(block.get("hero_image"), dict) else ""
    texts = "".join(
        f'<div class="{key}">{text_html(block[key], look)}</div>'
        for key in ("title", "subtitle", "body")
        if key in block
    )
    buttons = "".join(element_html(each, look) for each in block.get("actions", []) if isinstance(each, dict))
    return f'<div class="card-box">{hero}{texts}<div class="actions">{buttons}</div></div>'


def carousel(block: Json, look: Look) -> str:
    """Cards side by side."""
    inner = "".join(card(each, look) for each in block.get("elements", []))
    return f'<div class="wide card-row" tabindex="0" role="region" aria-label="Cards">{inner}</div>'


def plan(block: Json, look: Look) -> str:
    """A title and its tasks."""
    tasks = "".join(f"<li>{task(each, look)}</li>" for each in block.get("tasks", []))
    return f'<h4>{text_html(block.get("title"), look)}</h4><ul class="tasks">{tasks}</ul>'


def task(block: Json, look: Look) -> str:
    """A task with its state in sign and word."""
    sign, word = _STATES.get(str(block.get("status")), ("✕", "error"))
    details = rich_html(block["details"], look) if isinstance(block.get("details"), dict) else ""
    output = rich_html(block["output"], look) if isinstance(block.get("output"), dict) else ""
    title = text_html(block.get("title"), look)
    return f'<span aria-hidden="true">{sign}</span> {title} <small>{word}</small>{details}{output}'
