"""The corpus of the diagnosis benchmark: what it must hold to be a measure."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.diagnosis.corpus import MAIN_STATES, Case, load_cases, select_cases
from benchmarks.diagnosis.peers import CODES
from benchmarks.diagnosis.score import NORMAL, are_all_named, is_first_right, list_wrong_blame
from benchmarks.diagnosis.testbed import read_words, split_lines

CASES = load_cases()
CAUSES = {cause for case in CASES if case.kind == "cause" for cause in case.causes}


def test_every_kind_is_there_in_number() -> None:
    """Causes in several ways, pairs, and enough states in which nobody is to blame."""
    kinds = Counter(case.kind for case in CASES)
    assert kinds["cause"] >= 2 * len(CAUSES) > 120
    assert min(kinds["normal"], kinds["healthy"]) >= 15
    assert kinds["pair"] >= 40


@pytest.mark.parametrize("release", ["1.23.2", "1.30.3"])
def test_every_case_is_played_in_some_state(release: str) -> None:
    """A release leaves out only what is said to be for the other."""
    played = {c.id for pairs in (0, 1) for _, c in choose(release, pairs=bool(pairs))}
    missing = [c.id for c in CASES if c.id not in played and release in (c.releases or (release,))]
    assert missing == []
    assert {state for state, _ in choose(release)} >= {*MAIN_STATES}


def choose(release: str, *, pairs: bool = False) -> list[tuple[str, Case]]:
    """The cases of a release."""
    return list(select_cases(CASES, release=release, states=(), pairs=pairs))


def test_every_cause_has_evidence_to_be_checked() -> None:
    """What is not looked for could be missing unseen."""
    assert [case.id for case in CASES if case.kind == "cause" and not case.evidence] == []


def test_codes_of_others_lead_to_causes_of_the_corpus() -> None:
    """Nothing is compared that no case injects."""
    assert {c for causes in CODES.values() for c in causes} - CAUSES == set()


def test_scores() -> None:
    """The first id, all ids, and what is blamed without reason."""
    case = Case("x/y", "cause", ("a",), ("sidecars",), equal=("b",), consequences=("c",))
    assert is_first_right(case, ("b", "c"))
    assert not is_first_right(case, ("c", "a"))
    assert are_all_named(case, ("c", "a"))
    assert list_wrong_blame(case, ("a", "c", "no-traffic", "d")) == ["d"]
    pair = Case("x+y", "pair", ("a", "b"), ("sidecars",))
    assert not are_all_named(pair, ("a", "d"))
    assert are_all_named(pair, ("b", "a"))
    assert NORMAL & CAUSES == set()


def test_lines_are_typed_or_run_together() -> None:
    """What stands between two typed lines is one script."""
    lines = "/mesh route jason v2\nkubectl a\n  b\ntrouble kill reviews\nkubectl c"
    assert list(split_lines(lines)) == [
        "/mesh route jason v2",
        "kubectl a\n  b",
        "trouble kill reviews",
        "kubectl c",
    ]


def test_styled_code_is_read_like_backticks() -> None:
    """An id may stand in mrkdwn or in rich text."""
    rich = {"type": "text", "text": "cause: healthy", "style": {"code": True}}
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "`a`"}}, {"elements": [rich]}]
    assert list(read_words(blocks)) == ["`a`", "`cause: healthy`"]
