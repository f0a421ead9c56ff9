"""Ledgers to test on: a SQLite file each, and a PostgreSQL schema each when MESHBOT_TEST_POSTGRES
names a server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text

from bot.ledger import Ledger, NewRun
from bot.ledger.database import build_engine, parse_url

POSTGRES = os.environ.get("MESHBOT_TEST_POSTGRES", "")
BACKENDS = [
    "sqlite",
    pytest.param(
        "postgres",
        marks=[
            pytest.mark.postgres,
            pytest.mark.skipif(not POSTGRES, reason="MESHBOT_TEST_POSTGRES is not set"),
        ],
    ),
]


@dataclass
class Time:
    """A clock that moves when it is told to."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """Moves on."""
        self.now += timedelta(seconds=seconds)


def asked(key: str = "", lock: str = "", step: str = "install") -> NewRun:
    """A run as the engine asks for it; a fresh request unless `key` is given."""
    return NewRun(
        key or uuid4().hex, step, "U1", "C1", owner="one", arguments=step, lock_key=lock or None
    )


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database, which is dropped in the end."""
    name = f"meshbot_{uuid4().hex[:12]}"
    server = build_engine(parse_url(POSTGRES)).execution_options(isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        async with server.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        await server.dispose()


@pytest.fixture(params=BACKENDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'folder' / 'meshbot.sqlite'}"
        return
    async with database() as made:
        yield made


@pytest.fixture
def time() -> Time:
    """The ledger's clock."""
    return Time()


@pytest.fixture
async def ledger(url: str, time: Time) -> AsyncIterator[Ledger]:
    """An open ledger with nothing in it."""
    opened = await Ledger.open(url, now=time)
    yield opened
    await opened.close()
