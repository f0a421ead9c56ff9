"""The list of mutations: each applies to the source as it is now, and has tests that must notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.mutations import LIST, Mutation, find_fault, judge, read_mutations

MUTATIONS = read_mutations()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.what for each in MUTATIONS])
def test_a_mutation_applies(mutation: Mutation) -> None:
    """Its text stands once in its file, what becomes of it is Python, and its tests are there."""
    assert find_fault(mutation) == "", f"renew it in {LIST.name}"


def test_each_mutation_is_there_once() -> None:
    """And says in its own words what it would do."""
    assert len({each.what for each in MUTATIONS}) == len(MUTATIONS)
    assert len({(each.file, each.old, each.new) for each in MUTATIONS}) == len(MUTATIONS)


SOURCE = "def is_old(age: int) -> bool:\n    return age > 3  # years\n"
TESTS = "from code_ import is_old\n\ndef test_age() -> None:\n    assert is_old(4)\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one module, and a test that knows half of it."""
    (tmp_path / "code_.py").write_text(SOURCE)
    (tmp_path / "test_code.py").write_text(TESTS)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ("age > 3", "age > 4", "killed"),
        ("age > 3", "age > 2", "survived"),
        ("age > 5", "age > 2", "does not apply: code_.py has “age > 5” 0 times, not once"),
        ("age", "years", "does not apply: code_.py has “age” 2 times, not once"),
        ("# years", "# months", "does not apply: “# months” changes nothing"),
        ("age > 3", "age >", "does not apply: “age >” is no Python there: invalid syntax"),
    ],
)
def test_a_mutation_is_judged_by_its_tests(tree: Path, old: str, new: str, outcome: str) -> None:
    """In the tree that it is given, which is as before afterwards."""
    mutation = Mutation("what", "code_.py", old, new, ("test_code.py",))
    assert judge(mutation, tree) == outcome
    assert (tree / "code_.py").read_text() == SOURCE


def test_tests_that_cannot_be_run_judge_nothing(tree: Path) -> None:
    """A test that is not there, and one that does not begin: neither kills."""
    (tree / "test_empty.py").write_text("")
    for tests, says in (("test_none.py", "there are no tests"), ("test_empty.py", "not tested")):
        assert says in judge(Mutation("w", "code_.py", "age > 3", "age > 4", (tests,)), tree)
