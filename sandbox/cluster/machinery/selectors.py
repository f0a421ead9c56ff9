"""Label and field selectors: as query strings, as a `LabelSelector`, and as plain labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.contract import Object

Labels = Mapping[str, str]
Matches = Callable[[Object], bool]

_SET = re.compile(r"^(?P<key>[^\s!=(),]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=(),]+)\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s!=(),]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=(),]+)$")


def _split_requirements(text: str) -> list[str]:
    """Split at commas that are not inside parentheses."""
    return [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]


Requirement = tuple[str, str, tuple[str, ...]]


def parse_label_selector(text: str) -> list[Requirement]:
    """Return the requirements of a labelSelector; raise ApiError(400) when it can't be read."""
    return [_parse_requirement(part) for part in _split_requirements(text)]


def _parse_requirement(part: str) -> Requirement:
    if found := _SET.match(part):
        values = tuple(value.strip() for value in found["values"].split(","))
        return found["key"], "In" if found["operator"] == "in" else "NotIn", values
    if found := _EQUAL.match(part):
        operator = {"!=": "NotIn", ">": "Gt", "<": "Lt"}.get(found["operator"], "In")
        return found["key"], operator, (found["value"],)
    if found := _EXISTS.match(part):
        return found["key"], "DoesNotExist" if found["no"] else "Exists", ()
    raise bad_request_error(f"unable to parse requirement: found '{part}', expected: identifier")


def _matches_requirement(labels: Labels, requirement: Requirement) -> bool:
    """Tell whether one requirement holds; NotIn holds where the label is missing, as Kubernetes
    has it.
    """
    key, operator, values = requirement
    here = labels.get(key)
    if operator in ("In", "NotIn"):
        return (here in values) == (operator == "In")
    if operator in ("Exists", "DoesNotExist"):
        return (here is not None) == (operator == "Exists")
    if here is None or not (here.isdigit() and values[0].isdigit()):
        return False
    return int(here) > int(values[0]) if operator == "Gt" else int(here) < int(values[0])


def make_label_matcher(text: str) -> Callable[[Labels], bool]:
    """Return a test for an object's labels."""
    requirements = parse_label_selector(text)
    return lambda labels: all(_matches_requirement(labels, each) for each in requirements)


def has_labels(labels: Labels, wanted: Labels) -> bool:
    """Tell whether all wanted labels are there; without any, everything has them."""
    return all(labels.get(name) == value for name, value in wanted.items())


def matches_service_selector(selector: Labels | None, labels: Labels) -> bool:
    """Tell whether a Service's or policy's plain selector selects these labels; none selects
    nothing.
    """
    return bool(selector) and has_labels(labels, selector or {})


def matches_label_selector(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Tell whether a `LabelSelector` (matchLabels, matchExpressions) selects these labels.

    None selects nothing, an empty one everything.
    """
    if selector is None or not has_labels(labels, selector.get("matchLabels") or {}):
        return False
    expressions = selector.get("matchExpressions") or ()
    return all(
        _matches_requirement(
            labels, (each["key"], each["operator"], tuple(each.get("values") or ()))
        )
        for each in expressions
    )


_EVERYWHERE = ("metadata.name", "metadata.namespace")
_EVENT_FIELDS = (
    *(f"involvedObject.{name}" for name in
      ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")),
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
FIELDS: Mapping[str, Sequence[str]] = {
    "pods": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",  # noqa: E501
        "status.phase", "status.podIP", "status.nominatedNodeName",
    ),
    "events": _EVENT_FIELDS,
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicasets": ("status.replicas",),
    "replicationcontrollers": ("status.replicas",),
    "jobs": ("status.successful",),
}  # fmt: skip
"""The fields that Kubernetes lets one select by, besides name and namespace."""


def make_field_matcher(text: str, plural: str) -> Matches:
    """Return a test for an object.

    Raises ApiError(400) for a field that the type doesn't offer.
    """
    wanted: list[tuple[tuple[str, ...], str, bool]] = []
    for part in _split_requirements(text):
        found = re.match(r"^([\w.]+)\s*(!=|==|=)\s*(.*)$", part)
        if not found:
            raise bad_request_error(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = found.groups()
        if name not in (*_EVERYWHERE, *FIELDS.get(plural, ())):
            raise bad_request_error(f"field label not supported: {name}")
        wanted.append((tuple(name.split(".")), value, operator != "!="))
    return lambda obj: all(
        (_read_field_text(obj, path) == value) == equal for path, value, equal in wanted
    )


def _read_field_text(obj: Object, path: tuple[str, ...]) -> str:
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if path == ("source",) and isinstance(value, dict):
        return str(value.get("component", ""))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def make_matcher(labels: str, fields: str, plural: str) -> Matches | None:
    """Return a test of both selectors together; None when everything matches."""
    tests: list[Matches] = []
    if labels:
        by_label = make_label_matcher(labels)
        tests.append(lambda obj: by_label(obj["metadata"].get("labels") or {}))
    if fields:
        tests.append(make_field_matcher(fields, plural))
    if not tests:
        return None
    return lambda obj: all(test(obj) for test in tests)
