"""Markdown blocks as HTML: headings, lists, tables, quotations, code, rules and the marks within a line.

Only what Slack's markdown block shows; HTML in the text is text, and a picture is a link to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from bot.sandbox.workspace.emoji import pictured
from bot.sandbox.workspace.mrkdwn import anchor

_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:([-*+])|(\d+)[.)])\s+(.*)")
_TASK = re.compile(r"\[([ xX])\]\s+(.*)")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*$")
_DASHES = re.compile(r"\s*\|?\s*:?-{1,}:?\s*(\|\s*:?-{1,}:?\s*)*\|?\s*$")
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^)\s]+)\)")
_BARE = re.compile(r"https?://[^\s<>\ue000\ue001]*[^\s<>\ue000\ue001.,;:!?)'\"*_~]")
_MARKS = (
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"<b>\2</b>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"<s>\1</s>"),
)

Take = Callable[[list[str]], tuple[str, int]]
"""Reads from the front of these lines: the HTML and how many lines it took, 0 when they begin with something else."""


def markdown_html(text: str) -> str:
    """The text as HTML."""
    lines, html = text.replace("\r\n", "\n").split("\n"), []
    while lines:
        for take in (_fence, _heading, _rule, _table, _quote, _items, _blank, _paragraph):
            shown, used = take(lines)
            if used:
                html.append(shown)
                lines = lines[used:]
                break
    return "".join(html)


def inline(text: str) -> str:
    """One line's marks; code and links are set aside first, so that nothing inside them is taken for a mark."""
    held: list[str] = []

    def hold(html: str) -> str:
        held.append(html)
        return f"\ue000{len(held) - 1}\ue001"

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = _CODE.sub(lambda m: hold(f"<code>{escape(m[1])}</code>"), text)
    text = _LINK.sub(lambda m: hold(anchor(m[2], escape(m[1] or m[2]))), text)
    text = _BARE.sub(lambda m: hold(anchor(m[0], escape(m[0]))), text)
    html = escape(pictured(text))
    for mark, shown in _MARKS:
        html = mark.sub(shown, html)
    for _ in range(2):  # a link's words may hold code
        html = re.sub("\ue000(\\d+)\ue001", lambda m: held[int(m[1])], html)
    return html


def _fence(lines: list[str]) -> tuple[str, int]:
    if not lines[0].lstrip().startswith("```"):
        return "", 0
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "```"), len(lines))
    return f"<pre>{escape(chr(10).join(lines[1:end]))}</pre>", min(end + 1, len(lines))


def _heading(lines: list[str]) -> tuple[str, int]:
    match = _HEADING.match(lines[0])
    if match is None:
        return "", 0
    level = min(len(match[1]) + 2, 6)
    return f"<h{level}>{inline(match[2].rstrip('# '))}</h{level}>", 1


def _rule(lines: list[str]) -> tuple[str, int]:
    return ("<hr>", 1) if _RULE.match(lines[0]) else ("", 0)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _table(lines: list[str]) -> tuple[str, int]:
    if len(lines) < 2 or "|" not in lines[0] or "-" not in lines[1] or not _DASHES.match(lines[1]):
        return "", 0
    used = 2
    while used < len(lines) and "|" in lines[used]:
        used += 1
    head = "".join(f'<th scope="col">{inline(cell)}</th>' for cell in _cells(lines[0]))
    rows = "".join(f"<tr>{''.join(f'<td>{inline(cell)}</td>' for cell in _cells(line))}</tr>" for line in lines[2:used])
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>', used


def _quote(lines: list[str]) -> tuple[str, int]:
    used = next((n for n, line in enumerate(lines) if not line.startswith(">")), len(lines))
    inner = "\n".join(line[1:].removeprefix(" ") for line in lines[:used])
    return (f"<blockquote>{markdown_html(inner)}</blockquote>", used) if used else ("", 0)


def _items(lines: list[str]) -> tuple[str, int]:
    """Consecutive items of one kind; deeper ones are shown in the same list, a step further in."""
    first = _ITEM.match(lines[0])
    if first is None:
        return "", 0
    tag, used, html = ("ul" if first[1] else "ol"), 0, ""
    for line in lines:
        match = _ITEM.match(line)
        if match is None or _RULE.match(line):
            break
        depth = min((len(line) - len(line.lstrip())) // 2, 4)
        html += f'<li class="indent{depth}">{_item(match[3])}</li>'
        used += 1
    start = f' start="{int(first[2])}"' if first[2] and first[2] != "1" else ""
    return f"<{tag}{start}>{html}</{tag}>", used


def _item(text: str) -> str:
    task = _TASK.match(text)
    if task is None:
        return inline(text)
    return ("☐ " if task[1] == " " else "☑ ") + inline(task[2])


def _blank(lines: list[str]) -> tuple[str, int]:
    return "", 0 if lines[0].strip() else 1


def _paragraph(lines: list[str]) -> tuple[str, int]:
    used = 1
    while used < len(lines) and lines[used].strip() and not _begins_other(lines[used:]):
        used += 1
    return f"<p>{'<br>'.join(inline(line) for line in lines[:used])}</p>", used


def _begins_other(lines: list[str]) -> bool:
    return any(take(lines)[1] for take in (_fence, _heading, _rule, _table, _quote, _items))
