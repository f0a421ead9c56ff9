"""The smallest parts of the page's HTML: attributes, text objects and pictures."""

from __future__ import annotations

from html import escape
from typing import Any

from sandbox.workspace.emoji import replace_emoji_names
from sandbox.workspace.mrkdwn import keep_safe_link, mrkdwn_to_html, unescape
from sandbox.workspace.render_context import RenderContext

Json = dict[str, Any]


def escape_attribute(value: Any) -> str:
    """Return a value escaped for a quoted attribute; None is ""."""
    return escape(str("" if value is None else value), quote=True)


def render_attributes(**pairs: Any) -> str:
    """Return attributes with a leading blank each.

    True stands alone, and what is None, False or "" is left out.
    """
    html = ""
    for name, value in pairs.items():
        if value is None or value is False or value == "":
            continue
        name = name.rstrip("_").replace("_", "-")
        html += f" {name}" if value is True else f' {name}="{escape_attribute(value)}"'
    return html


def render_text(value: Any, look: RenderContext) -> str:
    """Return a text object as HTML."""
    if not isinstance(value, dict):
        return escape(str(value or ""))
    text = str(value.get("text", ""))
    if value.get("type") == "mrkdwn":
        return mrkdwn_to_html(text, look)
    return escape(unescape(replace_emoji_names(text))).replace("\n", "<br>")


def get_plain_text(value: Any) -> str:
    """Return a plain text object's text, unescaped and with emoji as characters."""
    text = value.get("text", "") if isinstance(value, dict) else value
    return unescape(replace_emoji_names(str(text or "")))


def render_image(holder: Json, look: RenderContext) -> str:
    """Return a picture as HTML; a foreign one is not loaded but linked to by its alt text."""
    alt = str(holder.get("alt_text", ""))
    source = look.picture(holder)
    if source:
        return f'<img alt="{escape_attribute(alt)}"{render_attributes(src=source, loading="lazy")}>'
    link = keep_safe_link(str(holder.get("image_url", "")))
    shown = f'<span aria-hidden="true">🖼</span> {escape(alt)}'
    if not link:
        return f'<span class="picture">{shown}</span>'
    return f'<a class="picture" href="{escape(link)}" target="_blank" rel="noreferrer">{shown}</a>'


def render_icon(name: str) -> str:
    """Return an icon of the page's own set (`page/static/icons.svg`), which says nothing itself."""
    return f'<svg class="i" aria-hidden="true"><use href="/page/assets/icons.svg#{name}"/></svg>'
