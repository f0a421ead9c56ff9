"""Rich text blocks as HTML: sections, lists, quotations and code, with styles, links, names and dates inside."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from bot.sandbox.workspace.dates import moment, written
from bot.sandbox.workspace.emoji import pictured
from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.mrkdwn import anchor

Json = dict[str, Any]
_STYLES = (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code"))


def rich_html(node: Json, look: Look) -> str:
    """A rich_text block, or any part of one."""
    kind = str(node.get("type", ""))
    if "elements" in node:
        inner = [rich_html(child, look) for child in node["elements"]]
        wrap = _WRAP.get(kind)
        return wrap(node, inner) if wrap else "".join(inner)
    return _leaf(kind, node, look)


def _section(node: Json, inner: list[str]) -> str:
    return f"<p>{''.join(inner)}</p>"


def _list(node: Json, inner: list[str]) -> str:
    tag = "ol" if node.get("style") == "ordered" else "ul"
    items = "".join(f"<li>{each}</li>" for each in inner)
    depth = min(int(node.get("indent") or 0), 4)
    return f'<{tag} class="indent{depth}">{items}</{tag}>'


def _leaf(kind: str, node: Json, look: Look) -> str:
    make = _LEAF.get(kind)
    html = make(node, look) if make else _text(node, look)
    for style, tag in _STYLES:
        if (node.get("style") or {}).get(style):
            html = f"<{tag}>{html}</{tag}>"
    return html


def _text(node: Json, look: Look) -> str:
    return escape(str(node.get("text", ""))).replace("\n", "<br>")


def _link(node: Json, look: Look) -> str:
    url = str(node.get("url", ""))
    return anchor(url, escape(str(node.get("text") or url)))


def _named(sign: str, key: str) -> Callable[[Json, Look], str]:
    def make(node: Json, look: Look) -> str:
        name = str(node.get(key, ""))
        return f'<span class="mention">{sign}{escape(look.names.get(name, name))}</span>'

    return make


def _date(node: Json, look: Look) -> str:
    when = moment(str(node.get("timestamp", "")), look.zone)
    if when is None:
        return escape(str(node.get("fallback", "")))
    return f'<time datetime="{when.isoformat()}">{escape(written(str(node.get("format", "")), when, look.now))}</time>'


_WRAP: dict[str, Callable[[Json, list[str]], str]] = {
    "rich_text_list": _list,
    "rich_text_preformatted": lambda node, inner: f"<pre>{''.join(inner)}</pre>",
    "rich_text_quote": lambda node, inner: f"<blockquote>{''.join(inner)}</blockquote>",
    "rich_text_section": _section,
}
_LEAF: dict[str, Callable[[Json, Look], str]] = {
    "broadcast": _named("@", "range"),
    "channel": _named("#", "channel_id"),
    "color": lambda node, look: f"<code>{escape(str(node.get('value', '')))}</code>",
    "date": _date,
    "emoji": lambda node, look: escape(pictured(f":{node.get('name', '')}:")),
    "link": _link,
    "user": _named("@", "user_id"),
    "usergroup": _named("@", "usergroup_id"),
}
