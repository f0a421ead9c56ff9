"""The Gateway API's standard channel: its CRDs and, from v1.5 on, their admission policy.

Names, versions, columns, fields and status defaults are those of Gateway API v1.1.0 and
v1.5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.istio.fields import load_schemas

Manifest = dict[str, Any]
GROUP = "gateway.networking.k8s.io"
POLICY = f"safe-upgrades.{GROUP}"

_ACCEPTED = '.status.conditions[?(@.type=="Accepted")].status'
_PROGRAMMED = '.status.conditions[?(@.type=="Programmed")].status'
_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "GatewayClass": (("Controller", ".spec.controllerName"), ("Accepted", _ACCEPTED)),
    "Gateway": (
        ("Class", ".spec.gatewayClassName"),
        ("Address", ".status.addresses[*].value"),
        ("Programmed", _PROGRAMMED),
    ),
    "GRPCRoute": (("Hostnames", ".spec.hostnames"),),
    "HTTPRoute": (("Hostnames", ".spec.hostnames"),),
    "ListenerSet": (("Accepted", _ACCEPTED), ("Programmed", _PROGRAMMED)),
}
_PENDING: Mapping[str, tuple[str, ...]] = {
    "GatewayClass": ("Accepted",),
    "Gateway": ("Accepted", "Programmed"),
    "ListenerSet": ("Accepted", "Programmed"),
}
_DESCRIPTION = (
    {"name": "Description", "type": "string", "jsonPath": ".spec.description", "priority": 1},
)
_SHORT = {
    "BackendTLSPolicy": "btlspolicy",
    "GatewayClass": "gc",
    "Gateway": "gtw",
    "ListenerSet": "lset",
    "ReferenceGrant": "refgrant",
}


@dataclass(frozen=True)
class _Bundle:
    """One release of the channel: kinds with `version[*][!]` (`*` stored, `!` not served)."""

    approval: str
    kinds: Mapping[str, str]
    class_reason: str = "Pending"
    guarded: bool = True


_BUNDLES: Mapping[str, _Bundle] = {
    "v1.1.0": _Bundle(
        approval="https://github.com/kubernetes-sigs/gateway-api/pull/2997",
        kinds={
            "GatewayClass": "v1* v1beta1",
            "Gateway": "v1* v1beta1",
            "GRPCRoute": "v1* v1alpha2!",
            "HTTPRoute": "v1* v1beta1",
            "ReferenceGrant": "v1alpha2! v1beta1*",
        },
        class_reason="Waiting",
        guarded=False,
    ),
    "v1.5.1": _Bundle(
        approval="https://github.com/kubernetes-sigs/gateway-api/pull/4530",
        kinds={
            "BackendTLSPolicy": "v1* v1alpha3!",
            "GatewayClass": "v1* v1beta1",
            "Gateway": "v1* v1beta1",
            "GRPCRoute": "v1*",
            "HTTPRoute": "v1* v1beta1",
            "ListenerSet": "v1*",
            "ReferenceGrant": "v1 v1beta1*",
            "TLSRoute": "v1* v1alpha2! v1alpha3!",
        },
    ),
}


def build_standard_channel(version: str) -> list[Manifest]:
    """Return all objects of a release of the standard channel (`v1.1.0`, `v1.5.1`)."""
    bundle = _BUNDLES[version]
    made = [_build_crd(version, bundle, kind) for kind in bundle.kinds]
    return [*made, *(_build_safe_upgrades_policy(version) if bundle.guarded else [])]


def _derive_plural(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("policy"):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith("ss") else f"{lower}s"


def _build_bundle_annotations(version: str) -> dict[str, str]:
    return {f"{GROUP}/bundle-version": version, f"{GROUP}/channel": "standard"}


def _build_crd(version: str, bundle: _Bundle, kind: str) -> Manifest:
    plural = _derive_plural(kind)
    names: Manifest = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
    }
    names["categories"] = ["gateway-api"]
    if kind in _SHORT:
        names["shortNames"] = [_SHORT[kind]]
    metadata: Manifest = {
        "name": f"{plural}.{GROUP}",
        "annotations": {
            "api-approved.kubernetes.io": bundle.approval,
            **_build_bundle_annotations(version),
        },
    }
    if kind == "BackendTLSPolicy":
        metadata["labels"] = {f"{GROUP}/policy": "Direct"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Cluster" if kind == "GatewayClass" else "Namespaced",
            "versions": [
                _build_crd_version(cell, kind, bundle, load_schemas(f"gateway-api-{version}"))
                for cell in bundle.kinds[kind].split()
            ],
        },
    }


def _build_crd_version(
    cell: str, kind: str, bundle: _Bundle, fields: Mapping[str, Manifest]
) -> Manifest:
    age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    columns = [
        {"name": name, "type": "string", "jsonPath": path} for name, path in _COLUMNS.get(kind, ())
    ]
    made: Manifest = {
        "name": cell.rstrip("*!"),
        "served": not cell.endswith("!"),
        "storage": cell.endswith("*"),
        "schema": {"openAPIV3Schema": _build_schema(kind, bundle, fields)},
        "additionalPrinterColumns": [
            *columns,
            age,
            *(_DESCRIPTION if kind == "GatewayClass" else ()),
        ],
    }
    if kind != "ReferenceGrant":
        made["subresources"] = {"status": {}}
    return made


def _build_schema(kind: str, bundle: _Bundle, fields: Mapping[str, Manifest]) -> Manifest:
    free: Manifest = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    status = dict(free)
    if kind in _PENDING:
        reason = bundle.class_reason if kind == "GatewayClass" else "Pending"
        status["default"] = {
            "conditions": [_build_pending_condition(name, reason) for name in _PENDING[kind]]
        }
    listed = _build_conditions_schema()
    if kind in _PENDING:
        status["properties"] = {"conditions": listed}
    spec = fields[f"{kind}.{GROUP}"]
    schema: Manifest = {"type": "object", "properties": {"spec": spec, "status": status}}
    return schema if kind == "ReferenceGrant" else {**schema, "required": ["spec"]}


def _build_conditions_schema() -> Manifest:
    """Build the schema of conditions.

    They are a list keyed by type, so that each can have its own owner.
    """
    item = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string"}},
        "x-kubernetes-preserve-unknown-fields": True,
    }
    return {
        "type": "array",
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }


def _build_pending_condition(name: str, reason: str) -> Manifest:
    return {
        "type": name,
        "status": "Unknown",
        "reason": reason,
        "message": "Waiting for controller",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }


def _build_safe_upgrades_policy(version: str) -> list[Manifest]:
    """Build the policy that refuses older and experimental CRDs, and its binding."""
    marks = f"object.metadata.?annotations['{GROUP}/{{}}'].orValue('')"
    ours = f"object.spec.group != '{GROUP}'"
    channel, bundle = marks.format("channel"), marks.format("bundle-version")
    undo = f"Uninstall ValidatingAdmissionPolicy {POLICY} to install"
    experimental = "experimental CRDs on top of standard channel CRDs"
    rules = [
        {
            "expression": f"{ours} || oldObject == null || {channel} == 'standard'",
            "message": f"Installing {experimental} is prohibited by default. {undo} {experimental}.",  # noqa: E501
            "reason": "Invalid",
        },
        {
            "expression": f"{ours} || ({bundle} != '' && !{bundle}.matches('^v(0|1[.][0-4][.])'))",
            "message": f"Installing CRDs with version before v1.5.0 is prohibited by default. "
            f"{undo} older versions.",
            "reason": "Invalid",
        },
    ]
    matched = {
        "apiGroups": ["apiextensions.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["customresourcedefinitions"],
    }
    api, metadata = (
        "admissionregistration.k8s.io/v1",
        {"name": POLICY, "annotations": _build_bundle_annotations(version)},
    )
    constraints = {"resourceRules": [matched]}
    policy = {"failurePolicy": "Fail", "matchConstraints": constraints, "validations": rules}
    binding = {"policyName": POLICY, "validationActions": ["Deny"], "matchResources": constraints}
    return [
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata,
            "spec": policy,
        },
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": binding,
        },
    ]
