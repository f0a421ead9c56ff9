"""The recorded runs as data: each command with its exit code, its lines, and the state of the
cluster after it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from sandbox.istio.ctl.console import SHIP as SHIP_LINES

SHIP = "<ship>"
"""Stands for the fourteen lines of the ship in standard error."""

Facets = dict[str, Any]
Row = dict[str, Any]
"""One command as a table has it."""
State = dict[str, tuple[int, Facets]]
"""Objects by `Kind namespace/name` (generated endings as `…`): how many there are, and what is
known of them."""

_LINE = re.compile(r"(?P<sign>[+~-]) (?P<key>\S+(?: \S+)?)(?: (?P<count>×\d+(?: → ×\d+)?))?")
_READS = re.compile(
    r"kubectl get |istioctl (version|profile|x|analyze|verify-install|waypoint (list|status))"
)


@dataclass(frozen=True)
class Step:
    """One recorded command and what came of it."""

    number: int
    name: str
    command: str
    code: int
    stdout: list[str]
    stderr: list[str]
    state: State


@dataclass
class Recording:
    """A release's recorded run."""

    release: str
    steps: list[Step] = field(default_factory=list)


def recording(release: str, played: str = "") -> Recording:
    """Reads the table of a release and adds its changes up to states.

    `played` is the version it is going to be compared with, where no table has that version: its
    name takes the place. A table with a `base` has only the rows that differ from that release's.
    """
    table = _load_table(release, played)
    rows: dict[str, Row] = {}
    if "base" in table:
        own, table = table, _load_table(table["base"], release)
        rows = {row["step"]: row for row in own["steps"]}
    sets = {name: _whole(entry, table["groups"]) for name, entry in table["sets"].items()}
    every = [rows.get(row["step"], row) for row in table["steps"]]
    return build_recording(played or release, every, sets)


def _load_table(release: str, played: str) -> dict[str, Any]:
    text = (Path(__file__).parent / f"{release}.yaml").read_text(encoding="utf-8")
    if played:
        text = text.replace(release, played).replace(_minor(release), _minor(played))
    table: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return table


def fold_ship(lines: list[str]) -> list[str]:
    """The lines, the ship as one."""
    kept = [item.rstrip() for item in lines]
    if kept[: len(SHIP_LINES)] == [row.rstrip() for row in SHIP_LINES]:
        return [SHIP, *kept[len(SHIP_LINES) :]]
    return kept


def build_recording(release: str, rows: Iterable[Row], sets: Mapping[str, Facets]) -> Recording:
    """The run of a release from the rows of its table."""
    made, state = Recording(release), State()
    for row in rows:
        for change in row.get("objects", []):
            text, facets = change if isinstance(change, list) else (change, {})
            _change(state, text, {name: _expanded(value, sets) for name, value in facets.items()})
        lines = (row.get("stdout", []), row.get("stderr", []))
        made.steps.append(
            Step(int(row["step"]), row["name"], row["run"], row["exit"], *lines, dict(state))
        )
    return _settled(made)


def _minor(version: str) -> str:
    """As addresses of the documentation name it."""
    return "/v" + re.sub(r"^(\d+\.\d+).*", r"\1", version) + "/"


def _settled(made: Recording) -> Recording:
    """A step that reads, or repeats the one before, changes nothing: what changed during it was
    already under way."""
    for position in range(len(made.steps) - 1, 0, -1):
        before, step = made.steps[position - 1], made.steps[position]
        if _READS.match(step.command) or step.command == before.command:
            made.steps[position - 1] = replace(before, state=step.state)
    return made


def _whole(entry: Mapping[str, Any], groups: Mapping[str, Any]) -> Facets:
    own = {key: value for key, value in entry.items() if key != "with"}
    return {**groups.get(entry.get("with", ""), {}), **own}


def _expanded(value: Any, sets: Mapping[str, Facets]) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return sets[value]
    return [_expanded(item, sets) for item in value] if isinstance(value, list) else value


def _change(state: State, text: str, facets: Facets) -> None:
    match = _LINE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a change: {text}")
    sign, key, count = match["sign"], match["key"], match["count"] or ""
    numbers = [int(number) for number in re.findall(r"\d+", count)]
    present, known = state.get(key, (0, {}))
    if sign == "-":
        left = present - (numbers[-1] if numbers else 1)
        state.pop(key, None)
        if left > 0:
            state[key] = (left, known)
    elif sign == "+":
        state[key] = (numbers[-1] if numbers else present + 1, facets)
    else:
        state[key] = (numbers[-1] if numbers else present, {**known, **_after(known, facets)})


def _after(known: Facets, facets: Facets) -> Facets:
    """The facets after a change: pairs of old and new, or managers that were added, or (after a
    count) all anew."""
    return {name: _new(name, known.get(name), value) for name, value in facets.items()}


def _new(name: str, old: Any, value: Any) -> Any:
    if name == "managers" and all(isinstance(item, str) for item in value):
        return sorted({*(old or []), *value})
    pair = (
        isinstance(value, list)
        and len(value) == 2
        and (value[0] == old or (not value[0] and not old))
    )
    return value[1] if pair else value
