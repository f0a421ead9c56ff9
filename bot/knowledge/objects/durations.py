"""Times and rates as people type and read them."""

from __future__ import annotations

import re

from bot.text import Text

UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_duration(typed: object) -> float:
    """Return the seconds of `3s`, `500ms`, `10m`, `1h`, or a plain number. Raises ValueError
    otherwise.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|)", str(typed).strip().lower())
    if not found:
        raise ValueError(Text("should be a time such as 3s or 10m"))
    return float(found[1]) * UNITS[found[2]]


def strip_rate_unit(typed: object) -> str:
    """Return the text before the unit in `20/s`, `20rps` or `20`; that it is a number is not
    checked.
    """
    return re.sub(r"\s*(/s|/sec|rps|qps)$", "", str(typed).strip().lower())


def format_duration(passed: float) -> str:
    """Return seconds in words: `40 s`, `3 min`, `2 h`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if passed > size:
            return f"{passed / size:.0f} {unit}"
    return f"{passed:.0f} s"
