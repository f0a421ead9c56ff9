"""Kubernetes' own admission plugins for a new pod, run before any webhook sees it.

As the 1.36 plugins ServiceAccount, DefaultTolerationSeconds and Priority do.
"""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.cluster.contract import Object

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


def generate_name_suffix(length: int = 5) -> str:
    """Return random letters as Kubernetes uses them for generated names."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def complete_pod(pod: Object, *, account: Object | None) -> None:
    """Add to a new pod (changed in place) what Kubernetes' own admission adds.

    `account` is its service account, if that exists.
    """
    spec: dict[str, Any] = pod["spec"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    if _needs_token_mount(spec, account):
        _mount_token(spec)
    _add_default_tolerations(spec)
    spec.setdefault("priority", PRIORITIES.get(spec.get("priorityClassName", ""), 0))
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    secrets_ = (account or {}).get("imagePullSecrets")
    if secrets_ and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(each) for each in secrets_]


def _needs_token_mount(spec: dict[str, Any], account: Object | None) -> bool:
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = (account or {}).get("automountServiceAccountToken", True)
    return bool(wanted)


def _mount_token(spec: dict[str, Any]) -> None:
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    without = [
        each
        for each in containers
        if _MOUNT not in {m.get("mountPath") for m in each.get("volumeMounts") or ()}
    ]
    volumes = spec.setdefault("volumes", [])
    if not without or any(
        str(volume.get("name", "")).startswith("kube-api-access-") for volume in volumes
    ):
        return
    name = f"kube-api-access-{generate_name_suffix()}"
    for container in without:
        mounts = container.setdefault("volumeMounts", [])
        mounts.append({"mountPath": _MOUNT, "name": name, "readOnly": True})
    volumes.append(
        {"name": name, "projected": {"defaultMode": 0o644, "sources": _list_token_sources()}}
    )


def _list_token_sources() -> list[Object]:
    root = {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}
    namespace = {
        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
        "path": "namespace",
    }
    return [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": root},
        {"downwardAPI": {"items": [namespace]}},
    ]


def _add_default_tolerations(spec: dict[str, Any]) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for taint in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_has_toleration(each, taint) for each in tolerations):
            entry = {
                "effect": "NoExecute",
                "key": taint,
                "operator": "Exists",
                "tolerationSeconds": 300,
            }
            tolerations.append(entry)


def _has_toleration(toleration: dict[str, Any], taint: str) -> bool:
    return toleration.get("key") in (taint, None, "") and toleration.get("effect") in (
        "NoExecute",
        None,
        "",
    )
