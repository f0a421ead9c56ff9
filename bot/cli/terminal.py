"""Output of the command line, and the set-up of its log."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from bot.text import show_hidden


def print_line(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    """Print a line, or several, on standard error; what is in them from outside moves no cursor."""
    sys.stderr.write(f"meshbot: {show_hidden(text, layout=True)}\n")


class LineFormatter(logging.Formatter):
    """One line per record, whatever was typed; tracebacks follow, indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return show_hidden(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """Return a traceback that does not pass for lines of the log."""
        lines = show_hidden(super().formatException(ei), layout=True).split("\n")
        return "\n".join(f"  {line}" for line in lines)


class JsonLinesFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON.

        It holds time (UTC), level, logger, message, and the traceback where there is one.
        """
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": show_hidden(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = show_hidden(self.formatException(record.exc_info), layout=True)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(level: str, *, lines: bool) -> None:
    """Send the log to standard error, so that standard output is for what was asked for."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLinesFormatter() if lines else LineFormatter())
    handler.setLevel(level.upper())
    # By force: a library that has logged before may have put its own handler there.
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
