"""The smallest parts of the page's HTML: attributes, text objects and pictures."""

from __future__ import annotations

from html import escape
from typing import Any

from bot.sandbox.workspace.emoji import pictured
from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.mrkdwn import safe_link, to_html, unescape

Json = dict[str, Any]


def attribute(value: Any) -> str:
    """A value for a quoted attribute."""
    return escape(str("" if value is None else value), quote=True)


def attributes(**pairs: Any) -> str:
    """Attributes with a leading blank each; True stands alone, and what is None, False or "" is left out."""
    html = ""
    for name, value in pairs.items():
        if value is None or value is False or value == "":
            continue
        name = name.rstrip("_").replace("_", "-")
        html += f" {name}" if value is True else f' {name}="{attribute(value)}"'
    return html


def text_html(value: Any, look: Look) -> str:
    """A text object as HTML."""
    if not isinstance(value, dict):
        return escape(str(value or ""))
    text = str(value.get("text", ""))
    if value.get("type") == "mrkdwn":
        return to_html(text, look)
    return escape(unescape(pictured(text))).replace("\n", "<br>")


def words(value: Any) -> str:
    """A plain text object's text, for an attribute."""
    text = value.get("text", "") if isinstance(value, dict) else value
    return unescape(pictured(str(text or "")))


def image(holder: Json, look: Look) -> str:
    """A picture with its words; a foreign one is not loaded but linked to by its words."""
    alt = str(holder.get("alt_text", ""))
    source = look.picture(holder)
    if source:
        return f'<img alt="{attribute(alt)}"{attributes(src=source, loading="lazy")}>'
    link = safe_link(str(holder.get("image_url", "")))
    shown = f'<span aria-hidden="true">🖼</span> {escape(alt)}'
    if not link:
        return f'<span class="picture">{shown}</span>'
    return f'<a class="picture" href="{escape(link)}" target="_blank" rel="noreferrer">{shown}</a>'
