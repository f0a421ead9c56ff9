"""Times and rates as people type and read them."""

from __future__ import annotations

import re

UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(typed: object) -> float:
    """`3s`, `500ms`, `10m`, `1h`, or a plain number of seconds; ValueError otherwise."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|)", str(typed).strip().lower())
    if not found:
        raise ValueError("should be a time such as 3s or 10m")
    return float(found[1]) * UNITS[found[2]]


def per_second(typed: object) -> str:
    """The number out of `20/s`, `20rps` or `20`; whether it is one is not looked at."""
    return re.sub(r"\s*(/s|/sec|rps|qps)$", "", str(typed).strip().lower())


def spoken(passed: float) -> str:
    """Seconds in words: `40 s`, `3 min`, `2 h`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if passed > size:
            return f"{passed / size:.0f} {unit}"
    return f"{passed:.0f} s"
