"""Texts and times as every database of the ledger takes and gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping


def clean(words: str) -> str:
    """Text that every database takes: no NUL (PostgreSQL refuses it) and no half of a surrogate pair."""
    return words.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def in_utc(row: RowMapping) -> dict[str, Any]:
    """A row's values with their zone: SQLite keeps times without it, which is always UTC."""
    return {
        name: value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
