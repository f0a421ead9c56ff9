"""The webhooks of a control plane: injection, validation, and the `default` tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.istio.components.common import (
    NOT_PRUNED,
    InstallSettings,
    Manifest,
    build_labels,
    build_manifest,
    build_owner_labels,
)

ADMISSION = "admissionregistration.k8s.io/v1"
NEVER_MATCH = {"matchLabels": {"istio.io/deactivated": "never-match"}}
"""The selector that switches a webhook off without deleting it."""

_IN, _NOT_IN, _MISSING = "In", "NotIn", "DoesNotExist"
_INJECT, _REV, _NAMESPACE = "sidecar.istio.io/inject", "istio.io/rev", "istio-injection"


def _build_label_selector(*rows: tuple[str, str, str]) -> Manifest:
    return {
        "matchExpressions": [
            {"key": key, "operator": operator, **({"values": [value]} if value else {})}
            for key, operator, value in rows
        ]
    }


def _build_injection_webhooks(settings: InstallSettings, tag: str) -> list[Manifest]:
    """Build the four injection webhooks (with a revision and no tag: two)."""
    wanted, free = (_INJECT, _NOT_IN, "false"), (_NAMESPACE, _MISSING, "")
    rows = [
        (
            "rev.namespace",
            _build_label_selector((_REV, _IN, tag), free),
            _build_label_selector(wanted),
        ),
        (
            "rev.object",
            _build_label_selector((_REV, _MISSING, ""), free),
            _build_label_selector(wanted, (_REV, _IN, tag)),
        ),
    ]
    if tag == "default":
        unlabelled = _build_label_selector(free, (_REV, _MISSING, ""))
        rows += [
            (
                "namespace",
                _build_label_selector((_NAMESPACE, _IN, "enabled")),
                _build_label_selector(wanted),
            ),
            (
                "object",
                unlabelled,
                _build_label_selector((_INJECT, _IN, "true"), (_REV, _MISSING, "")),
            ),
        ]
    rule = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
    }
    return [
        {
            "name": f"{name}.sidecar-injector.istio.io",
            "clientConfig": {"service": _build_service_reference(settings, "/inject")},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "reinvocationPolicy": str(
                settings.get("sidecarInjectorWebhook.reinvocationPolicy", "Never")
            ),
            "rules": [rule],
            "namespaceSelector": namespaces,
            "objectSelector": objects,
        }
        for name, namespaces, objects in rows
    ]


def _build_service_reference(settings: InstallSettings, path: str) -> Manifest:
    return {
        "name": f"istiod{settings.revision_suffix}",
        "namespace": settings.namespace,
        "path": path,
        "port": 443,
    }


def _build_validation_webhook(settings: InstallSettings, name: str, selector: Manifest) -> Manifest:
    groups = [
        "security.istio.io",
        "networking.istio.io",
        "telemetry.istio.io",
        "extensions.istio.io",
    ]
    rule = {
        "operations": ["CREATE", "UPDATE"],
        "apiGroups": groups,
        "apiVersions": ["*"],
        "resources": ["*"],
    }
    return {
        "name": name,
        "clientConfig": {"service": _build_service_reference(settings, "/validate")},
        "rules": [rule],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "objectSelector": selector,
    }


def build_injector(settings: InstallSettings) -> Manifest:
    """Build the revision's own injector."""
    own = build_labels(
        settings,
        "istiod",
        "istiod",
        app="sidecar-injector",
        **build_owner_labels(settings, "Pilot"),
    )
    name = f"istio-sidecar-injector{settings.revision_suffix}"
    return build_manifest(
        ADMISSION,
        "MutatingWebhookConfiguration",
        name,
        own,
        webhooks=_build_injection_webhooks(settings, settings.revision or "default"),
    )


def build_validator(settings: InstallSettings) -> Manifest:
    """Build the revision's own validator; istiod turns `Ignore` into `Fail` once it serves."""
    revision = settings.revision or "default"
    own = build_labels(
        settings, "istiod", "istiod", app="istiod", istio="istiod", rev=revision, release="istio"
    )
    hook = _build_validation_webhook(
        settings, "rev.validation.istio.io", _build_label_selector((_REV, _IN, revision))
    )
    name = f"istio-validator{settings.revision_suffix}-{settings.namespace}"
    return build_manifest(ADMISSION, "ValidatingWebhookConfiguration", name, own, webhooks=[hook])


def build_tag_labels(settings: InstallSettings, component: str = "Pilot") -> dict[str, str]:
    """Build the labels of the tag's objects; one of them excludes the objects from pruning."""
    made = build_owner_labels(settings, component)
    return {**made, "tag": "default", NOT_PRUNED: "true"}


def build_default_tag(
    settings: InstallSettings, bundle: str, failing: Mapping[str, bool]
) -> list[Manifest]:
    """Build the default tag's webhooks.

    `bundle` is the CA bundle that istiod has put into the revision's injector ("" before
    that); `failing` names validators that istiod has already set to `Fail`: their policy
    is left to it.
    """
    own = build_labels(
        settings, "istiod", "istiod", app="sidecar-injector", **build_tag_labels(settings)
    )
    hooks = [
        _add_ca_bundle(hook, bundle) for hook in _build_injection_webhooks(settings, "default")
    ]
    checks = _add_ca_bundle(
        _build_validation_webhook(
            settings, "validation.istio.io", _build_label_selector((_REV, _MISSING, ""))
        ),
        bundle,
    )
    if failing.get(checks["name"]):
        checks.pop("failurePolicy")
    theirs = build_labels(
        settings, "istiod", "istiod", app="istiod", istio="istiod", **build_tag_labels(settings)
    )
    return [
        build_manifest(
            ADMISSION,
            "MutatingWebhookConfiguration",
            "istio-revision-tag-default",
            own,
            webhooks=hooks,
        ),
        build_manifest(
            ADMISSION,
            "ValidatingWebhookConfiguration",
            "istiod-default-validator",
            theirs,
            webhooks=[checks],
        ),
    ]


def _add_ca_bundle(hook: Manifest, bundle: str) -> Manifest:
    config: dict[str, Any] = dict(hook["clientConfig"])
    if bundle:
        config["caBundle"] = bundle
    return {**hook, "clientConfig": config}
