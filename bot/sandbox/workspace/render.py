"""Block Kit as HTML fragments for the page: everything escaped, unknown blocks shown as their JSON, never dropped."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any

from bot.sandbox.workspace.mrkdwn import Names, pictured, safe_link, to_html, unescape
from bot.sandbox.workspace.plain import block_lines, cell_text, rich_text

Json = dict[str, Any]


def render_blocks(blocks: list[Json], names: Names) -> str:
    """The blocks of a message or view as HTML; buttons and inputs carry their ids in data attributes."""
    return "".join(_block(block, names) for block in blocks)


def _block(block: Json, names: Names) -> str:
    render = _RENDER.get(block.get("type", ""))
    inner = render(block, names) if render else _unknown(block)
    kind, block_id = _attribute(block.get("type")), _attribute(block.get("block_id"))
    return f'<div class="block {kind}" data-block="{block_id}">{inner}</div>'


def _attribute(value: Any) -> str:
    return escape(str(value or ""), quote=True)


def text_html(value: Any, names: Names) -> str:
    """A text object as HTML."""
    if not isinstance(value, dict):
        return escape(str(value or ""))
    text = str(value.get("text", ""))
    if value.get("type") == "mrkdwn":
        return to_html(text, names)
    return escape(unescape(pictured(text))).replace("\n", "<br>")


def _section(block: Json, names: Names) -> str:
    html = f"<div>{text_html(block['text'], names)}</div>" if "text" in block else ""
    fields = "".join(f"<div>{text_html(field, names)}</div>" for field in block.get("fields", []))
    html += f'<div class="fields">{fields}</div>' if fields else ""
    return html + (_element(block["accessory"], names) if "accessory" in block else "")


def _header(block: Json, names: Names) -> str:
    return f"<h3>{text_html(block['text'], names)}</h3>"


def _context(block: Json, names: Names) -> str:
    return "".join(
        f"<span>{_image(element, names) if element.get('type') == 'image' else text_html(element, names)}</span>"
        for element in block["elements"]
    )


def _actions(block: Json, names: Names) -> str:
    return "".join(_element(element, names) for element in block.get("elements", []))


def _input(block: Json, names: Names) -> str:
    return f"<label>{text_html(block['label'], names)} {_element(block['element'], names)}</label>"


def _image(block: Json, names: Names) -> str:
    alt = escape(str(block.get("alt_text", "")), quote=True)
    link = safe_link(str(block.get("image_url", "")))
    if not link:
        return f'<span class="picture">{alt}</span>'
    return f'<a class="picture" href="{escape(link)}" target="_blank" rel="noreferrer">{alt}</a>'


def _element(element: Json, names: Names) -> str:
    kind = element.get("type", "")
    if kind == "image":
        return _image(element, names)
    if kind == "button":
        return _button(element, names)
    ids = f'data-action="{_attribute(element.get("action_id"))}" data-type="{_attribute(kind)}"'
    if "options" in element or "option_groups" in element:
        return f"<select {ids}>{_options(element, names)}</select>"
    hint = _attribute((element.get("placeholder") or {}).get("text"))
    return f'<input {ids} placeholder="{hint}" value="{_attribute(element.get("initial_value"))}">'


def _button(element: Json, names: Names) -> str:
    question = element.get("confirm") or {}
    ask = _attribute((question.get("text") or {}).get("text"))
    link = safe_link(str(element.get("url", "")))
    attributes = f'class="{_attribute(element.get("style"))}" data-action="{_attribute(element.get("action_id"))}"'
    attributes += f' data-confirm="{ask}" data-url="{_attribute(link)}"'
    return f'<button type="button" {attributes}>{text_html(element["text"], names)}</button>'


def _options(element: Json, names: Names) -> str:
    groups = [group["options"] for group in element.get("option_groups", [])]
    options = [*element.get("options", []), *(option for group in groups for option in group)]
    chosen = (element.get("initial_option") or {}).get("value")
    head = "" if chosen else '<option value="">…</option>'
    return head + "".join(
        f'<option value="{_attribute(option.get("value"))}"{" selected" if option.get("value") == chosen else ""}>'
        f"{text_html(option['text'], names)}</option>"
        for option in options
    )


def _table(block: Json, names: Names) -> str:
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell_text(cell, names))}</td>' for cell in row)}</tr>" for row in block["rows"]
    )
    caption = f"<caption>{escape(str(block['caption']))}</caption>" if "caption" in block else ""
    return f"<table>{caption}{rows}</table>"


def _rich(block: Json, names: Names) -> str:
    return f"<pre>{escape(rich_text(block, names))}</pre>"


def _lines(block: Json, names: Names) -> str:
    return "<br>".join(escape(line) for line in block_lines(block, names))


def _unknown(block: Json) -> str:
    return f'<pre class="unknown">{escape(json.dumps(block, indent=1))}</pre>'


_RENDER: dict[str, Callable[[Json, Names], str]] = {
    "actions": _actions,
    "alert": _lines,
    "card": _lines,
    "context": _context,
    "data_table": _table,
    "data_visualization": _lines,
    "divider": lambda block, names: "<hr>",
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _lines,
    "rich_text": _rich,
    "section": _section,
    "table": _table,
}
