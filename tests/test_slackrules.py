"""Slack's rules: every limit at the limit and one past it, with the code and the place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.slackrules import (
    REFUSAL,
    check_message,
    check_view,
    count_visible_characters,
    escape,
    truncate,
)

Json = dict[str, Any]
Make = Callable[[int], Json]


def plain(length: int) -> Json:
    """Plain text of this length."""
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    """Mrkdwn text of this length."""
    return {"type": "mrkdwn", "text": "x" * length}


def button(**more: Any) -> Json:
    """A button."""
    return {"type": "button", "action_id": "a", "text": plain(1), **more}


def actions(*elements: Json) -> Json:
    """An actions block."""
    return {"type": "actions", "elements": list(elements)}


def buttons(count: int) -> Json:
    """An actions block with so many different buttons."""
    return actions(*(button(action_id=str(number)) for number in range(count)))


def select(kind: str, count: int) -> Json:
    """A select or menu with so many options."""
    options = [{"text": plain(1), "value": str(number)} for number in range(count)]
    return actions({"type": kind, "action_id": "a", "options": options})


def option(text: int = 1, value: int = 1) -> Json:
    """A select with one option of these lengths."""
    return actions(
        {
            "type": "static_select",
            "action_id": "a",
            "options": [{"text": plain(text), "value": "v" * value}],
        }
    )


def confirm(**lengths: int) -> Json:
    """A button with a confirmation dialog of these lengths."""
    sizes = {"title": 1, "text": 1, "confirm": 1, "deny": 1, **lengths}
    return actions(button(confirm={key: plain(size) for key, size in sizes.items()}))


def table(rows: int, columns: int = 1, kind: str = "table", **more: Any) -> Json:
    """A table of this size."""
    return {"type": kind, "rows": [[{"type": "raw_text", "text": "x"}] * columns] * rows, **more}


def data_table(rows: int, columns: int = 1, **more: Any) -> Json:
    """A data_table of this size, header included."""
    return table(rows, columns, "data_table", **{"caption": "c", **more})


def chart(series: int = 1, points: int = 1, name: int = 1, title: int = 1) -> Json:
    """A line chart of this size."""
    labels = [str(number) for number in range(points)]
    data = [{"label": label, "value": 1} for label in labels]
    lines = [{"name": "n" * name, "data": data}] * series
    return {
        "type": "data_visualization",
        "title": "t" * title,
        "chart": {"type": "line", "series": lines, "axis_config": {"categories": labels}},
    }


def pie(segments: int) -> Json:
    """A pie chart."""
    return {
        "type": "data_visualization",
        "title": "t",
        "chart": {"type": "pie", "segments": [{"label": "l", "value": 1}] * segments},
    }


def image(url: int = 20, alt: int = 1, title: int = 1) -> Json:
    """An image block with these lengths."""
    link = "https://x.io/".ljust(url, "x")
    return {"type": "image", "image_url": link, "alt_text": "a" * alt, "title": plain(title)}


def field(**more: Any) -> Json:
    """An input block."""
    element = {"type": "plain_text_input", "action_id": "a", **more.pop("element", {})}
    return {"type": "input", "label": plain(1), "element": element, **more}


CELLS = [{"type": "raw_text", "text": "x"}] * 2

LIMITS: list[tuple[str, Make, int]] = [
    ("block_id", lambda n: {"type": "divider", "block_id": "b" * n}, 255),
    ("action_id", lambda n: actions(button(action_id="a" * n)), 255),
    ("section text", lambda n: {"type": "section", "text": mrkdwn(n)}, 3000),
    ("section fields", lambda n: {"type": "section", "fields": [mrkdwn(1)] * n}, 10),
    ("section field", lambda n: {"type": "section", "fields": [mrkdwn(n)]}, 2000),
    ("header", lambda n: {"type": "header", "text": plain(n)}, 150),
    ("context elements", lambda n: {"type": "context", "elements": [mrkdwn(1)] * n}, 10),
    ("context text", lambda n: {"type": "context", "elements": [mrkdwn(n)]}, 3000),
    ("actions elements", buttons, 25),
    ("button text", lambda n: actions(button(text=plain(n))), 75),
    ("button value", lambda n: actions(button(value="v" * n)), 2000),
    ("button url", lambda n: actions(button(url="https://".ljust(n, "x"))), 3000),
    ("button accessibility_label", lambda n: actions(button(accessibility_label="l" * n)), 75),
    ("confirm title", lambda n: confirm(title=n), 100),
    ("confirm text", lambda n: confirm(text=n), 300),
    ("confirm button", lambda n: confirm(confirm=n), 30),
    ("confirm deny", lambda n: confirm(deny=n), 30),
    ("image url", lambda n: image(url=n), 3000),
    ("image alt", lambda n: image(alt=n), 2000),
    ("image title", lambda n: image(title=n), 2000),
    ("select options", lambda n: select("static_select", n), 100),
    ("overflow options", lambda n: select("overflow", n), 5),
    ("radio options", lambda n: select("radio_buttons", n), 10),
    ("option text", lambda n: option(text=n), 75),
    ("option value", lambda n: option(value=n), 150),
    ("input label", lambda n: field(label=plain(n)), 2000),
    ("input hint", lambda n: field(hint=plain(n)), 2000),
    ("input placeholder", lambda n: field(element={"placeholder": plain(n)}), 150),
    ("input max_length", lambda n: field(element={"max_length": n}), 3000),
    ("markdown", lambda n: {"type": "markdown", "text": "x" * n}, 12_000),
    ("table rows", table, 100),
    ("table columns", lambda n: table(1, n), 20),
    ("data_table rows", data_table, 101),
    ("data_table columns", lambda n: data_table(2, n), 20),
    ("data_table page_size", lambda n: data_table(2, page_size=n), 100),
    ("chart title", lambda n: chart(title=n), 50),
    ("chart series", lambda n: chart(series=n), 6),
    ("chart points", lambda n: chart(points=n), 20),
    ("chart name", lambda n: chart(name=n), 20),
    ("pie segments", pie, 6),
    ("card title", lambda n: {"type": "card", "title": plain(n)}, 150),
    ("card body", lambda n: {"type": "card", "body": plain(n)}, 200),
    (
        "carousel",
        lambda n: {"type": "carousel", "elements": [{"type": "card", "title": plain(1)}] * n},
        10,
    ),
    ("container", lambda n: {"type": "container", "child_blocks": [{"type": "divider"}] * n}, 10),
]


@pytest.mark.parametrize(
    ("make", "limit"), [pytest.param(make, limit, id=name) for name, make, limit in LIMITS]
)
def test_a_limit_holds_exactly(make: Make, limit: int) -> None:
    """A block at its limit passes, and one past it is refused at its place."""
    assert check_message({"text": "t", "blocks": [make(limit)]}) == []
    problems = check_message({"text": "t", "blocks": [make(limit + 1)]})
    assert {problem.code for problem in problems} == {"invalid_blocks"}
    assert problems[0].pointer.startswith("/blocks/0")


@pytest.mark.parametrize(
    ("block", "pointer"),
    [
        ("text", "/blocks/0"),
        ({"type": "nope"}, "/blocks/0/type"),
        ({"type": "section"}, "/blocks/0"),
        ({"type": "section", "text": mrkdwn(0)}, "/blocks/0/text/text"),
        ({"type": "section", "text": {"type": "text", "text": "x"}}, "/blocks/0/text/type"),
        ({"type": "header", "text": mrkdwn(1)}, "/blocks/0/text/type"),
        (actions(), "/blocks/0/elements"),
        ({"type": "actions"}, "/blocks/0"),
        (actions(button(), button()), "/blocks/0/elements/1/action_id"),
        (actions(button(style="loud")), "/blocks/0/elements/0/style"),
        (actions(button(text=mrkdwn(1))), "/blocks/0/elements/0/text/type"),
        (actions(button(url="javascript:x")), "/blocks/0/elements/0/url"),
        (actions({"type": "plain_text_input", "action_id": "a"}), "/blocks/0/elements/0/type"),
        (select("static_select", 0), "/blocks/0/elements/0/options"),
        ({"type": "image", "alt_text": "a"}, "/blocks/0"),
        ({"type": "image", "alt_text": "a", "slack_file": {}}, "/blocks/0/slack_file"),
        ({"type": "image", "alt_text": "a", "slack_file": {"id": "f1"}}, "/blocks/0/slack_file/id"),
        ({"type": "image", "image_url": "https://x.io"}, "/blocks/0"),
        (
            {"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]},
            "/blocks/0/rows/0/0/text",
        ),
        (data_table(1), "/blocks/0/rows"),
        ({"type": "data_table", "caption": "c", "rows": [CELLS[:1], CELLS]}, "/blocks/0/rows"),
        ({"type": "alert", "text": plain(1)}, "/blocks/0/type"),
        ({"type": "task_card", "title": "t", "status": "odd"}, "/blocks/0/status"),
        ({"type": "plan", "title": "t", "tasks": []}, "/blocks/0/tasks"),
    ],
)
def test_what_else_is_wrong_with_a_block(block: Any, pointer: str) -> None:
    """Wrong types, missing and empty parts are each found at their place."""
    assert pointer in [
        problem.pointer for problem in check_message({"text": "t", "blocks": [block]})
    ]


@pytest.mark.parametrize(
    ("payload", "edit", "code"),
    [
        ({}, False, "no_text"),
        ({"text": "", "blocks": []}, False, "no_text"),
        ({"text": 5}, False, "invalid_arguments"),
        ({"text": "x" * 40_001}, False, "msg_too_long"),
        ({"text": "x" * 4_001}, True, "msg_too_long"),
        ({"text": "x" * 40_000}, False, ""),
        ({"text": "x" * 4_000}, True, ""),
        ({"text": "t", "blocks": {}}, False, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 50}, False, ""),
        ({"blocks": [{"type": "divider"}] * 51}, False, "invalid_blocks"),
        ({"blocks": [{"type": "divider", "block_id": "b"}] * 2}, False, "invalid_blocks"),
        ({"blocks": [table(1), table(1)]}, False, "invalid_blocks"),
        ({"blocks": [{"type": "markdown", "text": "x" * 6001}] * 2}, False, "invalid_blocks"),
    ],
)
def test_a_message_as_a_whole(payload: Json, edit: bool, code: str) -> None:
    """The message's own limits, shorter for the text of an edit."""
    assert [problem.code for problem in check_message(payload, edit=edit)] == (
        [code] if code else []
    )


