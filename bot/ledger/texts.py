"""Texts and times as every database of the ledger takes and gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping


def clean_text(words: str) -> str:
    """Return text that every database takes.

    It has no NUL (PostgreSQL refuses it) and no half of a surrogate pair.
    """
    return words.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def convert_row_to_utc(row: RowMapping) -> dict[str, Any]:
    """Return a row's values, the times among them in UTC.

    SQLite keeps times without their zone, which is always UTC.
    """
    return {
        name: value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }
