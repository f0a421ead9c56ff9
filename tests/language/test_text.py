"""What is promised of messages as values: plain English, checked when made, kept as they are."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import (
    EMPTY,
    Listed,
    Moment,
    Phrase,
    Seconds,
    Text,
    Value,
    Weekday,
    counted,
    counted_in,
    from_json,
    in_context,
    join,
    to_json,
    verbatim,
)

THURSDAY = datetime(2026, 11, 26, 14, 0, 5, tzinfo=UTC).timestamp()

words = st.text(max_size=20)
phrases: st.SearchStrategy[Phrase] = st.one_of(
    st.builds(Seconds, st.floats(0, 1e9), st.sampled_from(["short", "exact", "rough"])),
    st.builds(Weekday, st.integers(0, 6)),
    st.builds(Moment, st.floats(0, 4e9), st.sampled_from(["UTC", "Europe/Madrid"])),
)
values: st.SearchStrategy[Value] = st.one_of(words, st.integers(), st.floats(), phrases)


def compose(inner: st.SearchStrategy[Text]) -> st.SearchStrategy[Text]:
    """Texts that hold others."""
    listed = st.builds(Listed, st.lists(inner | words, max_size=4), st.sampled_from(["and", "or"]))
    return st.one_of(
        st.builds(lambda a, b: Text("{b} after {a}", a=a, b=b), inner | values, listed),
        st.builds(lambda n, a: counted("{n} in {a}", "{n} of {a}", n=n, a=a), st.integers(), inner),
        st.builds(lambda a, b: join("sentences", a, b), inner, inner),
    )


texts = st.recursive(st.builds(verbatim, words), compose, max_leaves=5)


def test_english() -> None:
    """A text reads as its template with its values."""
    assert (
        str(Text("{ready} of {wanted} pods are ready", ready=1, wanted=2))
        == "1 of 2 pods are ready"
    )
    assert (
        str(Text("{{x}} took {ms:.0f} ms, {total:,} in all", ms=12.6, total=12345))
        == "{x} took 13 ms, 12,345 in all"
    )
    assert (
        f"{Text('because {why}', why=Text('{pod} waits', pod='istiod'))}" == "because istiod waits"
    )


@pytest.mark.parametrize(("n", "said"), [(0, "0 pods are"), (1, "one pod is"), (2, "2 pods are")])
def test_plurals(n: int, said: str) -> None:
    """The count chooses the form, and may be left out of one."""
    assert (
        str(counted("one pod is {how}", "{n} pods are {how}", n=n, how="ready")) == f"{said} ready"
    )
    assert str(counted_in("pods", "one pod is", "{n} pods are", n=n)) == said


def test_equality() -> None:
    """Texts are equal when they read the same in every language, whatever the order of values."""
    assert Text("{a}{b}", a=1, b="x") == Text("{a}{b}", b="x", a=1)
    assert hash(Text("{a}", a=1)) == hash(Text("{a}", a=1))
    assert (
        len({Text("{a}", a=1), Text("{a}", a=1.0), Text("Open"), in_context("button", "Open")}) == 4
    )
    assert Text("Open") != "Open"


@pytest.mark.parametrize(
    ("template", "given", "fault"),
    [
        ("{a} and {b}", {"a": 1}, "lacks a value for `b`"),
        ("{a}", {"a": 1, "c": 1}, "no place for `c`"),
        ("{a.b}", {}, "plain name"),
        ("{a!r}", {"a": 1}, "format after a colon"),
        ("{a:.0f}", {"a": "x"}, "needs a number"),
        ("{a:q}", {"a": 1}, "q"),
        ("{a", {"a": 1}, "expected '}'"),
    ],
)
def test_mistakes(template: str, given: dict[str, Any], fault: str) -> None:
    """A text that could not be said is not made."""
    with pytest.raises(ValueError, match=fault):
        Text(template, **given)


def test_kinds_of_values() -> None:
    """A bool and what is not known are refused; a value of an enumeration is its words."""
    for value in (True, None, ["x"]):
        with pytest.raises(TypeError):
            Text("{a}", a=value)  # type: ignore[arg-type]
    colour = StrEnum("colour", ["RED"])
    assert to_json(Text("is {a}", a=colour.RED)) == {"v": 1, "t": "is {a}", "a": {"a": "red"}}


def test_unchanging() -> None:
    """A text does not change, and is itself when copied or sent to another process."""
    text = counted("{n} pod", "{n} pods", n=2)
    with pytest.raises(AttributeError):
        text.template = "other"
    assert copy.deepcopy(text) == pickle.loads(pickle.dumps(text)) == text


def test_empty() -> None:
    """Only a text that says nothing is false."""
    assert not EMPTY
    assert not verbatim("")
    assert not join("sentences", EMPTY, "")
    assert Text("x")
    assert join("sentences", EMPTY, Text("x"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("and", "a, b and c"),
        ("or", "a, b or c"),
        ("comma", "a, b, c"),
        ("sentences", "a b c"),
        ("lines", "a\nb\nc"),
    ],
)
def test_lists(how: Any, said: str) -> None:
    """A list reads as English does; what is empty is left out."""
    assert str(join(how, "a", Text("b"), "", EMPTY, "c")) == said
    assert str(Text("{names}", names=Listed(("a", "b"), "and"))) == "a and b"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Seconds(8.4), "8 s"),
        (Seconds(80), "1 min 20 s"),
        (Seconds(300), "5 min"),
        (Seconds(0), "0 s"),
        (Seconds(5400), "90 min"),
        (Seconds(40, "rough"), "40 s"),
        (Seconds(200, "rough"), "3 min"),
        (Seconds(7300, "rough"), "2 h"),
        (Seconds(0.5, "exact"), "0.5 s"),
        (Seconds(5400, "exact"), "1 h 30 min"),
        (Seconds(2 * 86400, "exact"), "2 days"),
        (Weekday(0), "Mon"),
        (Moment(THURSDAY), "Thu 26 Nov 14:00:05 (UTC)"),
        (Moment(THURSDAY - 5, "Europe/Madrid"), "Thu 26 Nov 15:00 (Europe/Madrid)"),
        (Moment(THURSDAY, date="year", time="", named=""), "Thu 26 Nov 2026"),
        (Moment(THURSDAY, date="weekday", time="minutes", named="plain"), "Thu 14:00 UTC"),
    ],
)
def test_phrases(value: Phrase, said: str) -> None:
    """Durations and dates read as they always did."""
    assert str(Text("{it}!", it=value)) == f"{said}!"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Seconds(float("nan")),
        lambda: Seconds(1, "long"),  # type: ignore[arg-type]
        lambda: Weekday(7),
        lambda: Moment(1e30),
        lambda: Moment(0, "Europe/Nowhere"),
        lambda: Moment(0, "/etc/passwd"),
        lambda: Listed((), "plus"),  # type: ignore[arg-type]
    ],
)
def test_bad_phrases(make: Any) -> None:
    """What is no duration, day or moment is refused at once."""
    with pytest.raises(ValueError, match=r"."):
        make()


@given(texts)
def test_ledger(text: Text) -> None:
    """What was kept reads back as the same text."""
    kept = json.loads(json.dumps(to_json(text), allow_nan=False))
    assert repr(from_json(kept)) == repr(text)
    assert str(from_json(kept)) == str(text)


def test_older_rows() -> None:
    """Words that an earlier version kept are taken as they are."""
    assert from_json("1 of 2 {pods}") == verbatim("1 of 2 {pods}")
    assert to_json(verbatim("1 of 2 {pods}")) == "1 of 2 {pods}"


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {"v": 2, "t": "x"},
        {"t": "x"},
        {"v": 1, "t": "{a}"},
        {"v": 1, "t": "x", "a": []},
        {"v": 1, "t": "{a}", "a": {"a": None}},
        {"v": 1, "t": "{a}", "a": {"a": True}},
        {"v": 1, "t": "{a}", "a": {"a": {"k": "colour"}}},
        {"v": 1, "t": "{a}", "a": {"a": {"k": ["list"]}}},
        {"v": 1, "t": "{a}", "a": {"a": {"k": "seconds", "long": 1}}},
        {"v": 1, "t": "{a}", "a": {"a": {"k": "moment", "at": 0, "zone": 7}}},
        {"v": 1, "t": "{a}", "a": {"a": {"k": "list", "items": [1]}}},
        {"v": 1, "t": "{a}", "a": {"a": "x" * 200_001}},
        {"v": 1, "t": "{a}", "a": {"a": {"k": "list", "items": ["x"] * 2001}}},
        {"v": 1, "t": "{n} pod", "p": "{n} pods", "a": {"n": "x"}},
    ],
)
def test_damaged_rows(kept: object) -> None:
    """What is no text, or is beyond measure, is a ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"."):
        from_json(kept)


def test_depth() -> None:
    """A text that is too deep to be read back is kept as its English words."""
    text = Text("end")
    for _ in range(50):
        text = Text("in {it}", it=text)
    assert to_json(text) == "in " * 50 + "end"
