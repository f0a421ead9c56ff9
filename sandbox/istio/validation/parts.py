"""Checks that the validation of all Istio kinds shares: names, ports, percentages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_WILDCARD_LABEL = re.compile(r"(\*|(\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)")
_TAG_VALUE = re.compile(r"(?:[a-zA-Z0-9](?:[-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?)?")
GRPC_STATUSES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS "
    "PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED "
    "INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
).split()
"""gRPC's status codes, from 0."""
_SUBSET = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class ValidationFinding(NamedTuple):
    """One error; `counted` when istiod says "1 error occurred:" even for a single one."""

    text: str
    counted: bool = False


Findings = Iterator[ValidationFinding]


def join_findings(findings: list[ValidationFinding]) -> str:
    """Join all findings as istiod prints them.

    One is a plain line; several are a counted list that ends in an empty line.
    """
    if not findings:
        return ""
    if len(findings) == 1 and not findings[0].counted:
        return findings[0].text
    noun = "error" if len(findings) == 1 else "errors"
    return (
        f"{len(findings)} {noun} occurred:\n" + "".join(f"\t* {f.text}\n" for f in findings) + "\n"
    )


def filter_objects(value: Any) -> list[dict[str, Any]]:
    """Return a list field's items that are objects; none where the field is absent."""
    return [item for item in value or [] if isinstance(item, dict)]


def check_domain(name: str) -> Findings:
    """Check a host name; its first label may be a wildcard."""
    if not name:
        yield ValidationFinding("empty domain name not allowed")
        return
    if len(name) > 255:
        yield ValidationFinding("domain name too long (max 255)")
        return
    for place, label in enumerate(name.rstrip(".").split(".")):
        pattern = _WILDCARD_LABEL if place == 0 else _LABEL
        if not pattern.fullmatch(label):
            yield ValidationFinding(f'domain name "{name}" invalid (label "{label}" invalid)')
            return


def check_port_number(number: Any) -> Findings:
    """Check that a port number is within 1..65535."""
    if not isinstance(number, int) or not 1 <= number <= 65535:
        yield ValidationFinding(f"port number {number} must be in the range 1..65535")


def check_subset_name(name: str) -> Findings:
    """Check the name of a DestinationRule's subset, or a destination's reference to one."""
    if not name:
        yield ValidationFinding("subset name cannot be empty")
    elif not _SUBSET.fullmatch(name):
        yield ValidationFinding(f"subset name is invalid: {name}")


def check_selector_labels(labels: dict[str, Any]) -> Findings:
    """Check labels that select pods."""
    for key, value in labels.items():
        if not key:
            yield ValidationFinding("invalid tag key: empty", counted=True)
        if not _TAG_VALUE.fullmatch(str(value)):
            yield ValidationFinding(f'invalid tag value: "{value}"', counted=True)


def check_percentage(percentage: Any) -> Findings:
    """Check `{value: …}` of a fault: 0, or from 0.0001 to 100 percent."""
    value = (percentage or {}).get("value") or 0
    if value != 0 and not 0.0001 <= value <= 100:
        yield ValidationFinding(
            f"percentage {value:g} is neither 0.0, nor in range [0.0001, 100.0]"
        )


def check_not_negative(fields: dict[str, Any], names: dict[str, str]) -> Findings:
    """Check that numeric fields are not below zero.

    `names` maps each field to the words that istiod uses for it.
    """
    for field, words in names.items():
        value = fields.get(field)
        if isinstance(value, int) and value < 0:
            yield ValidationFinding(f"{words} must be non-negative")


def check_exports(spec: dict[str, Any]) -> Findings:
    """Check `exportTo`: to nobody (`~`) is for Services and ServiceEntries alone."""
    seen: set[str] = set()
    for place in spec.get("exportTo") or []:
        if place in seen:
            yield ValidationFinding(f"duplicate entries in exportTo for entry {place}")
        seen.add(place)
    if "*" in seen and len(seen) > 1:
        yield ValidationFinding(
            "cannot have both public (*) and non-public exportTo values for a resource"
        )
    if "~" in seen:
        yield ValidationFinding("exportTo ~ (none) is not allowed for Istio configuration objects")
