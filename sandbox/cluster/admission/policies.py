"""ValidatingAdmissionPolicies. CEL is not evaluated: the one policy of the workshop is recognised
by its name.

`safe-upgrades.gateway.networking.k8s.io` comes with the Gateway API's standard channel since v1.5.
It refuses CRDs of the Gateway API that are older than v1.5.0 or carry no version, and experimental
ones over standard ones. Other policies are stored and listed, and refuse nothing.
"""

from __future__ import annotations

import re

from sandbox.cluster.api_refusals import forbidden_error
from sandbox.cluster.contract import ApiError, Object, Ref
from sandbox.cluster.operations import AdmissionRequest
from sandbox.cluster.store import Store

_GROUP = "admissionregistration.k8s.io"
_POLICIES = Ref(_GROUP, "validatingadmissionpolicies")
_BINDINGS = Ref(_GROUP, "validatingadmissionpolicybindings")
SAFE_UPGRADES = "safe-upgrades.gateway.networking.k8s.io"
_GATEWAY = "gateway.networking.k8s.io"
_OLD = re.compile(r"v1\.[0-4]\.\d+|v0")


class Policies:
    """Asks the policies that are stored and bound."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def validate(self, review: AdmissionRequest) -> None:
        """Raise ApiError(422) when a bound policy refuses the request."""
        new = review.obj
        if (
            review.target.kind.kind != "CustomResourceDefinition"
            or new is None
            or review.target.subresource
        ):
            return
        if (new.get("spec") or {}).get("group") != _GATEWAY or not (
            binding := self._find_deny_binding()
        ):
            return
        if reason := _find_refusal_reason(new, review.old):
            text = (
                f"ValidatingAdmissionPolicy '{SAFE_UPGRADES}' with binding '{binding}' denied "
                f"request: {reason}"
            )
            raise _build_denial_error(review, text)

    def _find_deny_binding(self) -> str:
        if self._store.get(_POLICIES, "", SAFE_UPGRADES) is None:
            return ""
        for record in self._store.iterate_records(_BINDINGS):
            spec = record.obj.get("spec") or {}
            if spec.get("policyName") == SAFE_UPGRADES and "Deny" in (
                spec.get("validationActions") or ()
            ):
                return str(record.obj["metadata"]["name"])
        return ""


def _build_denial_error(review: AdmissionRequest, text: str) -> ApiError:
    """Return an error named like a forbidden request, with the policy's own code and reason."""
    error = forbidden_error(review.target.kind, review.target.name, text, [{"message": text}])
    return ApiError(422, "Invalid", error.message, error.details)


def _read_annotations(obj: Object | None) -> dict[str, str]:
    return ((obj or {}).get("metadata") or {}).get("annotations") or {}


def _find_refusal_reason(new: Object, old: Object | None) -> str:
    after, before = _read_annotations(new), _read_annotations(old)
    channel = f"{_GATEWAY}/channel"
    remedy = f"Uninstall ValidatingAdmissionPolicy {SAFE_UPGRADES} to install"
    if (
        old is not None
        and after.get(channel) != "standard"
        and before.get(channel) != "experimental"
    ):
        what = "experimental CRDs on top of standard channel CRDs"
        return f"Installing {what} is prohibited by default. {remedy} {what}."
    version = after.get(f"{_GATEWAY}/bundle-version")
    if version is None or _OLD.search(version):
        return (
            f"Installing CRDs with version before v1.5.0 is prohibited by default. {remedy} older "
            f"versions."
        )
    return ""
