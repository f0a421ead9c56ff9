"""Objects that tests send."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def config_map(name: str = "a", namespace: str = "", **data: str) -> Obj:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(name: str = "web", image: str = "nginx:1", namespace: str = "", **spec: Any) -> Obj:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }
    metadata = {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})}
    body = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": body}


def pod(name: str = "p", namespace: str = "", node: str = "", **labels: str) -> Obj:
    metadata = {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})}
    spec = {
        "containers": [{"name": "main", "image": "nginx:1"}],
        **({"nodeName": node} if node else {}),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def service(name: str = "svc", namespace: str = "", **spec: Any) -> Obj:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    body = {"selector": {"app": name}, "ports": [{"port": 80, "name": "http"}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body}


def definition(
    plural: str = "things", group: str = "example.com", *, names: Obj | None = None
) -> Obj:
    """A CRD with a status subresource, a default, an enum, a keyed list and a printer column."""
    conditions = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
        },
    }
    spec = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 9},
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        },
    }
    schema = {
        "type": "object",
        "properties": {
            "spec": spec,
            "status": {"type": "object", "properties": {"conditions": conditions}},
        },
    }
    column = {
        "name": "Ready",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            column,
        ],
    }
    old = {**version, "name": "v1beta1", "storage": False}
    kind = {"plural": plural, "kind": "Thing", "shortNames": ["th"], **(names or {})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": kind, "scope": "Namespaced", "versions": [version, old]},
    }


def thing(name: str = "t", group: str = "example.com", **spec: Any) -> Obj:
    return {
        "apiVersion": f"{group}/v1",
        "kind": "Thing",
        "metadata": {"name": name},
        "spec": {"size": 3, **spec},
    }
