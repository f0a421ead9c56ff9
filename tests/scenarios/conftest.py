"""Fixtures of the dialogues."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.stage import Stage, playing


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The bot, connected, in front of an empty cluster."""
    async with playing(tmp_path) as (stage, _):
        yield stage
