"""Short ways to write the Kubernetes objects of the samples."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
SYSTEM = "istio-system"
"""The namespace that is written into the addons."""
_RBAC = "rbac.authorization.k8s.io"


def meta(name: str, *, namespace: str = "", labels: dict[str, str] | None = None) -> Object:
    """An object's metadata."""
    result: Object = {"name": name}
    result |= {"namespace": namespace} if namespace else {}
    return result | ({"labels": labels} if labels else {})


def account(name: str, *, namespace: str = "", labels: dict[str, str] | None = None) -> Object:
    """A ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name, namespace=namespace, labels=labels)}


def config_map(name: str, data: dict[str, str], labels: dict[str, str] | None = None) -> Object:
    """A ConfigMap in the system namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(name, namespace=SYSTEM, labels=labels),
        "data": data,
    }


def port(name: str, number: int, target: int | str | None = None, **more: str) -> Object:
    """A Service's port."""
    return {"name": name, "port": number, "targetPort": target or number, "protocol": "TCP", **more}


def service(metadata: Object, selector: dict[str, str], ports: list[Object]) -> Object:
    """A Service of type ClusterIP."""
    spec = {"selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def deployment(metadata: Object, selector: dict[str, str], template: Object, **more: Any) -> Object:
    """A Deployment of one pod."""
    spec = {"replicas": 1, "selector": {"matchLabels": selector}, **more, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def http_probe(path: str, where: int | str, **timing: int) -> Object:
    """A probe over HTTP; timing in seconds and counts."""
    return {"httpGet": {"path": path, "port": where}, **timing}


def volume(name: str, config: str = "", *, optional: bool = False) -> Object:
    """A volume: of a ConfigMap, or empty."""
    if not config:
        return {"name": name, "emptyDir": {}}
    return {"name": name, "configMap": {"name": config, **({"optional": True} if optional else {})}}


def rule(groups: str, resources: str, verbs: str) -> Object:
    """One line of a role; all three as words, the core group as `core`."""
    named = ["" if g == "core" else g for g in groups.split()]
    return {"apiGroups": named, "resources": resources.split(), "verbs": verbs.split()}


def role(name: str, rules: list[Object], labels: dict[str, str], namespace: str = "") -> list[Object]:
    """A role bound to the ServiceAccount of its name's first word; of the whole cluster without `namespace`."""
    kind = "Role" if namespace else "ClusterRole"
    metadata = meta(name, namespace=namespace, labels=labels)
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
