"""Rich text blocks as HTML: sections, lists, quotations and code, with styles, links, names and
dates inside."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from sandbox.workspace.dates import format_date, parse_unix_time
from sandbox.workspace.emoji import replace_emoji_names
from sandbox.workspace.mrkdwn import render_link
from sandbox.workspace.render_context import RenderContext

Json = dict[str, Any]
_STYLES = (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code"))


def render_rich_text(node: Json, look: RenderContext) -> str:
    """Return a rich_text block, or any part of one, as HTML."""
    kind = str(node.get("type", ""))
    if "elements" in node:
        inner = [render_rich_text(child, look) for child in node["elements"]]
        wrap = _WRAP.get(kind)
        return wrap(node, inner) if wrap else "".join(inner)
    return _render_leaf(kind, node, look)


def _wrap_section(node: Json, inner: list[str]) -> str:
    return f"<p>{''.join(inner)}</p>"


def _wrap_list(node: Json, inner: list[str]) -> str:
    tag = "ol" if node.get("style") == "ordered" else "ul"
    items = "".join(f"<li>{each}</li>" for each in inner)
    depth = min(int(node.get("indent") or 0), 4)
    return f'<{tag} class="indent{depth}">{items}</{tag}>'


def _render_leaf(kind: str, node: Json, look: RenderContext) -> str:
    make = _LEAF.get(kind)
    html = make(node, look) if make else _render_text(node, look)
    for style, tag in _STYLES:
        if (node.get("style") or {}).get(style):
            html = f"<{tag}>{html}</{tag}>"
    return html


def _render_text(node: Json, look: RenderContext) -> str:
    return escape(str(node.get("text", ""))).replace("\n", "<br>")


def _render_link(node: Json, look: RenderContext) -> str:
    url = str(node.get("url", ""))
    return render_link(url, escape(str(node.get("text") or url)))


def _make_mention_renderer(sign: str, key: str) -> Callable[[Json, RenderContext], str]:
    def make(node: Json, look: RenderContext) -> str:
        name = str(node.get(key, ""))
        return f'<span class="mention">{sign}{escape(look.names.get(name, name))}</span>'

    return make


def _render_date(node: Json, look: RenderContext) -> str:
    when = parse_unix_time(str(node.get("timestamp", "")), look.zone)
    if when is None:
        return escape(str(node.get("fallback", "")))
    return (
        f"<time "
        f'datetime="{when.isoformat()}">{escape(format_date(str(node.get("format", "")), when, look.now))}</time>'  # noqa: E501
    )


_WRAP: dict[str, Callable[[Json, list[str]], str]] = {
    "rich_text_list": _wrap_list,
    "rich_text_preformatted": lambda node, inner: f"<pre>{''.join(inner)}</pre>",
    "rich_text_quote": lambda node, inner: f"<blockquote>{''.join(inner)}</blockquote>",
    "rich_text_section": _wrap_section,
}
_LEAF: dict[str, Callable[[Json, RenderContext], str]] = {
    "broadcast": _make_mention_renderer("@", "range"),
    "channel": _make_mention_renderer("#", "channel_id"),
    "color": lambda node, look: f"<code>{escape(str(node.get('value', '')))}</code>",
    "date": _render_date,
    "emoji": lambda node, look: escape(replace_emoji_names(f":{node.get('name', '')}:")),
    "link": _render_link,
    "user": _make_mention_renderer("@", "user_id"),
    "usergroup": _make_mention_renderer("@", "usergroup_id"),
}
