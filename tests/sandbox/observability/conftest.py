"""Worlds for the tests that change something; the recorded stages are gone through once for all
tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .stages import VERSIONS, World, world


@pytest.fixture(params=VERSIONS)
def kiali(request: pytest.FixtureRequest) -> str:
    """Which Kiali; a test that is about one overrides it."""
    return str(request.param)


@pytest.fixture
async def mesh(kiali: str) -> AsyncIterator[World]:
    """A mesh with Prometheus and that Kiali."""
    async with world(kiali) as made:
        yield made
