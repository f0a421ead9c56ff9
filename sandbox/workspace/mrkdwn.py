"""Slack's mrkdwn as a reader sees it: as HTML with an allow-list of marks, and as plain text for a
terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape

from sandbox.workspace.dates import format_date, parse_unix_time
from sandbox.workspace.emoji import replace_emoji_names
from sandbox.workspace.render_context import RenderContext

Names = Mapping[str, str]
"""Ids of people and channels, and the names to show for them."""

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_REFERENCE = re.compile(r"<([^<>\n]+)>")
_BARE = re.compile(
    r"(?<![\w\ue001])https?://[^\s<>|\ue000\ue001]*[^\s<>|\ue000\ue001.,;:!?)'\"*_~]"
)
_QUOTED = re.compile(r"(?:&gt;|>) ?")
_MARKS = (("*", "b"), ("_", "i"), ("~", "s"))


def unescape(text: str) -> str:
    """Undo Slack's three escapes (&lt; &gt; &amp;), and nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def keep_safe_link(url: str) -> str:
    """Return the URL if the page may link to it (http and https), else ""."""
    return url if url.startswith(("http://", "https://")) else ""


def render_link(url: str, label: str) -> str:
    """Return a link that leaves the page; `label` is HTML.

    A URL that is not http or https is shown as its label only.
    """
    link = keep_safe_link(url)
    if not link:
        return f'<span class="mention">{label}</span>'
    return f'<a href="{escape(link)}" target="_blank" rel="noreferrer">{label}</a>'


def mrkdwn_to_html(text: str, look: RenderContext) -> str:
    """Return mrkdwn text as HTML; everything that is not one of its marks is escaped."""
    parts = [
        _render_code(part) if part.startswith("`") else _render_inline(part, look)
        for part in _CODE.split(text)
        if part
    ]
    return "".join(parts)


def mrkdwn_to_text(text: str, names: Names) -> str:
    """Return mrkdwn as plain text: names for ids, labels with their links, no bold or italic
    marks.
    """
    parts = []
    for part in _CODE.split(text):
        if part.startswith("```"):
            parts.append(unescape(part.strip("`").strip("\n")))
        elif part.startswith("`"):
            parts.append(unescape(part))
        else:
            parts.append(unescape(_render_plain_part(part, names)))
    return "".join(parts)


def _render_plain_part(part: str, names: Names) -> str:
    text = replace_emoji_names(part)
    for mark, _ in _MARKS:
        text = _compile_mark_pattern(mark).sub(r"\1", text)
    return _REFERENCE.sub(lambda match: _render_plain_reference(match[1], names), text)


def _render_plain_reference(inner: str, names: Names) -> str:
    label, url = _parse_reference(inner, names)
    if not url or label == url:
        return label
    return f"{label} ({url})"


def _parse_reference(inner: str, names: Names) -> tuple[str, str]:
    """Return what a reference <…> shows, and its link or ""."""
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


def _compile_mark_pattern(mark: str) -> re.Pattern[str]:
    sign = re.escape(mark)
    return re.compile(rf"(?<![\w{sign}]){sign}(?=\S)([^{sign}\n]+?)(?<=\S){sign}(?![\w{sign}])")


def _escape_text(text: str) -> str:
    return escape(unescape(text))


def _render_code(part: str) -> str:
    if part.startswith("```"):
        return f"<pre>{_escape_text(part.strip('`').strip(chr(10)))}</pre>"
    return f"<code>{_escape_text(part[1:-1])}</code>"


def _render_inline(part: str, look: RenderContext) -> str:
    """Render marks and references of text without code.

    References are set aside while the marks are found, so that an underscore in a link
    stays one.
    """
    held: list[str] = []

    def hold(html: str) -> str:
        held.append(html)
        return f"\ue000{len(held) - 1}\ue001"

    text = part.replace("\ue000", "").replace("\ue001", "")
    text = _REFERENCE.sub(lambda match: hold(_render_reference(match[1], look)), text)
    text = _BARE.sub(
        lambda match: hold(render_link(unescape(match[0]), _escape_text(match[0]))), text
    )
    html = "".join(_render_lines(replace_emoji_names(text)))
    # One use, beside its list.
    restored: Callable[[re.Match[str]], str] = lambda match: held[int(match[1])]  # noqa: E731
    return re.sub("\ue000(\\d+)\ue001", restored, html)


def _render_lines(text: str) -> list[str]:
    """Render lines with their marks; those that begin with > become a quotation."""
    html: list[str] = []
    quoting = False
    for number, line in enumerate(text.split("\n")):
        quote = _QUOTED.match(line)
        shown = _render_emphasis(line[quote.end() :] if quote else line)
        if bool(quote) != quoting:
            html.append("<blockquote>" if quote else "</blockquote>")
        elif number:
            html.append("<br>")
        html.append(shown)
        quoting = bool(quote)
    return [*html, "</blockquote>"] if quoting else html


def _render_emphasis(line: str) -> str:
    text = _escape_text(line)
    for mark, tag in _MARKS:
        text = _compile_mark_pattern(mark).sub(rf"<{tag}>\1</{tag}>", text)
    return text


def _render_reference(inner: str, look: RenderContext) -> str:
    if inner.startswith("!date^"):
        return _render_date(inner, look)
    label, url = _parse_reference(inner, look.names)
    return render_link(unescape(url), _escape_text(label))


def _render_date(inner: str, look: RenderContext) -> str:
    """Render a date in the reader's time zone, with the whole of it as a tooltip.

    Return the fallback when it is no date.
    """
    target, _, fallback = inner.partition("|")
    seconds, _, form = target.removeprefix("!date^").partition("^")
    form, _, link = form.partition("^")
    when = parse_unix_time(seconds, look.zone)
    if when is None:
        return _escape_text(fallback)
    shown = _escape_text(format_date(form, when, look.now))
    html = (
        f'<time datetime="{when.isoformat()}" '
        f'title="{when:%A, %d %B %Y, %H:%M:%S %Z}">{shown}</time>'
    )
    return render_link(unescape(link), html) if keep_safe_link(link) else html
