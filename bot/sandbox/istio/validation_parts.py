"""The small checks that validation of all Istio kinds is made of: names, ports, percentages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_WILDCARD_LABEL = re.compile(r"(\*|(\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)")
_TAG_VALUE = re.compile(r"(?:[a-zA-Z0-9](?:[-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?)?")
_SUBSET = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class Finding(NamedTuple):
    """One error; `counted` when istiod says "1 error occurred:" even where it is alone."""

    text: str
    counted: bool = False


Findings = Iterator[Finding]


def joined(findings: list[Finding]) -> str:
    """All findings as istiod prints them: one plain line, or a counted list that ends in an empty line."""
    if not findings:
        return ""
    if len(findings) == 1 and not findings[0].counted:
        return findings[0].text
    noun = "error" if len(findings) == 1 else "errors"
    return f"{len(findings)} {noun} occurred:\n" + "".join(f"\t* {f.text}\n" for f in findings) + "\n"


def each(value: Any) -> list[dict[str, Any]]:
    """A list field's items that are objects; nothing where the field is absent."""
    return [item for item in value or [] if isinstance(item, dict)]


def check_domain(name: str) -> Findings:
    """A host name, its first label possibly a wildcard."""
    if not name:
        yield Finding("empty domain name not allowed")
        return
    if len(name) > 255:
        yield Finding("domain name too long (max 255)")
        return
    for place, label in enumerate(name.rstrip(".").split(".")):
        pattern = _WILDCARD_LABEL if place == 0 else _LABEL
        if not pattern.fullmatch(label):
            yield Finding(f'domain name "{name}" invalid (label "{label}" invalid)')
            return


def check_port(number: Any) -> Findings:
    """A port number."""
    if not isinstance(number, int) or not 1 <= number <= 65535:
        yield Finding(f"port number {number} must be in the range 1..65535")


def check_subset_name(name: str) -> Findings:
    """A DestinationRule's subset, or a destination's reference to one."""
    if not name:
        yield Finding("subset name cannot be empty")
    elif not _SUBSET.fullmatch(name):
        yield Finding(f"subset name is invalid: {name}")


def check_labels(labels: dict[str, Any]) -> Findings:
    """Labels that select pods."""
    for key, value in labels.items():
        if not key:
            yield Finding("invalid tag key: empty", counted=True)
        if not _TAG_VALUE.fullmatch(str(value)):
            yield Finding(f'invalid tag value: "{value}"', counted=True)


def check_percentage(percentage: Any) -> Findings:
    """`{value: …}` of a fault: 0, or from a ten-thousandth of a percent up to 100."""
    value = (percentage or {}).get("value") or 0
    if value != 0 and not 0.0001 <= value <= 100:
        yield Finding(f"percentage {value:g} is neither 0.0, nor in range [0.0001, 100.0]")


def check_not_negative(fields: dict[str, Any], names: dict[str, str]) -> Findings:
    """Numeric fields by name that must not be below zero; `names` maps each to the words istiod uses."""
    for field, words in names.items():
        value = fields.get(field)
        if isinstance(value, int) and value < 0:
            yield Finding(f"{words} must be non-negative")
