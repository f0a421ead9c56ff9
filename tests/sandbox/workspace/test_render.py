"""Blocks as HTML and as plain lines."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.mrkdwn import to_html, to_plain
from bot.sandbox.workspace.plain import block_lines
from bot.sandbox.workspace.render import render_blocks

NAMES = {"U1": "alice", "C1": "general", "S1": "hosts"}
LOOK = Look(NAMES)
Json = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "html", "plain"),
    [
        ("*b* _i_ ~s~", "<b>b</b> <i>i</i> <s>s</s>", "b i s"),
        ("a*b*c snake_case_name 2*3*4", "a*b*c snake_case_name 2*3*4", "a*b*c snake_case_name 2*3*4"),
        ("`*x* <y>`", "<code>*x* &lt;y&gt;</code>", "`*x* <y>`"),
        ("```a\nb```", "<pre>a\nb</pre>", "a\nb"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;", "<b> &amp;"),
        (
            "<https://x.io/a_b_c|the *docs*>",
            '<a href="https://x.io/a_b_c" target="_blank" rel="noreferrer">the *docs*</a>',
            "the docs (https://x.io/a_b_c)",
        ),
        ("<javascript:alert(1)|x>", '<span class="mention">x</span>', "x (javascript:alert(1))"),
        ("<@U1> <#C1>", '<span class="mention">@alice</span> <span class="mention">#general</span>', "@alice #general"),
        ("<!channel>", '<span class="mention">@channel</span>', "@channel"),
        ("<!subteam^S1>", '<span class="mention">@hosts</span>', "@hosts"),
        ("<!date^soon^{date}|today>", "today", "today"),
        ("a\n&gt; *b*\n> c\nd", "a<blockquote><b>b</b><br>c</blockquote>d", "a\n> b\n> c\nd"),
        (":x: :unheard_of:", "❌ :unheard_of:", "❌ :unheard_of:"),
        ("a\nb", "a<br>b", "a\nb"),
        ('" onclick="x', "&quot; onclick=&quot;x", '" onclick="x'),
    ],
)
def test_mrkdwn(text: str, html: str, plain: str) -> None:
    """Each mark of the allow-list is shown, references get names, and all else is text."""
    assert (to_html(text, LOOK), to_plain(text, NAMES)) == (html, plain)


def plain(text: str) -> Json:
    """A plain text object."""
    return {"type": "plain_text", "text": text}


BUTTON = {"type": "button", "action_id": "a", "text": plain("Go <b>"), "url": "javascript:x"}
CELLS = [
    [{"type": "raw_text", "text": "name"}, {"type": "raw_text", "text": "pods"}],
    [{"type": "raw_text", "text": "x"}],
]
CHART = {"type": "pie", "segments": [{"label": "v1", "value": 3}]}
RICH = [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}, {"type": "text", "text": " hi"}]}]


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        ({"type": "header", "text": plain("Ready")}, ["Ready"]),
        (
            {"type": "section", "text": plain("a\nb"), "fields": [plain("c")], "accessory": BUTTON},
            ["a", "b", "c", "[Go <b>]"],
        ),
        ({"type": "context", "elements": [plain("a"), {"type": "image", "alt_text": "b"}]}, ["a  b"]),
        ({"type": "actions", "elements": [BUTTON, {"type": "static_select"}]}, ["[Go <b>] […  ▾]".replace("  ", " ")]),
        ({"type": "divider"}, ["─" * 24]),
        ({"type": "image", "alt_text": "graph"}, ["(picture: graph)"]),
        ({"type": "table", "rows": CELLS}, ["name  pods", "x"]),
        ({"type": "data_visualization", "title": "Split", "chart": CHART}, ["Split", "v1: 3"]),
        ({"type": "rich_text", "elements": RICH}, ["@alice hi"]),
        ({"type": "markdown", "text": "# a\nb"}, ["# a", "b"]),
        ({"type": "input", "label": plain("Name"), "element": {"type": "plain_text_input"}}, ["Name: [________]"]),
        ({"type": "odd", "x": 1}, ['[odd] {"type": "odd", "x": 1}']),
    ],
)
def test_every_block_has_lines_and_html(block: Json, lines: list[str]) -> None:
    """Plain lines are what a person would read; the HTML of any block lets no markup of its texts through."""
    assert block_lines(block, NAMES) == lines
    html = render_blocks([block], LOOK)
    assert "<b>" not in html.replace("Go &lt;b&gt;", "")
    assert "javascript:" not in html


def test_an_unknown_block_shows_its_json() -> None:
    """Nothing is silently dropped."""
    html = render_blocks([{"type": "odd", "text": "<i>"}], LOOK)
    assert '<pre class="unknown">' in html
    assert "&lt;i&gt;" in html
