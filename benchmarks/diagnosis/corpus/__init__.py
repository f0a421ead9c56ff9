"""The corpus: each known cause and how it is injected, healthy and normal states, and pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import yaml

HEALTHY = "healthy"
Kind = Literal["cause", "normal", "healthy", "pair"]

STATES: dict[str, tuple[str, ...]] = {"fresh": ()}
STATES["installed"] = ("/mesh install",)
STATES["deployed"] = (*STATES["installed"], "/mesh addons", "/mesh kiali", "/mesh bookinfo")
STATES["injected"] = (*STATES["deployed"], "/mesh inject")
STATES["sidecars"] = (*STATES["injected"], "/mesh expose", "requests 12")
STATES["ambient"] = (*STATES["sidecars"], "/mesh ambient", 'click "Go ambient"', "requests 12")
STATES["waypoint"] = (*STATES["ambient"], "/mesh waypoint", "requests 12")
"""The states of a workshop by name, each as the lines that lead to it."""

MAIN_STATES = ("sidecars", "ambient", "waypoint")


@dataclass(frozen=True)
class Case:
    """One situation: how it comes about, and what is to be named.

    `inject` and `evidence` are lines as `testbed.Testbed.play` takes them; `evidence` must succeed
    after the injection. `equal` are ids that are as right as the first of `causes`;
    `consequences` may be named too, without credit. `rebuild`: the state is built anew afterwards.
    `file` is the file of the corpus that holds it.
    """

    id: str
    kind: Kind
    causes: tuple[str, ...]
    states: tuple[str, ...]
    inject: str = ""
    evidence: str = ""
    equal: tuple[str, ...] = ()
    consequences: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    settle: float = 40.0
    requests: int = 8
    user: str = ""
    where: str = ""
    rebuild: bool = False
    file: str = ""


def load_cases() -> list[Case]:
    """Return every case of the corpus, pairs at the end; raise ValueError for a mistake in it."""
    entries = [
        (path.stem, entry)
        for path in sorted(Path(__file__).parent.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    single = [build_case(file, entry) for file, entry in entries if "pair" not in entry]
    known = {case.id: case for case in single}
    pairs = [combine_pair(file, entry, known) for file, entry in entries if "pair" in entry]
    cases = [*single, *pairs]
    twice = {case.id for case in cases if [c.id for c in cases].count(case.id) > 1}
    if twice:
        raise ValueError(f"the same id twice: {', '.join(sorted(twice))}")
    return cases


def build_case(file: str, entry: Mapping[str, Any]) -> Case:
    """Build a case from its entry in a file of the corpus."""
    of_file = file if file in ("normal", "healthy") else "cause"
    kind: Kind = entry.get("kind", of_file)
    name = str(entry["id"])
    named = HEALTHY if kind == "healthy" else name.partition("/")[0]
    states = tuple(entry.get("states", ("sidecars",)))
    unknown = [state for state in states if state not in STATES]
    if unknown:
        raise ValueError(f"{name}: unknown state {unknown[0]}")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in entry.items()
        if key not in ("id", "kind", "states", "causes")
    }
    causes = tuple(entry.get("causes", (named,)))
    return Case(
        id=f"{kind}:{name}" if kind == "healthy" else name,
        kind=kind,
        causes=causes,
        states=states,
        file=file,
        **values,
    )


def combine_pair(file: str, entry: Mapping[str, Any], known: Mapping[str, Case]) -> Case:
    """Build the case that injects two others, one after the other."""
    first, second = (known[name] for name in entry["pair"])
    both = (first, second)
    return Case(
        id=f"{first.id}+{second.id}",
        kind="pair",
        causes=(*first.causes, *second.causes),
        states=tuple(entry.get("states", [s for s in first.states if s in second.states][:1])),
        inject=f"{first.inject}\n{second.inject}",
        evidence=f"{first.evidence}\n{second.evidence}",
        equal=tuple(chain(first.equal, second.equal)),
        consequences=(*first.consequences, *second.consequences, *entry.get("consequences", ())),
        releases=first.releases or second.releases,
        settle=max(case.settle for case in both),
        user=first.user or second.user,
        rebuild=any(case.rebuild for case in both),
        file=file,
    )


def select_cases(
    cases: list[Case],
    *,
    release: str,
    states: tuple[str, ...],
    only: str = "",
    pairs: bool = False,
) -> Iterator[tuple[str, Case]]:
    """Yield (state, case) in the order in which states are built, as the options ask for them."""
    for state in STATES:
        for case in cases:
            if state not in case.states or (states and state not in states):
                continue
            if case.releases and release not in case.releases:
                continue
            if pairs == (case.kind == "pair") and is_meant(case, only):
                yield state, case


def is_meant(case: Case, only: str) -> bool:
    """Tell whether one of the patterns, apart by commas, fits the case's id or one of its causes;
    all cases are meant when there is none."""
    names = (case.id, *case.causes)
    return not only or any(fnmatch(name, each) for name in names for each in only.split(","))
