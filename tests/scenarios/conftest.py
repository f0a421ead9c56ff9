"""Fixtures of the dialogues."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.stage import Stage, playing

SHORT = {
    "test_audit",
    "test_doctor",
    "test_install",
    "test_people",
    "test_rules",
    "test_surfaces",
    "test_survival",
    "test_uninstall",
}
"""The dialogues that are among the default tests; the others take minutes together and carry the
mark `long`."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the dialogues that are not short; whatever needs a real control plane is marked so
    already."""
    for item in items:
        place = item.path
        if (
            place.parent.name == "scenarios"
            and place.stem not in SHORT
            and not item.get_closest_marker("realcluster")
        ):
            item.add_marker(pytest.mark.long)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The bot, connected, in front of an empty cluster."""
    async with playing(tmp_path) as (stage, _):
        yield stage
