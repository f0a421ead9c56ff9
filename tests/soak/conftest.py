"""The figures of the soak, printed as one table when it is over."""

from __future__ import annotations

import pytest

FIGURES: list[tuple[str, object]] = []


@pytest.fixture
def figures() -> list[tuple[str, object]]:
    """Where a test writes what it counted."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table."""
    if FIGURES:
        terminalreporter.section("soak")
        width = max(len(name) for name, _ in FIGURES)
        for name, value in FIGURES:
            terminalreporter.write_line(f"{name:<{width}}  {value}")
