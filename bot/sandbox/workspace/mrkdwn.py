"""Slack's mrkdwn as a reader sees it: as HTML with an allow-list of marks, and as plain text for a terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

Names = Mapping[str, str]
"""Ids of people and channels, and the names to show for them."""

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_REFERENCE = re.compile(r"<([^<>\n]+)>")
_MARKS = (("*", "b"), ("_", "i"), ("~", "s"))
_EMOJI = re.compile(r":([a-z0-9_+-]+):")
_PICTURES = {
    "arrow_right": "→",
    "bulb": "💡",
    "busts_in_silhouette": "👥",
    "calendar": "📅",
    "hourglass": "⏳",
    "hourglass_flowing_sand": "⏳",
    "information_source": "ℹ️",
    "lock": "🔒",
    "no_entry": "⛔",
    "question": "❓",
    "tada": "🎉",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "white_circle": "⚪",
    "x": "❌",
}


def unescape(text: str) -> str:
    """Undoes Slack's three escapes, and nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def safe_link(url: str) -> str:
    """The link if it may be followed from the page (http and https), else nothing."""
    return url if url.startswith(("http://", "https://")) else ""


def to_html(text: str, names: Names) -> str:
    """HTML of mrkdwn text; everything that is not one of its marks is escaped."""
    parts = [_code(part) if part.startswith("`") else _inline(part, names) for part in _CODE.split(text) if part]
    return "".join(parts)


def to_plain(text: str, names: Names) -> str:
    """Plain text of mrkdwn text: names for ids, labels with their links, bold and italic marks taken off."""
    parts = []
    for part in _CODE.split(text):
        if part.startswith("```"):
            parts.append(unescape(part.strip("`").strip("\n")))
        elif part.startswith("`"):
            parts.append(unescape(part))
        else:
            parts.append(unescape(_plain(part, names)))
    return "".join(parts)


def pictured(text: str) -> str:
    """The text with the emoji names that we know as characters."""
    return _EMOJI.sub(lambda match: _PICTURES.get(match[1], match[0]), text)


def _plain(part: str, names: Names) -> str:
    text = pictured(part)
    for mark, _ in _MARKS:
        text = _marked(mark).sub(r"\1", text)
    return _REFERENCE.sub(lambda match: _reference_plain(match[1], names), text)


def _reference_plain(inner: str, names: Names) -> str:
    label, url = _reference(inner, names)
    if not url or label == url:
        return label
    return f"{label} ({url})"


def _reference(inner: str, names: Names) -> tuple[str, str]:
    """What a reference <…> shows, and its link if it is one."""
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return "@" + (label or names.get(target[1:], target[1:])), ""
    if target.startswith("#"):
        return "#" + (label or names.get(target[1:], target[1:])), ""
    if target.startswith("!subteam^"):
        return label or "@" + names.get(target.removeprefix("!subteam^"), target), ""
    if target.startswith("!date^"):
        return label, ""
    if target.startswith("!"):
        return "@" + target[1:], ""
    return label or target, target


def _marked(mark: str) -> re.Pattern[str]:
    sign = re.escape(mark)
    return re.compile(rf"(?<![\w{sign}]){sign}(?=\S)([^{sign}\n]+?)(?<=\S){sign}(?![\w{sign}])")


def _safe(text: str) -> str:
    return html.escape(unescape(text))


def _code(part: str) -> str:
    if part.startswith("```"):
        return f"<pre>{_safe(part.strip('`').strip(chr(10)))}</pre>"
    return f"<code>{_safe(part[1:-1])}</code>"


def _inline(part: str, names: Names) -> str:
    """References are set aside while the marks are found, so that an underscore in a link stays one."""
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(_reference_html(match[1], names))
        return f"\ue000{len(held) - 1}\ue001"

    text = _REFERENCE.sub(hold, part.replace("\ue000", "").replace("\ue001", ""))
    text = _safe(pictured(text))
    for mark, tag in _MARKS:
        text = _marked(mark).sub(rf"<{tag}>\1</{tag}>", text)
    restored: Callable[[re.Match[str]], str] = lambda match: held[int(match[1])]  # noqa: E731 - one use, beside its list
    return re.sub("\ue000(\\d+)\ue001", restored, text).replace("\n", "<br>")


def _reference_html(inner: str, names: Names) -> str:
    label, url = _reference(inner, names)
    link = safe_link(unescape(url))
    if link:
        return f'<a href="{html.escape(link)}" target="_blank" rel="noreferrer">{_safe(label)}</a>'
    return f'<span class="mention">{_safe(label)}</span>'
