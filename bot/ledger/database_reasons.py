"""Why a database cannot be used, in words for people: what its driver said of itself, and no place,
statement or name."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.text import EMPTY, Text

_LOCKED = Text("another program keeps it locked")
_FULL = Text("its disk is full")
_READ_ONLY = Text("it cannot be written to, only read")
_SILENT = Text("it does not answer in time")
_AWAY = Text("its server cannot be reached")
_DENIED = Text("its server does not accept the bot's user or password")
_DAMAGED = Text("its file is damaged, or is no database")
SQLITE_REASONS = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Text("its file cannot be opened"),
    sqlite3.SQLITE_IOERR: Text("its disk answers with errors"),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
"""By SQLite's primary result codes (sqlite.org/rescode.html)."""
POSTGRES_REASONS = {
    "08": _AWAY,
    "25006": _READ_ONLY,
    "28": _DENIED,
    "3D": Text("its server has no database of that name"),
    "53100": _FULL,
    "53300": Text("its server takes no more connections"),
    "55P03": _LOCKED,
    "57014": _SILENT,
    "57P": Text("its server is starting or shutting down"),
}
"""By beginnings of SQLSTATE (PostgreSQL's error codes, appendix A); the longest that fits."""


def explain_database_error(problem: BaseException) -> Text:
    """Return why the database cannot be used; EMPTY when its driver does not tell."""
    root = problem.orig if isinstance(problem, DBAPIError) and problem.orig else problem
    if isinstance(root, TimeoutError | PoolTimeout):
        return _SILENT
    # Of extended result codes the low byte is the primary one; drivers wrap errors of each other.
    for each in (root, root.__cause__):
        code = getattr(each, "sqlite_errorcode", None)
        if code is not None:
            return SQLITE_REASONS.get(code & 0xFF, EMPTY)
        if state := getattr(each, "sqlstate", None):
            fitting = [prefix for prefix in POSTGRES_REASONS if state.startswith(prefix)]
            return POSTGRES_REASONS[max(fitting, key=len)] if fitting else EMPTY
    return _AWAY if isinstance(root, OSError) else EMPTY
