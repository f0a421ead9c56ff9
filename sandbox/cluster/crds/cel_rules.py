"""The few CEL rules of CRDs that the workshop's objects can break; CEL itself is not evaluated.

They hold for Istio's CRDs and those of the Gateway API (Istio 1.23, 1.30; Gateway API 1.1, 1.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.cluster.crds.schema import Cause
from sandbox.cluster.kinds import Kind

_GROUPS = (".istio.io", "gateway.networking.k8s.io")
_BLOCKING = ("FieldValueNotSupported", "FieldValueRequired", "FieldValueTypeInvalid")
_DURATIONS = frozenset(
    {
        *("fixedDelay", "timeout", "perTryTimeout", "maxAge", "connectTimeout", "idleTimeout"),
        *("maxConnectionDuration", "baseEjectionTime", "warmupDurationSecs", "interval"),
    }
)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")


def find_rule_causes(kind: Kind, body: Any, found: Sequence[Cause]) -> Iterator[Cause]:
    """Yield what rules in CEL refuse; where the schema refused something before, only that they
    were not looked at.
    """
    if not kind.group.endswith(_GROUPS):
        return
    if found:
        if any(reason in _BLOCKING for _, reason, _ in found):
            yield (
                "<nil>",
                "FieldValueInvalid",
                "Invalid value: null: some validation rules were not checked because the object "
                "was invalid; correct the existing errors to complete validation",
            )
    elif kind.group == "networking.istio.io":
        yield from _find_bad_durations(body, "")
    elif kind.kind == "HTTPRoute":
        yield from _find_bad_timeouts(body)


def parse_duration(text: str) -> float | None:
    """Return a duration in seconds, None where Go reads none."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = _PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        return None
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)


def _find_bad_durations(value: Any, field: str) -> Iterator[Cause]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _find_bad_durations(item, f"{field}[{number}]")
    elif isinstance(value, dict):
        for name, sub in value.items():
            place = f"{field}.{name}" if field else name
            if name not in _DURATIONS or not isinstance(sub, str):
                yield from _find_bad_durations(sub, place)
            elif (seconds := parse_duration(sub)) is None or seconds < _UNITS["ms"]:
                words = "must be a valid duration greater than 1ms"
                yield place, "FieldValueInvalid", f'Invalid value: "{sub}": {words}'


def _find_bad_timeouts(body: Any) -> Iterator[Cause]:
    for number, rule in enumerate((body.get("spec") or {}).get("rules") or []):
        told = rule.get("timeouts") or {}
        whole, one = (parse_duration(str(told.get(k, ""))) for k in ("request", "backendRequest"))
        if whole and one and one > whole:
            yield (
                f"spec.rules[{number}].timeouts",
                "FieldValueInvalid",
                "Invalid value: backendRequest timeout cannot be longer than request timeout",
            )
