"""What people asked for, from the audit: without it, what is missing is missed by nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.diagnosis.asking import list_wanted_steps, select_entries
from bot.records import AuditEntry
from bot.text import verbatim

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def entry(typed: str, namespace: str = "bookinfo", outcome: str = "done") -> AuditEntry:
    """A row of the audit."""
    step = typed.split()[0]
    return AuditEntry("id", NOW, "U1", "C1", step, typed, "", namespace, outcome, verbatim(""))


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ([entry("addons", "istio-system"), entry("inject")], {"addons", "inject"}),
        ([entry("inject"), entry("route jason v2", "seat-2")], {"inject"}),
        ([entry("expose", outcome="denied"), entry("inject")], {"inject"}),
        ([entry("inject"), entry("inject off")], set()),
        ([entry("addons", "istio-system"), entry("uninstall", "istio-system")], set()),
    ],
)
def test_steps_that_are_waited_for(entries: list[AuditEntry], wanted: set[str]) -> None:
    """Steps of the namespace, and of the mesh's, that were not taken back since."""
    newest_first = select_entries(entries[::-1], "bookinfo", "istio-system")
    assert list_wanted_steps(newest_first) == wanted