@pytest.mark.parametrize(("past", "codes"), [(0, []), (1, ["msg_blocks_too_long"])])
def test_the_cumulative_cap(past: int, codes: list[str]) -> None:
    """All blocks together may hold so many characters, however few each of them has."""
    full, rest = divmod(REFUSAL + past, 2600)
    blocks = [{"type": "section", "text": mrkdwn(2600)}] * full + [
        {"type": "section", "text": mrkdwn(rest)}
    ] * (rest > 0)
    assert count_visible_characters(blocks) == REFUSAL + past
    assert [problem.code for problem in check_message({"blocks": blocks})] == codes


def modal(**more: Any) -> Json:
    """A modal without blocks."""
    return {"type": "modal", "title": plain(1), "blocks": [], **more}


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda n: modal(title=plain(n)), 24),
        (lambda n: modal(submit=plain(n)), 24),
        (lambda n: modal(close=plain(n)), 24),
        (lambda n: modal(private_metadata="m" * n), 3000),
        (lambda n: modal(callback_id="c" * n), 255),
        (lambda n: modal(blocks=[{"type": "divider"}] * n), 100),
        (lambda n: modal(blocks=[{"type": "alert", "text": plain(n)}]), 200),
        (lambda n: {"type": "home", "blocks": [{"type": "divider"}] * n}, 100),
    ],
)
def test_a_view_holds_its_limits_exactly(make: Make, limit: int) -> None:
    """A view at a limit passes, and one past it does not."""
    assert check_view(make(limit)) == []
    assert [problem.code for problem in check_view(make(limit + 1))] == ["invalid_arguments"]


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"type": "modal", "blocks": []},
        {"type": "home"},
        modal(blocks=[field()]),
        modal(blocks=[table(1)]),
    ],
)
def test_what_else_is_wrong_with_a_view(view: Json) -> None:
    """No type, title or blocks; inputs without a submit button; blocks that only messages may hold."""
    assert check_view(view)


