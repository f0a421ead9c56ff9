"""Helpers that build the Kubernetes objects of the samples."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
SYSTEM = "istio-system"
"""The namespace that is written into the addons."""
_RBAC = "rbac.authorization.k8s.io"


def build_metadata(
    name: str, *, namespace: str = "", labels: dict[str, str] | None = None
) -> Object:
    """Build an object's metadata."""
    result: Object = {"name": name}
    result |= {"namespace": namespace} if namespace else {}
    return result | ({"labels": labels} if labels else {})


def build_service_account(
    name: str, *, namespace: str = "", labels: dict[str, str] | None = None
) -> Object:
    """Build a ServiceAccount."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": build_metadata(name, namespace=namespace, labels=labels),
    }


def build_config_map(
    name: str, data: dict[str, str], labels: dict[str, str] | None = None
) -> Object:
    """Build a ConfigMap in the system namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": build_metadata(name, namespace=SYSTEM, labels=labels),
        "data": data,
    }


def build_service_port(
    name: str, number: int, target: int | str | None = None, **more: str
) -> Object:
    """Build a Service's port."""
    return {"name": name, "port": number, "targetPort": target or number, "protocol": "TCP", **more}


def build_service(metadata: Object, selector: dict[str, str], ports: list[Object]) -> Object:
    """Build a Service of type ClusterIP."""
    spec = {"selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def build_deployment(
    metadata: Object, selector: dict[str, str], template: Object, **more: Any
) -> Object:
    """Build a Deployment of one pod."""
    spec = {"replicas": 1, "selector": {"matchLabels": selector}, **more, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def build_http_probe(path: str, where: int | str, **timing: int) -> Object:
    """Build a probe over HTTP; timing in seconds and counts."""
    return {"httpGet": {"path": path, "port": where}, **timing}


def build_volume(name: str, config: str = "", *, optional: bool = False) -> Object:
    """Build a volume: of a ConfigMap, or empty."""
    if not config:
        return {"name": name, "emptyDir": {}}
    return {"name": name, "configMap": {"name": config, **({"optional": True} if optional else {})}}


def build_policy_rule(groups: str, resources: str, verbs: str) -> Object:
    """Build one rule of a role.

    All three are words separated by blanks; the core group is `core`.
    """
    named = ["" if g == "core" else g for g in groups.split()]
    return {"apiGroups": named, "resources": resources.split(), "verbs": verbs.split()}


def build_bound_role(
    name: str, rules: list[Object], labels: dict[str, str], namespace: str = ""
) -> list[Object]:
    """Build a role and its binding to the ServiceAccount of its name's first word.

    It is a ClusterRole where `namespace` is empty.
    """
    kind = "Role" if namespace else "ClusterRole"
    metadata = build_metadata(name, namespace=namespace, labels=labels)
    subject = {"kind": "ServiceAccount", "name": name.split("-")[0], "namespace": SYSTEM}
    reference = {"apiGroup": _RBAC, "kind": kind, "name": name}
    return [
        {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": reference,
            "subjects": [subject],
        },
    ]
