"""The webhooks of a control plane: injection, validation, and the `default` tag that `istioctl` puts beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.istio.components.common import NOT_PRUNED, Manifest, Settings, labels, manifest, owned

ADMISSION = "admissionregistration.k8s.io/v1"
NEVER_MATCH = {"matchLabels": {"istio.io/deactivated": "never-match"}}
"""The selector that switches a webhook off without deleting it."""

_IN, _NOT_IN, _MISSING = "In", "NotIn", "DoesNotExist"
_INJECT, _REV, _NAMESPACE = "sidecar.istio.io/inject", "istio.io/rev", "istio-injection"


def _matches(*rows: tuple[str, str, str]) -> Manifest:
    return {
        "matchExpressions": [
            {"key": key, "operator": operator, **({"values": [value]} if value else {})}
            for key, operator, value in rows
        ]
    }


def _injection(settings: Settings, tag: str) -> list[Manifest]:
    """The four (with a revision and no tag: two) injection webhooks and what they select."""
    wanted, free = (_INJECT, _NOT_IN, "false"), (_NAMESPACE, _MISSING, "")
    rows = [
        ("rev.namespace", _matches((_REV, _IN, tag), free), _matches(wanted)),
        ("rev.object", _matches((_REV, _MISSING, ""), free), _matches(wanted, (_REV, _IN, tag))),
    ]
    if tag == "default":
        unlabelled = _matches(free, (_REV, _MISSING, ""))
        rows += [
            ("namespace", _matches((_NAMESPACE, _IN, "enabled")), _matches(wanted)),
            ("object", unlabelled, _matches((_INJECT, _IN, "true"), (_REV, _MISSING, ""))),
        ]
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    return [
        {
            "name": f"{name}.sidecar-injector.istio.io",
            "clientConfig": {"service": _service(settings, "/inject")},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "reinvocationPolicy": str(settings.get("sidecarInjectorWebhook.reinvocationPolicy", "Never")),
            "rules": [rule],
            "namespaceSelector": namespaces,
            "objectSelector": objects,
        }
        for name, namespaces, objects in rows
    ]


def _service(settings: Settings, path: str) -> Manifest:
    return {"name": f"istiod{settings.dashed}", "namespace": settings.namespace, "path": path, "port": 443}


def _validation(settings: Settings, name: str, selector: Manifest) -> Manifest:
    groups = ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"]
    rule = {"operations": ["CREATE", "UPDATE"], "apiGroups": groups, "apiVersions": ["*"], "resources": ["*"]}
    return {
        "name": name,
        "clientConfig": {"service": _service(settings, "/validate")},
        "rules": [rule],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "objectSelector": selector,
    }


def injector(settings: Settings) -> Manifest:
    """The revision's own injector."""
    own = labels(settings, "istiod", "istiod", app="sidecar-injector", **owned(settings, "Pilot"))
    name = f"istio-sidecar-injector{settings.dashed}"
    return manifest(
        ADMISSION,
        "MutatingWebhookConfiguration",
        name,
        own,
        webhooks=_injection(settings, settings.revision or "default"),
    )


def validator(settings: Settings) -> Manifest:
    """The revision's own validator; istiod turns `Ignore` into `Fail` once it serves."""
    revision = settings.revision or "default"
    own = labels(settings, "istiod", "istiod", app="istiod", istio="istiod", rev=revision, release="istio")
    hook = _validation(settings, "rev.validation.istio.io", _matches((_REV, _IN, revision)))
    name = f"istio-validator{settings.dashed}-{settings.namespace}"
    return manifest(ADMISSION, "ValidatingWebhookConfiguration", name, own, webhooks=[hook])


def tag_labels(settings: Settings, component: str = "Pilot") -> dict[str, str]:
    """What marks the tag's objects: the tag, and that pruning spares them."""
    made = owned(settings, component)
    return {**made, "tag": "default", NOT_PRUNED: "true"}


def default_tag(settings: Settings, bundle: str, failing: Mapping[str, bool]) -> list[Manifest]:
    """The default tag's webhooks.

    `bundle` is the CA bundle that istiod has put into the revision's injector ("" before that); `failing` names
    validators that istiod has already set to `Fail`: their policy is left to it.
    """
    own = labels(settings, "istiod", "istiod", app="sidecar-injector", **tag_labels(settings))
    hooks = [_bundled(hook, bundle) for hook in _injection(settings, "default")]
    checks = _bundled(_validation(settings, "validation.istio.io", _matches((_REV, _MISSING, ""))), bundle)
    if failing.get(checks["name"]):
        checks.pop("failurePolicy")
    theirs = labels(settings, "istiod", "istiod", app="istiod", istio="istiod", **tag_labels(settings))
    return [
        manifest(ADMISSION, "MutatingWebhookConfiguration", "istio-revision-tag-default", own, webhooks=hooks),
        manifest(ADMISSION, "ValidatingWebhookConfiguration", "istiod-default-validator", theirs, webhooks=[checks]),
    ]


def _bundled(hook: Manifest, bundle: str) -> Manifest:
    config: dict[str, Any] = dict(hook["clientConfig"])
    if bundle:
        config["caBundle"] = bundle
    return {**hook, "clientConfig": config}