def test_a_view_with_inputs_and_a_submit_button_is_right() -> None:
    """The usual form passes."""
    assert check_view(modal(blocks=[field()], submit=plain(4))) == []


def test_escape_touches_three_characters() -> None:
    """Nothing that came from outside can ping or link, and nothing else is changed."""
    assert escape("<!channel> & *x* \"'") == "&lt;!channel&gt; &amp; *x* \"'"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ab&amp;cd", 5, "ab…"),
        ("ab&amp;cd", 8, "ab&amp;…"),
        ("R&D and more", 5, "R&D …"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_truncate_never_cuts_an_escape(text: str, limit: int, short: str) -> None:
    """The result fits the limit and ends in an ellipsis when something is gone."""
    assert truncate(text, limit) == short


def test_visible_length_counts_what_is_read() -> None:
    """Texts, cells, labels and rich text count; values, links and options that nobody has opened do
    not."""
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "1234"}]}],
    }
    blocks = [
        {"type": "section", "text": mrkdwn(10)},
        actions(button(value="v" * 99)),
        table(2, 3),
        rich,
    ]
    assert count_visible_characters(blocks) == 10 + 1 + 6 + 4


def number_input(**more: Any) -> Json:
    """A form that asks for a number."""
    element = {"type": "number_input", "action_id": "a", "is_decimal_allowed": False, **more}
    block = {"type": "input", "block_id": "b", "label": plain(1), "element": element}
    return modal(blocks=[block], submit=plain(4))


