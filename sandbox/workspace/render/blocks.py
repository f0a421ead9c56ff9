"""Block Kit as HTML fragments for the page: everything escaped, unknown blocks shown as their JSON,
never dropped."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any

from sandbox.workspace.mrkdwn import render_link
from sandbox.workspace.render.data import (
    render_card,
    render_carousel,
    render_chart,
    render_plan,
    render_table,
    render_task,
)
from sandbox.workspace.render.elements import render_element
from sandbox.workspace.render.markdown import render_markdown
from sandbox.workspace.render.marks import (
    escape_attribute,
    get_plain_text,
    render_image,
    render_text,
)
from sandbox.workspace.render.rich import render_rich_text
from sandbox.workspace.render_context import RenderContext

Json = dict[str, Any]


def render_blocks(blocks: list[Json], look: RenderContext) -> str:
    """Return the blocks of a message or view as HTML; buttons and inputs carry their ids in
    data attributes.
    """
    return "".join(_render_block(block, look) for block in blocks)


def _render_block(block: Json, look: RenderContext) -> str:
    kind = str(block.get("type", ""))
    render = _RENDER.get(kind)
    inner = render(block, look) if render else _render_unknown(block)
    shown = kind if render else "unknown-block"
    return (
        f'<div class="block {escape_attribute(shown)}" '
        f'data-block="{escape_attribute(block.get("block_id"))}">{inner}</div>'
    )


def _render_section(block: Json, look: RenderContext) -> str:
    html = f'<div class="text">{render_text(block["text"], look)}</div>' if "text" in block else ""
    fields = "".join(f"<div>{render_text(field, look)}</div>" for field in block.get("fields", []))
    html += f'<div class="fields">{fields}</div>' if fields else ""
    if "accessory" not in block:
        return html
    name = get_plain_text(block.get("text")).split("\n")[0][:80]
    return (
        f'<div class="main">{html}</div><div '
        f'class="side">{render_element(block["accessory"], look, name=name)}</div>'
    )


def _render_header(block: Json, look: RenderContext) -> str:
    level = min(max(int(block.get("level") or 1), 1), 4) + 2
    return f"<h{level}>{render_text(block['text'], look)}</h{level}>"


def _render_context(block: Json, look: RenderContext) -> str:
    return "".join(
        f"<span>{render_image(element, look) if element.get('type') == 'image' else render_text(element, look)}</span>"  # noqa: E501
        for element in block["elements"]
    )


def _render_actions(block: Json, look: RenderContext) -> str:
    return "".join(render_element(element, look) for element in block.get("elements", []))


def _render_input(block: Json, look: RenderContext) -> str:
    """Render a label around its control.

    A group of choices is labelled by name instead, since it holds labels itself.
    """
    element, label = block["element"], render_text(block["label"], look)
    optional = ' <small class="optional">(optional)</small>' if block.get("optional") else ""
    hint = (
        f'<small class="hint">{render_text(block["hint"], look)}</small>'
        if block.get("hint")
        else ""
    )
    control = render_element(
        element, look, name=get_plain_text(block["label"]), live=bool(block.get("dispatch_action"))
    )
    tag = "div" if element.get("type") in ("checkboxes", "radio_buttons") else "label"
    trouble = '<p class="wrong" role="alert"></p>'
    return (
        f'<{tag} class="field"><span '
        f'class="label">{label}{optional}</span>{control}</{tag}>{hint}{trouble}'
    )


def _render_image_block(block: Json, look: RenderContext) -> str:
    title = (
        f"<figcaption>{render_text(block['title'], look)}</figcaption>" if "title" in block else ""
    )
    return f"<figure>{title}{render_image(block, look)}</figure>"


def _render_video(block: Json, look: RenderContext) -> str:
    title = render_text(block.get("title"), look)
    return f"▶ {render_link(str(block.get('title_url') or block.get('video_url', '')), title)}"


def _render_file(block: Json, look: RenderContext) -> str:
    return f'<span class="picture">📄 {escape(str(block.get("external_id", "")))}</span>'


def _render_alert(block: Json, look: RenderContext) -> str:
    level = str(block.get("level", "default"))
    return (
        f'<div class="note {escape_attribute(level)}" '
        f'role="note">{render_text(block["text"], look)}</div>'
    )


def _render_container(block: Json, look: RenderContext) -> str:
    title = render_text(block.get("title"), look) or render_rich_text(
        block.get("rich_text_title") or {}, look
    )
    inner = render_blocks(block.get("child_blocks", []), look)
    if block.get("collapsible"):
        return f"<details open><summary>{title}</summary>{inner}</details>"
    return (f"<h4>{title}</h4>" if title else "") + inner


def _render_unknown(block: Json) -> str:
    return f'<pre class="unknown">{escape(json.dumps(block, indent=1))}</pre>'


_RENDER: dict[str, Callable[[Json, RenderContext], str]] = {
    "actions": _render_actions,
    "alert": _render_alert,
    "card": render_card,
    "carousel": render_carousel,
    "container": _render_container,
    "context": _render_context,
    "context_actions": _render_actions,
    "data_table": render_table,
    "data_visualization": render_chart,
    "divider": lambda block, look: "<hr>",
    "file": _render_file,
    "header": _render_header,
    "image": _render_image_block,
    "input": _render_input,
    "markdown": lambda block, look: render_markdown(str(block["text"])),
    "plan": render_plan,
    "rich_text": render_rich_text,
    "section": _render_section,
    "table": render_table,
    "task_card": render_task,
    "video": _render_video,
}
