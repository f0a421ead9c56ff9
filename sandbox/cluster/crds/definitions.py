"""CustomResourceDefinitions: the types they add, and their status up to their removal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.kinds import Kind, VersionInfo
from sandbox.cluster.merging import merge_keys

DEFINITIONS = Ref("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
MANAGER = "kube-apiserver"
APPROVAL = "api-approved.kubernetes.io"
PROTECTED = (".k8s.io", ".kubernetes.io")
NOT_APPROVED = (
    f'protected groups must have approval annotation "{APPROVAL}", '
    "see https://github.com/kubernetes/enhancements/pull/1111"
)


def build_kind(definition: Object) -> Kind:
    """Return the type that a definition adds."""
    spec = definition["spec"]
    names = spec["names"]
    served = [version for version in spec["versions"] if version.get("served")]
    stored = next(
        (version["name"] for version in spec["versions"] if version.get("storage")),
        served[0]["name"] if served else "",
    )
    versions = tuple(
        _build_version_info(version, spec)
        for version in sorted(served, key=lambda each: rank_version(each["name"]))
    )
    subresources: dict[str, Any] = {}
    for version in spec["versions"]:
        subresources.update(version.get("subresources") or {})
    return Kind(
        group=spec["group"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec.get("scope") == "Namespaced",
        version=stored,
        singular=names.get("singular") or names["kind"].lower(),
        short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(subresources),
        generation=True,
        custom=True,
        versions=versions,
        scale_paths=subresources.get("scale") or {},
    )


def rank_version(name: str) -> tuple[int, int, int, str]:
    """Return a sort key for versions as Kubernetes prefers them.

    The order is v2, v1, v1beta2, v1beta1, v1alpha1.
    """
    stem = name.removeprefix("v")
    for level, word in ((1, "beta"), (2, "alpha")):
        major, found, minor = stem.partition(word)
        if found and major.isdigit() and minor.isdigit():
            return level, -int(major), -int(minor), name
    return (0, -int(stem), 0, name) if stem.isdigit() else (3, 0, 0, name)


def _build_version_info(version: Mapping[str, Any], spec: Mapping[str, Any]) -> VersionInfo:
    openapi = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    warning = ""
    if version.get("deprecated"):
        default = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
        warning = version.get("deprecationWarning") or default
    return VersionInfo(
        name=version["name"],
        schema=merge_keys.parse_openapi(openapi),
        openapi=openapi,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        deprecated=warning,
    )


def _build_condition(
    kind: str, reason: str, message: str, now: str, *, status: str = "True"
) -> Object:
    return {
        "lastTransitionTime": now,
        "message": message,
        "reason": reason,
        "status": status,
        "type": kind,
    }


def build_accepted_status(definition: Object, now: str) -> Object:
    """Return the status that the API server writes once it serves the type.

    The times of unchanged conditions stay.
    """
    spec = definition["spec"]
    old = definition.get("status") or {}
    before = {condition["type"]: condition for condition in old.get("conditions") or ()}
    wanted = [
        *_build_approval_conditions(definition, now),
        _build_condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _build_condition(
            "Established", "InitialNamesAccepted", "the initial names have been accepted", now
        ),
    ]
    stored = [version["name"] for version in spec["versions"] if version.get("storage")]
    known = list(old.get("storedVersions") or ())
    conditions = [
        before[each["type"]] if _is_same_condition(before.get(each["type"]), each) else each
        for each in wanted
    ]
    conditions += [
        each for name, each in before.items() if name not in {new["type"] for new in wanted}
    ]
    return {
        "acceptedNames": dict(spec["names"]),
        "conditions": conditions,
        "storedVersions": [*known, *(name for name in stored if name not in known)],
    }


def _is_same_condition(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    return old is not None and all(
        old.get(key) == new[key] for key in ("status", "reason", "message")
    )


def _build_approval_conditions(definition: Object, now: str) -> list[Object]:
    """Return the approval condition of a definition in a protected group.

    Groups of the Kubernetes project need an annotation that links to their approval.
    """
    group = definition["spec"]["group"]
    if not group.endswith(PROTECTED):
        return []
    link = (definition["metadata"].get("annotations") or {}).get(APPROVAL, "")
    kind = "KubernetesAPIApprovalPolicyConformant"
    if link.startswith("unapproved"):
        return [
            _build_condition(
                kind, "UnapprovedAnnotation", f"not approved: {link!r}", now, status="False"
            )
        ]
    if link:
        return [_build_condition(kind, "ApprovedAnnotation", f"approved in {link}", now)]
    return [_build_condition(kind, "MissingAnnotation", NOT_APPROVED, now, status="False")]


def build_pending_status(definition: Object, now: str) -> Object:
    """Return the status right after the delete."""
    text = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
    return _set_terminating_condition(
        definition, _build_condition("Terminating", "InstanceDeletionPending", text, now)
    )


def build_terminating_status(definition: Object, now: str) -> Object:
    """Return the status while the type's objects are being removed."""
    text = "CustomResource deletion is in progress"
    return _set_terminating_condition(
        definition, _build_condition("Terminating", "InstanceDeletionInProgress", text, now)
    )


def _set_terminating_condition(definition: Object, condition: Object) -> Object:
    status = definition.get("status") or {}
    others = [each for each in status.get("conditions") or () if each["type"] != "Terminating"]
    return {**status, "conditions": [*others, condition]}
