"""Every cause is named by its evidence, alone and first; what is only near it is left in peace."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import pytest

from bot.catalog import Catalog
from bot.diagnosis.cause import CauseKind
from bot.diagnosis.cause_list import CAUSES
from bot.diagnosis.diagnose import Diagnosis, diagnose
from handlers import STEPS
from tests.diagnosis import cases
from tests.diagnosis.cases.registry import Case, Cases

MODULES = [import_module(f"{cases.__name__}.{each.name}") for each in iter_modules(cases.__path__)]
FOUND: list[Cases] = [module.CASES for module in MODULES if hasattr(module, "CASES")]
NAMED = [case for found in FOUND for case in found.named]
NEAR = [case for found in FOUND for case in found.near]
KINDS = {cause.id: cause.kind for cause in CAUSES}
COMMANDS = Catalog(STEPS)


def list_broken(diagnosis: Diagnosis) -> list[str]:
    """The ids of what is broken, the gravest first."""
    return [named.cause.id for named in diagnosis.broken]


def list_normal(diagnosis: Diagnosis) -> list[str]:
    """The ids of what only looks broken."""
    return [named.cause.id for named in diagnosis.normal]


@cache
def judge(case: Case) -> Diagnosis:
    """The diagnosis of a case, in which every cause could be looked for."""
    cluster = case.build()
    diagnosis = diagnose(cluster.state())
    assert diagnosis.unread == tuple(cluster.unread.values())
    return diagnosis


@pytest.mark.parametrize("case", NAMED, ids=str)
def test_cause_is_named(case: Case) -> None:
    """The cause is found, and nothing else is called broken."""
    diagnosis = judge(case)
    if KINDS[case.cause] is CauseKind.BROKEN:
        assert list_broken(diagnosis) == [case.cause]
    else:
        assert list_broken(diagnosis) == []
        assert case.cause in list_normal(diagnosis)


@pytest.mark.parametrize("case", NEAR, ids=str)
def test_near_variant_is_not_blamed(case: Case) -> None:
    """What resembles the cause is not called so: it is well, or has another cause."""
    diagnosis = judge(case)
    assert list_broken(diagnosis) == ([case.instead] if case.instead else [])
    assert case.cause not in list_normal(diagnosis)


@pytest.mark.parametrize("case", NAMED, ids=str)
def test_finding_has_evidence_and_an_end(case: Case) -> None:
    """A cause is told with what shows it and what ends it; a command of it can be typed."""
    diagnosis = judge(case)
    for named in (*diagnosis.broken, *diagnosis.normal):
        for finding in named.findings:
            fix = finding.fix
            assert finding.evidence
            assert all(str(fact) for fact in (finding.sentence, *finding.evidence))
            assert fix.command or fix.line or fix.advice or named.cause.kind is CauseKind.NORMAL
            assert not fix.command or COMMANDS.parse(fix.command)


@pytest.mark.parametrize("id", KINDS)
def test_every_cause_has_its_cases(id: str) -> None:
    """A new cause comes with a case that shows it, and one that is near and harmless."""
    assert [case for case in NAMED if case.cause == id]
    assert [case for case in NEAR if case.cause == id]


def test_cases_are_of_known_causes() -> None:
    """An id that is gone, or misspelt, is no case."""
    assert {case.cause for case in (*NAMED, *NEAR)} - set(KINDS) == set()
    assert {case.instead for case in NEAR} - set(KINDS) == {""}