def preset(kind: str, key: str, chosen: Any) -> Json:
    """A form with one option, of which something is chosen at first."""
    only = {"text": plain(1), "value": "v"}
    element = {
        "type": kind,
        "action_id": "a",
        "options": [only],
        key: chosen if chosen is not None else only,
    }
    block = {"type": "input", "block_id": "b", "label": plain(1), "element": element}
    return modal(blocks=[block], submit=plain(4))


def focused(name: str) -> Json:
    """An input that takes the focus."""
    return {**number_input(focus_on_load=True)["blocks"][0], "block_id": name}


@pytest.mark.parametrize(
    ("view", "place"),
    [
        (number_input(min_value="1", initial_value="5", max_value="5"), ""),
        (number_input(min_value="1", initial_value="6", max_value="5"), "/blocks/0/element"),
        (number_input(min_value=1, max_value="many"), "/blocks/0/element/max_value"),
        (number_input(is_decimal_allowed="no"), "/blocks/0/element/is_decimal_allowed"),
        (preset("static_select", "initial_option", None), ""),
        (
            preset("static_select", "initial_option", {"text": plain(2), "value": "v"}),
            "/blocks/0/element/initial_option",
        ),
        (preset("checkboxes", "initial_options", []), "/blocks/0/element/initial_options"),
        ({"type": "home", "blocks": [], "title": plain(1)}, "/title"),
        (modal(blocks=number_input(focus_on_load=True)["blocks"], submit=plain(1)), ""),
        (modal(blocks=[focused("a"), focused("b")], submit=plain(1)), "/blocks"),
    ],
)
def test_what_stands_in_a_form_at_first_must_fit(view: Json, place: str) -> None:
    """Numbers within their bounds, and options that are there word for word; a Home tab has no
    title."""
    assert [problem.pointer for problem in check_view(view)] == ([place] if place else [])
