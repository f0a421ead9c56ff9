"""Reading the causes from the files beside this one.

A file is a list of causes: `id`, `label`, `expect`, `needs`, and `changes`, each of which is one of

    patch: TYPE/NAME     with merge: {…}, json: [operations], text: [{at: …, from: …, to: …}]
    create: {manifest}
    delete: TYPE/NAME
    replace: pods
    pause: SECONDS

`text` holds a JSON pointer, a regular expression and a replacement. TYPE is written as kubectl
does (`deployments.apps`). Without a NAME all objects are meant, or those that fit the selector
`where`. They are looked for in the application's namespace, or in the one that `in` names ("" for
objects without a namespace, and for all namespaces).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.cluster.contract import Object, Ref
from sandbox.troubles.causes.model import (
    Cause,
    Change,
    Create,
    Delete,
    Patch,
    Pause,
    Replace,
    Requirement,
    Requirements,
    Target,
)
from sandbox.yaml_text import read_yaml

FOLDER = Path(__file__).parent
SUBJECTS: Mapping[str, str] = {
    "cluster": "Cluster and control plane",
    "application": "Application",
    "sidecars": "Sidecars",
    "exposing": "Exposing",
    "rules": "Rules",
    "security": "Security",
    "observing": "Seeing it",
    "ambient": "Ambient and waypoints",
}
"""Titles of the subjects; a subject's causes stand in the file of its name."""

NAMESPACE_MARK = "$NS"
"""Stands for the application's namespace in the files."""

KINDS: Mapping[str, Ref] = {
    "AuthorizationPolicy": Ref("security.istio.io", "authorizationpolicies"),
    "Deployment": Ref("apps", "deployments"),
    "DestinationRule": Ref("networking.istio.io", "destinationrules"),
    "HTTPRoute": Ref("gateway.networking.k8s.io", "httproutes"),
    "LimitRange": Ref("", "limitranges"),
    "MutatingWebhookConfiguration": Ref(
        "admissionregistration.k8s.io", "mutatingwebhookconfigurations"
    ),
    "NetworkPolicy": Ref("networking.k8s.io", "networkpolicies"),
    "PeerAuthentication": Ref("security.istio.io", "peerauthentications"),
    "ResourceQuota": Ref("", "resourcequotas"),
    "ServiceEntry": Ref("networking.istio.io", "serviceentries"),
    "Sidecar": Ref("networking.istio.io", "sidecars"),
    "Telemetry": Ref("telemetry.istio.io", "telemetries"),
    "VirtualService": Ref("networking.istio.io", "virtualservices"),
}
"""Types of the kinds that are created, beside Gateway, of which there are two."""

CLUSTER_SCOPED = ("MutatingWebhookConfiguration",)


def load_causes(namespace: str) -> tuple[Cause, ...]:
    """Return every cause, in the order of the subjects, for Bookinfo in that namespace.

    Raises ValueError for a mistake in the files.
    """
    return tuple(
        _build_cause(subject, entry, namespace)
        for subject in SUBJECTS
        for entry in _read(subject, namespace)
    )


def load_requirements(namespace: str) -> Requirements:
    """Return what causes can need, by name."""
    return {
        name: Requirement(
            _parse_target(entry["of"], entry, namespace),
            entry["missing"],
            entry.get("annotation", ""),
            bool(entry.get("absent")),
        )
        for name, entry in _read("needs", namespace).items()
    }


def _read(name: str, namespace: str) -> Any:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return read_yaml(text.replace(NAMESPACE_MARK, namespace))


def _build_cause(subject: str, entry: Object, namespace: str) -> Cause:
    changes = tuple(_parse_change(each, namespace) for each in entry["changes"])
    needs = tuple(entry.get("needs", ()))
    return Cause(entry["id"], subject, entry["label"], entry["expect"], needs, changes)


def _parse_change(entry: Object, namespace: str) -> Change:
    verb, of = next(iter(entry.items()))
    if verb == "pause":
        return Pause(float(of))
    if verb == "create":
        return _parse_create(of, namespace)
    target = _parse_target(of, entry, namespace)
    if verb == "patch":
        text = tuple((each["at"], each["from"], each["to"]) for each in entry.get("text", ()))
        return Patch(target, entry.get("merge", {}), tuple(entry.get("json", ())), text)
    if verb == "delete":
        return Delete(target)
    if verb == "replace":
        return Replace(target)
    raise ValueError(f"{verb}: patch, create, delete, replace or pause is expected")


def _parse_create(manifest: Object, namespace: str) -> Create:
    kind, group = manifest["kind"], manifest["apiVersion"].rpartition("/")[0]
    ref = Ref(group, "gateways") if kind == "Gateway" else KINDS[kind]
    if kind not in CLUSTER_SCOPED:
        place = {"namespace": namespace, **manifest["metadata"]}
        manifest = {**manifest, "metadata": place}
    return Create(ref, manifest)


def _parse_target(of: str, entry: Object, namespace: str) -> Target:
    """Return the target of `TYPE/NAME`, with the entry's `in` and `where`."""
    kind, _, name = of.partition("/")
    plural, _, group = kind.partition(".")
    return Target(Ref(group, plural), entry.get("in", namespace), name, entry.get("where", ""))
