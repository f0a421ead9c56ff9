"""Slack's mrkdwn as a reader sees it: as HTML with an allow-list of marks, and as plain text for a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from bot.sandbox.workspace.dates import moment, written
from bot.sandbox.workspace.emoji import pictured
from bot.sandbox.workspace.look import Look

Names = Mapping[str, str]
"""Ids of people and channels, and the names to show for them."""

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_REFERENCE = re.compile(r"<([^<>\n]+)>")
_BARE = re.compile(r"(?<![\w\ue001])https?://[^\s<>|\ue000\ue001]*[^\s<>|\ue000\ue001.,;:!?)'\"*_~]")
_QUOTED = re.compile(r"(?:&gt;|>) ?")
_MARKS = (("*", "b"), ("_", "i"), ("~", "s"))


def unescape(text: str) -> str:
    """Undoes Slack's three escapes, and nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def safe_link(url: str) -> str:
    """The link if it may be followed from the page (http and https), else nothing."""
    return url if url.startswith(("http://", "https://")) else ""


def anchor(url: str, label: str) -> str:
    """A link that leaves the page; `label` is HTML. What is no http or https link is only shown."""
    link = safe_link(url)
    if not link:
        return f'<span class="mention">{label}</span>'
    return f'<a href="{escape(link)}" target="_blank" rel="noreferrer">{label}</a>'


def to_html(text: str, look: Look) -> str:
    """HTML of mrkdwn text; everything that is not one of its marks is escaped."""
    parts = [_code(part) if part.startswith("`") else _inline(part, look) for part in _CODE.split(text) if part]
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
    return escape(unescape(text))


def _code(part: str) -> str:
    if part.startswith("```"):
        return f"<pre>{_safe(part.strip('`').strip(chr(10)))}</pre>"
    return f"<code>{_safe(part[1:-1])}</code>"


def _inline(part: str, look: Look) -> str:
    """References are set aside while the marks are found, so that an underscore in a link stays one."""
    held: list[str] = []

    def hold(html: str) -> str:
        held.append(html)
        return f"\ue000{len(held) - 1}\ue001"

    text = part.replace("\ue000", "").replace("\ue001", "")
    text = _REFERENCE.sub(lambda match: hold(_reference_html(match[1], look)), text)
    text = _BARE.sub(lambda match: hold(anchor(unescape(match[0]), _safe(match[0]))), text)
    html = "".join(_lines(pictured(text)))
    restored: Callable[[re.Match[str]], str] = lambda match: held[int(match[1])]  # noqa: E731 - one use, beside its list
    return re.sub("\ue000(\\d+)\ue001", restored, html)


def _lines(text: str) -> list[str]:
    """Lines with their marks; those that begin with > are a quotation."""
    html: list[str] = []
    quoting = False
    for number, line in enumerate(text.split("\n")):
        quote = _QUOTED.match(line)
        shown = _emphasised(line[quote.end() :] if quote else line)
        if bool(quote) != quoting:
            html.append("<blockquote>" if quote else "</blockquote>")
        elif number:
            html.append("<br>")
        html.append(shown)
        quoting = bool(quote)
    return [*html, "</blockquote>"] if quoting else html


def _emphasised(line: str) -> str:
    text = _safe(line)
    for mark, tag in _MARKS:
        text = _marked(mark).sub(rf"<{tag}>\1</{tag}>", text)
    return text


def _reference_html(inner: str, look: Look) -> str:
    if inner.startswith("!date^"):
        return _date(inner, look)
    label, url = _reference(inner, look.names)
    return anchor(unescape(url), _safe(label))


def _date(inner: str, look: Look) -> str:
    """A moment in the reader's zone, with the whole of it as a tooltip; the fallback when it is none."""
    target, _, fallback = inner.partition("|")
    seconds, _, form = target.removeprefix("!date^").partition("^")
    form, _, link = form.partition("^")
    when = moment(seconds, look.zone)
    if when is None:
        return _safe(fallback)
    shown = _safe(written(form, when, look.now))
    html = f'<time datetime="{when.isoformat()}" title="{when:%A, %d %B %Y, %H:%M:%S %Z}">{shown}</time>'
    return anchor(unescape(link), html) if safe_link(link) else html
