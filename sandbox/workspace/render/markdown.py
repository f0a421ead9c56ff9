"""Markdown blocks as HTML: headings, lists, tables, quotations, code, rules and the marks within a
line.

Only what Slack's markdown block shows; HTML in the text is text, and a picture is a link to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from sandbox.workspace.emoji import replace_emoji_names
from sandbox.workspace.mrkdwn import render_link

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
"""Reads from the front of these lines: the HTML and how many lines it took, 0 when they begin with
something else."""


def render_markdown(text: str) -> str:
    """Return Markdown text as HTML."""
    lines, html = text.replace("\r\n", "\n").split("\n"), []
    while lines:
        for take in (
            _take_fence,
            _take_heading,
            _take_rule,
            _take_table,
            _take_quote,
            _take_list,
            _take_blank_line,
            _take_paragraph,
        ):
            shown, used = take(lines)
            if used:
                html.append(shown)
                lines = lines[used:]
                break
    return "".join(html)


def render_inline(text: str) -> str:
    """Render the marks of one line.

    Code and links are set aside first, so that nothing inside them is taken for a mark.
    """
    held: list[str] = []

    def hold(html: str) -> str:
        held.append(html)
        return f"\ue000{len(held) - 1}\ue001"

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = _CODE.sub(lambda m: hold(f"<code>{escape(m[1])}</code>"), text)
    text = _LINK.sub(lambda m: hold(render_link(m[2], escape(m[1] or m[2]))), text)
    text = _BARE.sub(lambda m: hold(render_link(m[0], escape(m[0]))), text)
    html = escape(replace_emoji_names(text))
    for mark, shown in _MARKS:
        html = mark.sub(shown, html)
    for _ in range(2):  # a link's words may hold code
        html = re.sub("\ue000(\\d+)\ue001", lambda m: held[int(m[1])], html)
    return html


def _take_fence(lines: list[str]) -> tuple[str, int]:
    if not lines[0].lstrip().startswith("```"):
        return "", 0
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "```"), len(lines))
    return f"<pre>{escape(chr(10).join(lines[1:end]))}</pre>", min(end + 1, len(lines))


def _take_heading(lines: list[str]) -> tuple[str, int]:
    match = _HEADING.match(lines[0])
    if match is None:
        return "", 0
    level = min(len(match[1]) + 2, 6)
    return f"<h{level}>{render_inline(match[2].rstrip('# '))}</h{level}>", 1


def _take_rule(lines: list[str]) -> tuple[str, int]:
    return ("<hr>", 1) if _RULE.match(lines[0]) else ("", 0)


def _split_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _take_table(lines: list[str]) -> tuple[str, int]:
    if len(lines) < 2 or "|" not in lines[0] or "-" not in lines[1] or not _DASHES.match(lines[1]):
        return "", 0
    used = 2
    while used < len(lines) and "|" in lines[used]:
        used += 1
    head = "".join(f'<th scope="col">{render_inline(cell)}</th>' for cell in _split_cells(lines[0]))
    rows = "".join(
        f"<tr>{''.join(f'<td>{render_inline(cell)}</td>' for cell in _split_cells(line))}</tr>"
        for line in lines[2:used]
    )
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>', used


def _take_quote(lines: list[str]) -> tuple[str, int]:
    used = next((n for n, line in enumerate(lines) if not line.startswith(">")), len(lines))
    inner = "\n".join(line[1:].removeprefix(" ") for line in lines[:used])
    return (f"<blockquote>{render_markdown(inner)}</blockquote>", used) if used else ("", 0)


def _take_list(lines: list[str]) -> tuple[str, int]:
    """Render consecutive items of one kind; deeper ones are in the same list, indented."""
    first = _ITEM.match(lines[0])
    if first is None:
        return "", 0
    tag, used, html = ("ul" if first[1] else "ol"), 0, ""
    for line in lines:
        match = _ITEM.match(line)
        if match is None or _RULE.match(line):
            break
        depth = min((len(line) - len(line.lstrip())) // 2, 4)
        html += f'<li class="indent{depth}">{_render_item(match[3])}</li>'
        used += 1
    start = f' start="{int(first[2])}"' if first[2] and first[2] != "1" else ""
    return f"<{tag}{start}>{html}</{tag}>", used


def _render_item(text: str) -> str:
    task = _TASK.match(text)
    if task is None:
        return render_inline(text)
    return ("☐ " if task[1] == " " else "☑ ") + render_inline(task[2])


def _take_blank_line(lines: list[str]) -> tuple[str, int]:
    return "", 0 if lines[0].strip() else 1


def _take_paragraph(lines: list[str]) -> tuple[str, int]:
    used = 1
    while used < len(lines) and lines[used].strip() and not _is_block_start(lines[used:]):
        used += 1
    return f"<p>{'<br>'.join(render_inline(line) for line in lines[:used])}</p>", used


def _is_block_start(lines: list[str]) -> bool:
    return any(
        take(lines)[1]
        for take in (_take_fence, _take_heading, _take_rule, _take_table, _take_quote, _take_list)
    )
