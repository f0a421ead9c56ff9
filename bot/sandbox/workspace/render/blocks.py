"""Block Kit as HTML fragments for the page: everything escaped, unknown blocks shown as their JSON, never dropped."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any

from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.mrkdwn import anchor
from bot.sandbox.workspace.render.data import card, carousel, chart, plan, table, task
from bot.sandbox.workspace.render.elements import element_html
from bot.sandbox.workspace.render.markdown import markdown_html
from bot.sandbox.workspace.render.marks import attribute, image, text_html, words
from bot.sandbox.workspace.render.rich import rich_html

Json = dict[str, Any]


def render_blocks(blocks: list[Json], look: Look) -> str:
    """The blocks of a message or view as HTML; buttons and inputs carry their ids in data attributes."""
    return "".join(_block(block, look) for block in blocks)


def _block(block: Json, look: Look) -> str:
    kind = str(block.get("type", ""))
    render = _RENDER.get(kind)
    inner = render(block, look) if render else _unknown(block)
    shown = kind if render else "unknown-block"
    return f'<div class="block {attribute(shown)}" data-block="{attribute(block.get("block_id"))}">{inner}</div>'


def _section(block: Json, look: Look) -> str:
    html = f'<div class="text">{text_html(block["text"], look)}</div>' if "text" in block else ""
    fields = "".join(f"<div>{text_html(field, look)}</div>" for field in block.get("fields", []))
    html += f'<div class="fields">{fields}</div>' if fields else ""
    if "accessory" not in block:
        return html
    name = words(block.get("text")).split("\n")[0][:80]
    return f'<div class="main">{html}</div><div class="side">{element_html(block["accessory"], look, name=name)}</div>'


def _header(block: Json, look: Look) -> str:
    level = min(max(int(block.get("level") or 1), 1), 4) + 2
    return f"<h{level}>{text_html(block['text'], look)}</h{level}>"


def _context(block: Json, look: Look) -> str:
    return "".join(
        f"<span>{image(element, look) if element.get('type') == 'image' else text_html(element, look)}</span>"
        for element in block["elements"]
    )


def _actions(block: Json, look: Look) -> str:
    return "".join(element_html(element, look) for element in block.get("elements", []))


def _input(block: Json, look: Look) -> str:
    """A label around its control; a group of choices is labelled by name instead, since it holds labels itself."""
    element, label = block["element"], text_html(block["label"], look)
    optional = ' <small class="optional">(optional)</small>' if block.get("optional") else ""
    hint = f'<small class="hint">{text_html(block["hint"], look)}</small>' if block.get("hint") else ""
    control = element_html(element, look, name=words(block["label"]), live=bool(block.get("dispatch_action")))
    tag = "div" if element.get("type") in ("checkboxes", "radio_buttons") else "label"
    trouble = '<p class="wrong" role="alert"></p>'
    return f'<{tag} class="field"><span class="label">{label}{optional}</span>{control}</{tag}>{hint}{trouble}'


def _image(block: Json, look: Look) -> str:
    title = f"<figcaption>{text_html(block['title'], look)}</figcaption>" if "title" in block else ""
    return f"<figure>{title}{image(block, look)}</figure>"


def _video(block: Json, look: Look) -> str:
    title = text_html(block.get("title"), look)
    return f"▶ {anchor(str(block.get('title_url') or block.get('video_url', '')), title)}"


def _file(block: Json, look: Look) -> str:
    return f'<span class="picture">📄 {escape(str(block.get("external_id", "")))}</span>'


def _alert(block: Json, look: Look) -> str:
    level = str(block.get("level", "default"))
    return f'<div class="note {attribute(level)}" role="note">{text_html(block["text"], look)}</div>'


def _container(block: Json, look: Look) -> str:
    title = text_html(block.get("title"), look) or rich_html(block.get("rich_text_title") or {}, look)
    inner = render_blocks(block.get("child_blocks", []), look)
    if block.get("collapsible"):
        return f"<details open><summary>{title}</summary>{inner}</details>"
    return (f"<h4>{title}</h4>" if title else "") + inner


def _unknown(block: Json) -> str:
    return f'<pre class="unknown">{escape(json.dumps(block, indent=1))}</pre>'


_RENDER: dict[str, Callable[[Json, Look], str]] = {
    "actions": _actions,
    "alert": _alert,
    "card": card,
    "carousel": carousel,
    "container": _container,
    "context": _context,
    "context_actions": _actions,
    "data_table": table,
    "data_visualization": chart,
    "divider": lambda block, look: "<hr>",
    "file": _file,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": lambda block, look: markdown_html(str(block["text"])),
    "plan": plan,
    "rich_text": rich_html,
    "section": _section,
    "table": table,
    "task_card": task,
    "video": _video,
}
