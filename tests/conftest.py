"""What every test can rely on."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

LONG = 240
"""Seconds for a long test: many times what it takes alone, for on a small machine several run side
by side."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests have more time, unless they say how much."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG))
    # Of these, those that may take longest begin first, so that nobody waits for one alone in the
    # end. Others keep their order: what shares a control plane finds what was left before it.
    items.sort(key=lambda item: -_read_seconds(item))


def _read_seconds(item: pytest.Item) -> float:
    """Return the seconds that a long test has by its own mark, in steps of ten minutes."""
    mark = item.get_closest_marker("timeout")
    if mark is None or not mark.args or item.get_closest_marker("long") is None:
        return 0.0
    return float(mark.args[0] // 600 * 600)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave the collector the objects of the tests alone: what was imported and collected stays to
    the end, and going over it again and again took a quarter of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """A test that sets the log up, as the command line does, sets it up for itself alone."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in [h for h in root.handlers if h not in handlers]:
        root.removeHandler(handler)
    for handler in [h for h in handlers if h not in root.handlers]:
        root.addHandler(handler)
