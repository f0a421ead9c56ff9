"""What keyboards, phones and Slack send for a command, and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog import join_words, split_command
from bot.typed_text import decode_slack_text, normalize_characters


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("install demo", "install demo"),
        ("install set=values.a=&lt;b&gt; &amp; c", "install set=values.a=<b> & c"),
        ("install set=a=&amp;lt; &copy", "install set=a=&lt; &copy"),
        ("route <@U012AB3CD|jason>", "route <@U012AB3CD>"),
        (
            "install set=hub=<http://docker.io/istio|docker.io/istio>",
            "install set=hub=docker.io/istio",
        ),
        ("install set=hub=<http://Docker.io/|Docker.io>", "install set=hub=Docker.io"),
        ("set=values.url=<https://x.example/y>", "set=values.url=https://x.example/y"),
        (
            "set=url=<https://x.example/y?a=1&amp;b=2|this page>",
            "set=url=https://x.example/y?a=1&b=2",
        ),
        ("route <mailto:a@b.example|a@b.example>", "route a@b.example"),
        ("route <mailto:a@b.example>", "route a@b.example"),
        ("route <tel:+34600|+34 600> <tel:112>", "route +34 600 112"),
        ("<!here> <!channel> <!subteam^S1|@hosts>", "@here @channel @hosts"),
        ("<#C1|general> <#C1>", "#general <#C1>"),
    ],
)
def test_text_is_as_it_was_typed(sent: str, typed: str) -> None:
    """Entities, links and names that Slack makes become the text again; people stay ids."""
    assert decode_slack_text(sent) == typed


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        # Marks that nobody sees, other blanks, other widths and digits.
        ("sta\u200btus\u200e \u2066share\u2069\ufeff", "status share"),
        ("sta\u00adtus\u00a0\tshare\r\n", "status share"),
        ("ｓｔａｔｕｓ\u3000share", "status share"),
        ("shift v1=５０ v3=٥٠", "shift v1=50 v3=50"),
        # Dashes of any length, quotes of any shape.
        ("install —access-log –off ‑‑set", "install -access-log -off --set"),
        ("install access‑log", "install access-log"),
        ("ping cron “0 9 * * 1–5”", "ping|cron|0 9 * * 1-5"),
        ("route «jason» ‘v2’ „x“", "route jason v2 x"),
        ("route o’brien don´t", "route o'brien don't"),
        # Blanks where nobody reads one.
        ("fault jason 50 % abort 500", "fault jason 50% abort 500"),
        ("fault jason 50 ％", "fault jason 50%"),
        ("fault jason delay 2 s", "fault jason delay 2s"),
        ("traffic burst 200 at 20 / s", "traffic burst 200 at 20/s"),
        ("shift v1 = 50, v3= 50", "shift v1=50 v3=50"),
        # Units as they are spoken.
        ("traffic start every 3 seconds for 10 Minutes", "traffic start every 3s for 10m"),
        ("traffic start every=3 secs for 2 hrs", "traffic start every=3s for 2h"),
        ("ping every 1 hora for 30segundos", "ping every 1h for 30s"),
        # The number of a list that somebody types from.
        ("1. status", "status"),
        ("12) status", "status"),
        ("3.5 status", "3.5 status"),
        # The punctuation of a sentence.
        ("status?", "status"),
        ("status.", "status"),
        ("¿status?!", "status"),
        ("状态。", "状态"),
        (": status", "status"),
        (", status…", "status"),
        ("— status", "status"),
        ("fault: jason, please", "fault jason please"),
        ("v1=50 , v3=50 -", "v1=50 v3=50"),
        ("> status", "status"),
        # The marks of code.
        ("`status`", "status"),
        ("```\nstatus\nshare```", "status share"),
        ("*fault _jason_* ~abort~ `500`.", "fault jason abort 500"),
        ("**status**", "status"),
        # What looks like one of these and is not.
        ("?", "?"),
        ("!!!", "!"),
        ("install --off -1", "install --off -1"),
        ("ping cron */5 9 * * 1-5", "ping cron */5 9 * * 1-5"),
        ("ping at 17:00 Europe/Madrid", "ping at 17:00 Europe/Madrid"),
        (r"install set=values.a\.b=c_d*e", r"install set=values.a\.b=c_d*e"),
        ('"50 %" "*a*" \'b, \' "—"', "50 %|*a*|b, |-"),
    ],
)
def test_a_command_is_read_whatever_keyboard_it_comes_from(typed: str, words: str) -> None:
    """What cannot be meant is taken away around the words, and what is quoted is left."""
    assert split_command(typed) == words.split("|" if "|" in words else " ")


@given(st.text(max_size=60))
def test_characters_are_plain_at_once(text: str) -> None:
    """Plain once is plain for good."""
    plain = normalize_characters(text)
    assert normalize_characters(plain) == plain


@given(st.lists(st.text(st.sampled_from("ab1=%*_~`'\"-—/.,:?! s@"), max_size=6), min_size=1))
def test_words_that_are_joined_are_split_into_the_same(typed: list[str]) -> None:
    """Quotes stand wherever a word would read as something else beside its neighbours."""
    words = [normalize_characters(word) for word in typed]
    assert split_command(join_words(words)) == words
