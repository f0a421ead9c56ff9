"""Compared cases: one thing that was recorded, and in what the sandbox differs from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

_WIDTH = 400
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Discrepancy:
    """One respect in which the sandbox differs; `reason` says why that is right, empty when nobody
    knows."""

    where: str
    recorded: Any
    found: Any
    reason: str = ""


@dataclass
class Case:
    """One case of a part (`xds`, `exit code`, …) and a release."""

    part: str
    release: str
    name: str
    found: list[Discrepancy] = field(default_factory=list)

    @property
    def unexplained(self) -> list[Discrepancy]:
        """Differences without a reason."""
        return [each for each in self.found if not each.reason]


def format_table(cases: Iterable[Case]) -> str:
    """Return the figures as a table: of each part and release how many cases agree, differ with a
    reason, and differ without one."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.part, case.release), []).append(case)
    rows: list[tuple[str, ...]] = [
        ("part", "release", "cases", "agree", "explained", "unexplained")
    ]
    for (part, release), found in groups.items():
        agree = sum(not case.found for case in found)
        unexplained = sum(bool(case.unexplained) for case in found)
        figures = (len(found), agree, len(found) - agree - unexplained, unexplained)
        rows.append((part, release, *map(str, figures)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_format_row(row, widths) for row in rows)


def _format_row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)


def format_differences(cases: Iterable[Case]) -> str:
    """Return what differs: the unexplained with both values, then the reasons and how often each
    explains something."""
    lines, reasons = [], dict[str, int]()
    for case in cases:
        for each in case.found:
            if each.reason:
                reasons[each.reason] = reasons.get(each.reason, 0) + 1
                continue
            lines.append(f"{case.part} {case.release} {case.name}: {each.where}")
            lines.append(f"  recorded {_shorten(each.recorded)}")
            lines.append(f"  sandbox  {_shorten(each.found)}")
    lines += [f"{count} × {reason}" for reason, count in reasons.items()]
    return "\n".join(lines)


def _shorten(value: Any) -> str:
    text = (
        value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    )
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
