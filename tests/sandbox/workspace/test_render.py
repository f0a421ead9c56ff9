"""Blocks as HTML and as plain lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sandbox.workspace.mrkdwn import mrkdwn_to_html, mrkdwn_to_text
from sandbox.workspace.plain import render_block_lines
from sandbox.workspace.render import render_blocks
from sandbox.workspace.render.markdown import render_markdown
from sandbox.workspace.render_context import RenderContext

NAMES = {"U1": "alice", "C1": "general", "S1": "hosts"}
LOOK = RenderContext(NAMES)
Json = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "html", "plain"),
    [
        ("*b* _i_ ~s~", "<b>b</b> <i>i</i> <s>s</s>", "b i s"),
        (
            "a*b*c snake_case_name 2*3*4",
            "a*b*c snake_case_name 2*3*4",
            "a*b*c snake_case_name 2*3*4",
        ),
        ("`*x* <y>`", "<code>*x* &lt;y&gt;</code>", "`*x* <y>`"),
        ("```a\nb```", "<pre>a\nb</pre>", "a\nb"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;", "<b> &amp;"),
        (
            "<https://x.io/a_b_c|the *docs*>",
            '<a href="https://x.io/a_b_c" target="_blank" rel="noreferrer">the *docs*</a>',
            "the docs (https://x.io/a_b_c)",
        ),
        ("<javascript:alert(1)|x>", '<span class="mention">x</span>', "x (javascript:alert(1))"),
        (
            "<@U1> <#C1>",
            '<span class="mention">@alice</span> <span class="mention">#general</span>',
            "@alice #general",
        ),
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
    assert (mrkdwn_to_html(text, LOOK), mrkdwn_to_text(text, NAMES)) == (html, plain)


def plain(text: str) -> Json:
    """A plain text object."""
    return {"type": "plain_text", "text": text}


BUTTON = {"type": "button", "action_id": "a", "text": plain("Go <b>"), "url": "javascript:x"}
CELLS = [
    [{"type": "raw_text", "text": "name"}, {"type": "raw_text", "text": "pods"}],
    [{"type": "raw_text", "text": "x"}],
]
CHART = {"type": "pie", "segments": [{"label": "v1", "value": 3}]}
RICH = [
    {
        "type": "rich_text_section",
        "elements": [{"type": "user", "user_id": "U1"}, {"type": "text", "text": " hi"}],
    }
]


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        ({"type": "header", "text": plain("Ready")}, ["Ready"]),
        (
            {"type": "section", "text": plain("a\nb"), "fields": [plain("c")], "accessory": BUTTON},
            ["a", "b", "c", "[Go <b>]"],
        ),
        (
            {"type": "context", "elements": [plain("a"), {"type": "image", "alt_text": "b"}]},
            ["a  b"],
        ),
        (
            {"type": "actions", "elements": [BUTTON, {"type": "static_select"}]},
            ["[Go <b>] […  ▾]".replace("  ", " ")],
        ),
        ({"type": "divider"}, ["─" * 24]),
        ({"type": "image", "alt_text": "graph"}, ["(picture: graph)"]),
        ({"type": "table", "rows": CELLS}, ["name  pods", "x"]),
        ({"type": "data_visualization", "title": "Split", "chart": CHART}, ["Split", "v1: 3"]),
        ({"type": "rich_text", "elements": RICH}, ["@alice hi"]),
        ({"type": "markdown", "text": "# a\nb"}, ["# a", "b"]),
        (
            {"type": "input", "label": plain("Name"), "element": {"type": "plain_text_input"}},
            ["Name: [________]"],
        ),
        ({"type": "odd", "x": 1}, ['[odd] {"type": "odd", "x": 1}']),
    ],
)
def test_every_block_has_lines_and_html(block: Json, lines: list[str]) -> None:
    """Plain lines are what a person would read; the HTML of any block lets no markup of its texts
    through."""
    assert render_block_lines(block, NAMES) == lines
    html = render_blocks([block], LOOK)
    assert "<b>" not in html.replace("Go &lt;b&gt;", "")
    assert "javascript:" not in html


def test_an_unknown_block_shows_its_json() -> None:
    """Nothing is silently dropped."""
    html = render_blocks([{"type": "odd", "text": "<i>"}], LOOK)
    assert '<pre class="unknown">' in html
    assert "&lt;i&gt;" in html


OPTIONS = [{"text": plain("One <i>"), "value": "1"}, {"text": plain("Two"), "value": "2"}]


@pytest.mark.parametrize(
    ("element", "parts"),
    [
        (
            {"type": "static_select", "options": OPTIONS, "initial_option": OPTIONS[1]},
            ["<select", 'selected value="2"'],
        ),
        ({"type": "multi_static_select", "options": OPTIONS}, ["multiple", 'size="2"']),
        ({"type": "users_select", "initial_user": "U1"}, ['selected value="U1">alice']),
        (
            {"type": "overflow", "options": OPTIONS},
            ["<details", 'aria-label="More actions"', 'data-value="1"'],
        ),
        (
            {"type": "radio_buttons", "options": OPTIONS, "initial_option": OPTIONS[0]},
            ['type="radio"', "checked"],
        ),
        ({"type": "checkboxes", "options": OPTIONS}, ['type="checkbox"', 'role="group"']),
        (
            {"type": "datepicker", "initial_date": "2026-11-25"},
            ['type="date"', 'value="2026-11-25"'],
        ),
        ({"type": "timepicker", "initial_time": "09:30"}, ['type="time"', 'value="09:30"']),
        ({"type": "datetimepicker", "initial_date_time": 0}, ['value="1970-01-01T02:00"']),
        (
            {"type": "plain_text_input", "multiline": True, "initial_value": "</textarea>"},
            ["&lt;/textarea&gt;</textarea>"],
        ),
        (
            {"type": "number_input", "min_value": "0", "max_value": "9"},
            ['type="number"', 'min="0"', 'max="9"'],
        ),
        ({"type": "future_input"}, ['class="unknown"']),
    ],
)
def test_every_element_is_a_native_control(element: Json, parts: list[str]) -> None:
    """Elements keep their kind, their ids and their initial values, and get a name from their
    label."""
    look = RenderContext(NAMES, people=(("U1", "alice"),), zone=timezone(timedelta(hours=2)))
    block = {"type": "input", "label": plain("Which"), "element": {"action_id": "it", **element}}
    html = render_blocks([block], look)
    assert [part for part in [*parts, "Which"] if part not in html] == []
    assert "<i>" not in html


def test_a_confirmation_waits_beside_its_button() -> None:
    """It is there for the page to ask, escaped, and a dangerous one looks so."""
    ask = {
        "title": plain("Sure?"),
        "text": plain("<b>"),
        "confirm": plain("Yes"),
        "deny": plain("No"),
        "style": "danger",
    }
    html = render_blocks([{"type": "actions", "elements": [{**BUTTON, "confirm": ask}]}], LOOK)
    assert '<template class="confirm"><h2>Sure?</h2><div class="body">&lt;b&gt;</div>' in html
    assert 'class="btn danger" value="yes">Yes' in html


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("{date_num} {time_secs}", "2026-11-25 01:00:05"),
        ("{date}", "November 25th, 2026"),
        ("{date_short_pretty} at {time}", "Today at 01:00"),
        ("on {date_long_pretty}", "on today"),
        ("{ago}", "2 hours ago"),
        ("{nonsense}", "{nonsense}"),
    ],
)
def test_dates_are_in_the_readers_zone(form: str, shown: str) -> None:
    """A moment just before midnight UTC is the next day for someone who is two hours ahead."""
    when = datetime(2026, 11, 24, 23, 0, 5, tzinfo=UTC)
    look = RenderContext(zone=timezone(timedelta(hours=2)), now=when + timedelta(hours=2))
    assert f">{shown}</time>" in mrkdwn_to_html(f"<!date^{int(when.timestamp())}^{form}|x>", look)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A *b*", "<h3>A <i>b</i></h3>"),
        (
            "- [x] **a**\n- b",
            '<ul><li class="indent0">☑ <b>a</b></li><li class="indent0">b</li></ul>',
        ),
        ("1. a\n2. b", '<ol><li class="indent0">a</li><li class="indent0">b</li></ol>'),
        ("```\n*a* <b>\n```", "<pre>*a* &lt;b&gt;</pre>"),
        ("> a\n> b", "<blockquote><p>a<br>b</p></blockquote>"),
        ("[a](javascript:b) `<i>`", '<p><span class="mention">a</span> <code>&lt;i&gt;</code></p>'),
        ("a\n\n---\nsnake_case_word", "<p>a</p><hr><p>snake_case_word</p>"),
    ],
)
def test_markdown(text: str, html: str) -> None:
    """Standard Markdown is shown; HTML in it is text."""
    assert render_markdown(text) == html


TASK = {"type": "task_card", "task_id": "t", "title": "Install", "status": "complete"}
CARD = {
    "type": "card",
    "title": {"type": "mrkdwn", "text": "*Card*"},
    "actions": [{**BUTTON, "url": "https://x.io"}],
}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (CARD, '<div class="title"><b>Card</b></div>'),
        ({"type": "carousel", "elements": [CARD, CARD]}, 'aria-label="Cards"'),
        ({"type": "plan", "title": "Workshop", "tasks": [TASK]}, "Install <small>complete</small>"),
        (
            {"type": "alert", "level": "warning", "text": plain("Careful")},
            '<div class="note warning" role="note">Careful',
        ),
        (
            {"type": "container", "title": plain("T"), "collapsible": True, "child_blocks": [CARD]},
            "<summary>T</summary>",
        ),
        (
            {
                "type": "context_actions",
                "elements": [{"type": "icon_button", "icon": "trash", "text": plain("Away")}],
            },
            "Away",
        ),
        (
            {"type": "video", "title": plain("How"), "title_url": "https://x.io", "alt_text": "a"},
            'href="https://x.io"',
        ),
        ({"type": "file", "external_id": "F<1", "source": "remote"}, "F&lt;1"),
        (
            {"type": "data_table", "caption": "C", "rows": CELLS},
            '<th scope="col" class="">name</th>',
        ),
        (
            {"type": "data_visualization", "title": "Split", "chart": CHART},
            '<th scope="row">v1</th><td class="right">3',
        ),
        (
            {"type": "image", "image_url": "https://x.io/a.png", "alt_text": "graph"},
            'class="picture" href="https://x.io/a.png"',
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_what_slack_knows_is_not_grey(block: Json, part: str) -> None:
    """Every block that Slack has is shown as what it is; only one that it lacks falls back to JSON."""
    html = render_blocks([block], LOOK)
    assert part in html
    assert "unknown" not in html
