"""CustomResourceDefinitions: the types they add, the conditions they get, and what their removal takes along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.cluster import schema
from bot.sandbox.cluster.contract import Object, Ref
from bot.sandbox.cluster.kinds import Kind, VersionInfo

DEFINITIONS = Ref("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
MANAGER = "kube-apiserver"
APPROVAL = "api-approved.kubernetes.io"
PROTECTED = (".k8s.io", ".kubernetes.io")
NOT_APPROVED = (
    f'protected groups must have approval annotation "{APPROVAL}", '
    "see https://github.com/kubernetes/enhancements/pull/1111"
)


def kind_of(definition: Object) -> Kind:
    """The type that a definition adds."""
    spec = definition["spec"]
    names = spec["names"]
    served = [version for version in spec["versions"] if version.get("served")]
    stored = next(
        (version["name"] for version in spec["versions"] if version.get("storage")), served[0]["name"] if served else ""
    )
    versions = tuple(_info(version, spec) for version in sorted(served, key=lambda each: version_rank(each["name"])))
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


def version_rank(name: str) -> tuple[int, int, int, str]:
    """Sorts versions as Kubernetes prefers them: v2, v1, v1beta2, v1beta1, v1alpha1."""
    stem = name.removeprefix("v")
    for level, word in ((1, "beta"), (2, "alpha")):
        major, found, minor = stem.partition(word)
        if found and major.isdigit() and minor.isdigit():
            return level, -int(major), -int(minor), name
    return (0, -int(stem), 0, name) if stem.isdigit() else (3, 0, 0, name)


def _info(version: Mapping[str, Any], spec: Mapping[str, Any]) -> VersionInfo:
    openapi = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    warning = ""
    if version.get("deprecated"):
        default = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
        warning = version.get("deprecationWarning") or default
    return VersionInfo(
        name=version["name"],
        schema=schema.from_openapi(openapi),
        openapi=openapi,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        deprecated=warning,
    )


def _condition(kind: str, reason: str, message: str, now: str, *, status: str = "True") -> Object:
    return {"lastTransitionTime": now, "message": message, "reason": reason, "status": status, "type": kind}


def accepted_status(definition: Object, now: str) -> Object:
    """The status that the API server writes once it serves the type; times of unchanged conditions stay."""
    spec = definition["spec"]
    old = definition.get("status") or {}
    before = {condition["type"]: condition for condition in old.get("conditions") or ()}
    wanted = [
        *_approval(definition, now),
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]
    stored = [version["name"] for version in spec["versions"] if version.get("storage")]
    known = list(old.get("storedVersions") or ())
    conditions = [before[each["type"]] if _same(before.get(each["type"]), each) else each for each in wanted]
    conditions += [each for name, each in before.items() if name not in {new["type"] for new in wanted}]
    return {
        "acceptedNames": dict(spec["names"]),
        "conditions": conditions,
        "storedVersions": [*known, *(name for name in stored if name not in known)],
    }


def _same(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    return old is not None and all(old.get(key) == new[key] for key in ("status", "reason", "message"))


def _approval(definition: Object, now: str) -> list[Object]:
    """Groups of the Kubernetes project need an annotation that links to their approval."""
    group = definition["spec"]["group"]
    if not group.endswith(PROTECTED):
        return []
    link = (definition["metadata"].get("annotations") or {}).get(APPROVAL, "")
    kind = "KubernetesAPIApprovalPolicyConformant"
    if link.startswith("unapproved"):
        return [_condition(kind, "UnapprovedAnnotation", f"not approved: {link!r}", now, status="False")]
    if link:
        return [_condition(kind, "ApprovedAnnotation", f"approved in {link}", now)]
    return [_condition(kind, "MissingAnnotation", NOT_APPROVED, now, status="False")]


def pending_status(definition: Object, now: str) -> Object:
    """The status right after the delete."""
    text = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
    return _terminating(definition, _condition("Terminating", "InstanceDeletionPending", text, now))


def terminating_status(definition: Object, now: str) -> Object:
    """The status while the type's objects are being removed."""
    text = "CustomResource deletion is in progress"
    return _terminating(definition, _condition("Terminating", "InstanceDeletionInProgress", text, now))


def _terminating(definition: Object, condition: Object) -> Object:
    status = definition.get("status") or {}
    others = [each for each in status.get("conditions") or () if each["type"] != "Terminating"]
    return {**status, "conditions": [*others, condition]}
