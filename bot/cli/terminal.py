"""Output of the command line, and the set-up of its log."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


def print_line(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"meshbot: {text}\n")


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
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(level: str, *, lines: bool) -> None:
    """Send the log to standard error, so that standard output is for what was asked for."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLinesFormatter() if lines else plain)
    handler.setLevel(level.upper())
    # By force: a library that has logged before may have put its own handler there.
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
