"""What nobody sees is written out."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from bot.text import Listed, Person, Text, from_json, quote_where, show_hidden, to_json
from bot.view.blocks import mention_people


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("status in=shop é ☸ 日本 👍 `id` \\n", "status in=shop é ☸ 日本 👍 `id` \\n"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x9b1m\x07\x7f", r"\x1b[2J\x9b1m\x07\x7f"),
        ("ab\u202egnp.exe\u2066\u200f", r"ab\u202egnp.exe\u2066\u200f"),
        ("in\u200bstall\u2060\ufeff\u00ad\u180e", r"in\u200bstall\u2060\ufeff\xad\u180e"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("\ud800 \ue000U1\ue001 \U000f0000", r"\ud800 \ue000U1\ue001 \U000f0000"),
        (
            "\u3164\u115f\u2800\u034f\U000e0100\U000e0041",
            r"\u3164\u115f\u2800\u034f\U000e0100\U000e0041",
        ),
        ("a\u00a0b\u3000c", r"a\xa0b\u3000c"),
        ("👩\u200d💻 ⏸️", "👩\\u200d💻 ⏸️"),
    ],
)
def test_a_record_shows_every_character(text: str, shown: str) -> None:
    """Line ends, controls, directions, and what has no width; all else is as it was."""
    assert show_hidden(text) == shown
    assert show_hidden(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\n\ttwo\u00a0three", "one\n\ttwo\u00a0three"),
        ("👩\u200d💻 and in\u200dstall", "👩\u200d💻 and in\\u200dstall"),
        ("\x1b[2J \u202e \u2028", r"\x1b[2J \u202e \u2028"),
    ],
)
def test_a_message_keeps_its_layout(text: str, shown: str) -> None:
    """Lines, blanks and emoji stay; the rest is written out as in a record."""
    assert show_hidden(text, layout=True) == shown


@pytest.mark.long
def test_no_hidden_character_is_left() -> None:
    """Of all that Unicode has given a meaning to, and of every 251st place that is private or free."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    every = "".join(
        chr(place)
        for place in range(sys.maxunicode + 1)
        if place % 251 == 0 or unicodedata.category(chr(place)) not in {"Co", "Cn"}
    )
    assert not {c for c in show_hidden(every) if unicodedata.category(c) in hidden}


def test_a_part_of_a_record_cannot_pass_for_others() -> None:
    """It stands in quotes where it holds what separates them."""
    import re

    colon = re.compile(": ")
    assert quote_where("status", colon) == "status"
    assert quote_where('status: done "x', colon) == r'"status: done \"x"'
    assert quote_where('"status', colon) == r'"\"status"'


def test_nobody_else_marks_a_person() -> None:
    """Only the bot's own value becomes a mention, also after it was kept."""
    forged = "\ue000U0ADMIN\ue001"
    text = Text(
        "{by} {said} {all}", by=Person("U1"), said=forged, all=Listed([forged, "x"], "comma")
    )
    assert mention_people(str(text)).count("<@") == 1
    assert "<@U1> \\ue000U0ADMIN\\ue001" in mention_people(str(text))
    assert from_json(to_json(text)) != Text("")
    assert str(from_json(to_json(Text("{by}!", by=Person("U1"))))) == str(
        Text("{by}!", by=Person("U1"))
    )
