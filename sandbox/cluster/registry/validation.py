"""The checks that people and programs run into: names, required fields, fields that can't change.

Not all that Kubernetes checks; the words are those of 1.36.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.cluster.api_refusals import bad_request_error, invalid_error
from sandbox.cluster.contract import Object
from sandbox.cluster.crds.definitions import APPROVAL, NOT_APPROVED, PROTECTED
from sandbox.cluster.kinds import Kind

Cause = tuple[str, str, str]
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def _explain_pattern(what: str, rule: str, examples: str, pattern: str) -> str:
    """Return the sentence with which Kubernetes explains a pattern."""
    return f"{what} must {rule} (e.g. {examples}, regex used for validation is '{pattern}')"


_ENDS = "start and end with an alphanumeric character"
_LOWER = "consist of lower case alphanumeric characters"
_ANY_CASE = "consist of alphanumeric characters, '-', '_' or '.', and must"
_BAD_SUBDOMAIN = _explain_pattern(
    "a lowercase RFC 1123 subdomain",
    f"{_LOWER}, '-' or '.', and must {_ENDS}",
    "'example.com'",
    _SUBDOMAIN.pattern,
)
_BAD_LABEL = _explain_pattern(
    "a lowercase RFC 1123 label",
    f"{_LOWER} or '-', and must {_ENDS}",
    "'my-name',  or '123-abc'",
    _LABEL.pattern,
)
_BAD_VALUE = _explain_pattern(
    "a valid label",
    f"be an empty string or {_ANY_CASE} {_ENDS}",
    "'MyValue',  or 'my_value',  or '12345'",
    _LABEL_VALUE.pattern,
)
_BAD_KEY = _explain_pattern(
    "name part",
    f"{_ANY_CASE} {_ENDS}",
    "'MyName',  or 'my.name',  or '123-abc'",
    _LABEL_NAME.pattern,
)
ANNOTATIONS_LIMIT = 262_144
"""Bytes of all annotations together (Kubernetes' limit)."""

_FREE_NAMES = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
_LABEL_NAMES = frozenset({"Namespace"})


def _invalid_cause(field: str, value: Any, why: str) -> Cause:
    return field, "FieldValueInvalid", f'Invalid value: "{value}": {why}'


def _required_cause(field: str, why: str = "") -> Cause:
    return field, "FieldValueRequired", f"Required value: {why}" if why else "Required value"


def find_name_causes(kind: Kind, name: str, field: str = "metadata.name") -> list[Cause]:
    """Return what is wrong with an object's name."""
    if kind.kind in _FREE_NAMES:
        return [
            _invalid_cause(field, name, f"may not contain '{each}'")
            for each in "/%"
            if each in name
        ]
    if kind.kind in _LABEL_NAMES and "." in name:
        return [_invalid_cause(field, name, "must not contain dots")]
    if kind.kind in _LABEL_NAMES and not (_LABEL.fullmatch(name) and len(name) <= 63):
        return [
            _invalid_cause(
                field, name, _BAD_LABEL if len(name) <= 63 else "must be no more than 63 bytes"
            )
        ]
    if kind.kind == "Service" and not kind.custom and not _LABEL.fullmatch(name):
        return [_invalid_cause(field, name, _BAD_LABEL)]
    if len(name) > 253:
        return [_invalid_cause(field, name, "must be no more than 253 bytes")]
    return [] if _SUBDOMAIN.fullmatch(name) else [_invalid_cause(field, name, _BAD_SUBDOMAIN)]


def _find_label_causes(labels: Any, field: str) -> list[Cause]:
    causes: list[Cause] = []
    for key, value in (labels or {}).items():
        name = str(key).rpartition("/")[2]
        if not _LABEL_NAME.fullmatch(name) or len(name) > 63:
            causes.append(_invalid_cause(field, key, _BAD_KEY))
        if not _LABEL_VALUE.fullmatch(value):
            causes.append(_invalid_cause(field, value, _BAD_VALUE))
        elif len(value) > 63:
            causes.append(_invalid_cause(field, value, "must be no more than 63 bytes"))
    return causes


def _find_metadata_causes(metadata: Mapping[str, Any]) -> list[Cause]:
    causes = _find_label_causes(metadata.get("labels"), "metadata.labels")
    size = sum(
        len(key.encode()) + len(value.encode())
        for key, value in (metadata.get("annotations") or {}).items()
    )
    if size > ANNOTATIONS_LIMIT:
        text = f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"
        causes.append(("metadata.annotations", "FieldValueTooLong", text))
    return causes


_JSON_NAMES = {bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def check_metadata_types(kind: Kind, obj: Object) -> None:
    """Raise ApiError(400) for metadata of the wrong types."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise bad_request_error("metadata: expected an object")
    for name in ("labels", "annotations"):
        for value in (metadata.get(name) or {}).values():
            if not isinstance(value, str | None):
                found = _JSON_NAMES.get(type(value), "null")
                raise bad_request_error(
                    f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
                    f"json: cannot "
                    f"unmarshal {found} into Go struct field ObjectMeta.metadata.{name} of type "
                    f"string"
                )


def check_object(kind: Kind, obj: Object, old: Object | None) -> None:
    """Raise ApiError(422) for an object that Kubernetes would refuse.

    `old` is None on create.
    """
    causes = [] if old else find_name_causes(kind, obj["metadata"].get("name", ""))
    causes += _find_metadata_causes(obj["metadata"])
    if not kind.custom:
        causes += _SPECIAL.get(kind.kind, _find_no_causes)(obj, old)
    if causes:
        raise invalid_error(kind, obj["metadata"].get("name", ""), *causes)


def _find_no_causes(obj: Object, old: Object | None) -> list[Cause]:
    return []


def _find_container_causes(spec: Mapping[str, Any], field: str) -> list[Cause]:
    containers = spec.get("containers") or []
    causes: list[Cause] = [] if containers else [_required_cause(f"{field}.containers")]
    seen: set[str] = set()
    for place in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(place) or ()):
            at = f"{field}.{place}[{index}]"
            name = container.get("name", "")
            if not name:
                causes.append(_required_cause(f"{at}.name"))
            elif not _LABEL.fullmatch(name):
                causes.append(_invalid_cause(f"{at}.name", name, _BAD_LABEL))
            elif name in seen:
                causes.append((f"{at}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"'))
            if not container.get("image"):
                causes.append(_required_cause(f"{at}.image"))
            seen.add(name)
    return causes


def _find_pod_causes(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    if old is None:
        return _find_container_causes(spec, "spec")
    if _select_immutable_fields(spec, old.get("spec") or {}) == _select_immutable_fields(
        old.get("spec") or {}, spec
    ):
        return []
    return [("spec", "FieldValueForbidden", f"Forbidden: {_POD_FIXED}")]


_POD_FIXED = (
    "pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_POD_OPEN = (
    "activeDeadlineSeconds",
    "schedulingGates",
    "tolerations",
    "terminationGracePeriodSeconds",
    "ephemeralContainers",
)


def _select_immutable_fields(spec: Mapping[str, Any], other: Mapping[str, Any]) -> Object:
    """Return what may not change in a pod; a pod without a node may still be given one."""
    left = {key: value for key, value in spec.items() if key not in _POD_OPEN}
    if not (spec.get("nodeName") and other.get("nodeName")):
        left.pop("nodeName", None)
    for place in ("containers", "initContainers"):
        if place in left:
            left[place] = [
                {key: value for key, value in each.items() if key != "image"}
                for each in left[place]
            ]
    return left


def _find_workload_causes(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    selector = spec.get("selector")
    template = spec.get("template") or {}
    causes: list[Cause] = []
    labels = (template.get("metadata") or {}).get("labels") or {}
    wanted = (selector or {}).get("matchLabels") or {}
    if not selector:
        causes.append(_required_cause("spec.selector"))
    if not selector or any(labels.get(key) != value for key, value in wanted.items()):
        shown = _format_go_value(labels)
        why = f"Invalid value: {shown}: `selector` does not match template `labels`"
        causes.append(("spec.template.metadata.labels", "FieldValueInvalid", why))
    if old and (old.get("spec") or {}).get("selector") != selector:
        causes.append(
            (
                "spec.selector",
                "FieldValueInvalid",
                f"Invalid value: {_format_go_value(selector)}: field is immutable",
            )
        )
    return [*causes, *_find_container_causes(template.get("spec") or {}, "spec.template.spec")]


def _format_go_value(value: Any) -> str:
    """Format a value as Kubernetes shows it in a cause."""
    return json.dumps(value or None, separators=(",", ":"))


def _find_port_causes(port: Mapping[str, Any], field: str, *, named: bool) -> list[Cause]:
    causes = [] if named or port.get("name") else [_required_cause(f"{field}.name")]
    for place in ("port", "targetPort"):
        number = port.get(place, 0)
        if isinstance(number, int) and not 0 < number < 65536:
            why = f"Invalid value: {number}: must be between 1 and 65535, inclusive"
            causes.append((f"{field}.{place}", "FieldValueInvalid", why))
    return causes


def _find_service_causes(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    ports = spec.get("ports") or []
    causes: list[Cause] = []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(_required_cause("spec.ports"))
    for index, port in enumerate(ports):
        causes += _find_port_causes(port, f"spec.ports[{index}]", named=len(ports) == 1)
    address = ((old or {}).get("spec") or {}).get("clusterIP")
    if (
        address
        and spec.get("type") != "ExternalName"
        and spec.get("clusterIP") not in (address, None)
    ):
        causes.append(("spec.clusterIPs[0]", "FieldValueInvalid",
                       f'Invalid value: ["{spec["clusterIP"]}"]: may not change once set'))  # fmt: skip  # noqa: E501
    return causes


def _find_binding_causes(obj: Object, old: Object | None) -> list[Cause]:
    if old and old.get("roleRef") != obj.get("roleRef"):
        return [
            (
                "roleRef",
                "FieldValueInvalid",
                f"Invalid value: {obj.get('roleRef')}: cannot change roleRef",
            )
        ]
    return []


def _find_approval_causes(obj: Object, old: Object | None, group: str) -> list[Cause]:
    """Return the cause for a definition in a protected group without approval.

    Groups of the Kubernetes project need an annotation that links to their approval.
    """

    def link(each: Object) -> str:
        return str((each["metadata"].get("annotations") or {}).get(APPROVAL, ""))

    if not group.endswith(PROTECTED) or link(obj) or (old is not None and not link(old)):
        return []
    return [_required_cause(f"metadata.annotations[{APPROVAL}]", NOT_APPROVED)]


def _find_crd_causes(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    causes: list[Cause] = []
    if obj["metadata"].get("name") != wanted:
        causes.append(
            _invalid_cause(
                "metadata.name",
                obj["metadata"].get("name"),
                'must be spec.names.plural+"."+spec.group',
            )
        )
    causes += _find_approval_causes(obj, old, str(spec.get("group", "")))
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        names = [version.get("name") for version in versions]
        why = f"Invalid value: {names}: must have exactly one version marked as storage version"
        causes.append(("spec.versions", "FieldValueInvalid", why))
    return causes


_SPECIAL = {
    "ClusterRoleBinding": _find_binding_causes,
    "CustomResourceDefinition": _find_crd_causes,
    "DaemonSet": _find_workload_causes,
    "Deployment": _find_workload_causes,
    "Pod": _find_pod_causes,
    "ReplicaSet": _find_workload_causes,
    "RoleBinding": _find_binding_causes,
    "Service": _find_service_causes,
    "StatefulSet": _find_workload_causes,
}
