"""The state of a live cluster in the terms of the recordings, read over its API."""

from __future__ import annotations

import re
from typing import Any

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.kube import KubeClient, Object
from tests.contract.recordings.recorded import Facets, State

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_GENERATED = ("controller-revision-hash", "kubectl.kubernetes.io/restartedAt", "pod-template-hash")
_KINDS = (
    ("v1", "Namespace ConfigMap Pod Secret Service ServiceAccount"),
    ("apps/v1", "DaemonSet Deployment ReplicaSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy "
        "ValidatingAdmissionPolicyBinding",
    ),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("gateway.networking.k8s.io/v1", "Gateway GatewayClass HTTPRoute"),
    ("networking.istio.io/v1", "DestinationRule VirtualService"),
)
_NAMELESS = ("Pod", "ReplicaSet", "EndpointSlice")
_BARE = ("ReplicaSet", "EndpointSlice")
_CONDITIONED = ("CustomResourceDefinition", "Deployment", "Gateway", "GatewayClass")


def objects(kube: KubeClient) -> list[Object]:
    """Everything of the kinds that the recordings speak of."""
    return [
        obj
        for api, kinds in _KINDS
        for kind in kinds.split()
        for obj in kube.list_objects(api, kind)
    ]


def state(found: list[Object], before: frozenset[str]) -> State:
    """The state, without what was there `before` (uids) and what every namespace has anyway."""
    made: State = {}
    for obj in sorted(found, key=lambda o: str(o["metadata"].get("creationTimestamp"))):
        metadata = obj["metadata"]
        if metadata["uid"] in before or metadata["name"] == "kube-root-ca.crt":
            continue
        if metadata.get("namespace", "").startswith("kube-"):
            continue  # nobody wrote down what became of the system's own namespaces
        key = name_of(obj)
        made[key] = (made.get(key, (0, {}))[0] + 1, facets(obj))
    return made


def name_of(obj: Object) -> str:
    """The object as the recordings name it: `group/Kind namespace/name`, generated endings as `…`."""
    metadata, group = obj["metadata"], obj["apiVersion"].rpartition("/")[0]
    name = metadata["name"]
    if obj["kind"] in _NAMELESS and metadata.get("ownerReferences"):
        name = _ended(obj)
    inside = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{group}/{obj['kind']} {inside}{name}" if group else f"{obj['kind']} {inside}{name}"


def _ended(obj: Object) -> str:
    metadata, owner = obj["metadata"], obj["metadata"]["ownerReferences"][0]
    base = str(owner["name"])
    if obj["kind"] == "Pod" and owner["kind"] == "ReplicaSet":
        base = base.rpartition("-")[0]
    return f"{base}-…" if metadata["name"].startswith(base) else str(metadata["name"])


def facets(obj: Object) -> Facets:
    """What the recordings note about an object of this kind."""
    kind = obj["kind"]
    if kind in _BARE:
        return {}
    made: Facets = {"labels": _texts(obj["metadata"].get("labels"))}
    if kind != "Pod":
        made["managers"] = _managers(obj)
    if kind in ("Pod", "Service", "Gateway"):
        made["annotations"] = _texts(obj["metadata"].get("annotations"))
    if kind in _CONDITIONED:
        made["conditions"] = sorted(_condition(c) for c in get_nested(obj, "status.conditions", []))
    return {**made, **_own(obj)}


def _texts(found: dict[str, str] | None) -> dict[str, str]:
    kept = {
        k: v
        for k, v in (found or {}).items()
        if k != _LAST_APPLIED and not k.startswith("realcluster.test")
    }
    return {k: "…" if k in _GENERATED else v for k, v in kept.items()}


def _managers(obj: Object) -> list[str]:
    entries = obj["metadata"].get("managedFields", [])
    return sorted(
        {
            "/".join(filter(None, (f"{e['manager']}:{e['operation']}", e.get("subresource"))))
            for e in entries
        }
    )


def _condition(condition: Object) -> str:
    return f"{condition['type']}={condition['status']}:{condition.get('reason', '')}"


def _own(obj: Object) -> Facets:
    kind, spec = obj["kind"], obj.get("spec", {})
    if kind == "Pod":
        init = [
            c["name"] + ("(sidecar)" if c.get("restartPolicy") else "")
            for c in spec.get("initContainers", [])
        ]
        return {"containers": [c["name"] for c in spec["containers"]], "init": init}
    if kind in ("Deployment", "DaemonSet"):
        return {"images": [c["image"] for c in get_nested(spec, "template.spec.containers", [])]}
    if kind == "Service":
        ports = [f"{p.get('name', '')}:{p['port']}" for p in spec.get("ports", [])]
        return {"ports": ports, "type": spec.get("type", "ClusterIP")}
    if kind.endswith("WebhookConfiguration"):
        return {
            "webhooks": [
                f"{w['name']} failurePolicy={w.get('failurePolicy')}"
                for w in obj.get("webhooks", [])
            ]
        }
    if kind == "HTTPRoute":
        return {"parents": [_parent(parent) for parent in get_nested(obj, "status.parents", [])]}
    mesh = get_nested(obj, "data", {}).get("mesh") if kind == "ConfigMap" else None
    return {"mesh": mesh} if mesh else {}


def _parent(parent: Any) -> list[str]:
    conditions = sorted(_condition(c) for c in parent.get("conditions", []))
    return [parent["parentRef"]["name"], *conditions]


def line(text: str) -> str:
    """A printed line with generated names and times as the recordings write them."""
    text = text.rstrip()
    if "Pod" in text:
        text = re.sub(r"-[a-z0-9]{6,10}-[a-z0-9]{5}\b", "-…", text)
    return re.sub(r"\b\d+m?s$", "…s", text)
