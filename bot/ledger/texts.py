"""Texts and times as every database of the ledger takes and gives them.

A sentence is in two columns: `NAME` holds its English words, for people who read the database, and
`NAME_text` its template and values, so that it can be said in another language. The second is NULL
for a sentence of somebody else's, and in rows of versions that did not have it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from bot.text import Text, from_json, to_json, verbatim

log = logging.getLogger(__name__)


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


def write_text(name: str, text: Text) -> dict[str, Any]:
    """Return the two columns of a sentence."""
    kept = to_json(text)
    return {
        name: clean_text(str(text)),
        f"{name}_text": None if isinstance(kept, str) else clean_json(kept),
    }


def read_texts(values: Mapping[str, Any] | RowMapping, *names: str) -> dict[str, Any]:
    """Return a row's values with each of the named sentences as one Text, in place of its two.

    One that cannot be read is its English words.
    """
    rest = {
        name: value for name, value in values.items() if name not in {f"{n}_text" for n in names}
    }
    return rest | {name: _read_text(values[name], values[f"{name}_text"]) for name in names}


def clean_json(value: Any) -> Any:
    """Return JSON in which every string is one that each database takes."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): clean_json(each) for key, each in value.items()}
    return [clean_json(each) for each in value] if isinstance(value, list) else value


def _read_text(words: str, kept: Any) -> Text:
    # A sentence of somebody else's, or a row of a version without the second column.
    if kept is None:
        return verbatim(words)
    try:
        return from_json(kept)
    except ValueError as problem:
        log.warning("a sentence in the ledger is read as its English words: %s", problem)
        return verbatim(words)
