"""Access to the API server, found as kubectl finds it.

It comes from kubeconfig files or from the pod's ServiceAccount.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.istio.istioctl_errors import CtlError
from sandbox.yaml_text import read_yaml

_SECRETS = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class ClusterAccess:
    """The address of the API server and the credentials for it."""

    server: str
    namespace: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None


def load_cluster_access(kubeconfig: str, context: str) -> ClusterAccess:
    """Read the kubeconfig and return the access of its context.

    It is looked for in the flag, $KUBECONFIG, ~/.kube/config, then the pod's
    ServiceAccount. Raises CtlError.
    """
    names = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    paths = [Path(name) for name in names if name] or _find_home_config()
    found = [path for path in paths if path.exists()]
    if kubeconfig and not found:
        raise CtlError(f"failed to setup client: stat {kubeconfig}: no such file or directory")
    if not found:
        return _load_in_cluster_access()
    merged: dict[str, dict[str, Any]] = {"clusters": {}, "contexts": {}, "users": {}}
    current = ""
    for path in found:
        named = _merge_config_file(path, merged)
        current = current or named
    chosen = context or current
    if chosen not in merged["contexts"]:
        if not chosen and not merged["contexts"]:
            return ClusterAccess("http://localhost:8080")
        raise CtlError(f'failed to setup client: context "{chosen}" does not exist')
    where = merged["contexts"][chosen]
    cluster, user = (
        merged["clusters"].get(where.get("cluster"), {}),
        merged["users"].get(where.get("user"), {}),
    )
    return ClusterAccess(
        cluster.get("server", ""),
        where.get("namespace", ""),
        _build_auth_headers(user),
        _build_ssl_context(cluster, user),
    )


def _find_home_config() -> list[Path]:
    """Return the kubeconfig in the home directory; none for a user without one."""
    try:
        return [Path.home() / ".kube" / "config"]
    except RuntimeError:
        return []


def _merge_config_file(path: Path, merged: dict[str, dict[str, Any]]) -> str:
    try:
        config = read_yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise CtlError(
            f"failed to setup client: error loading config file {path}: {error}"
        ) from error
    for kind, single in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
        for entry in config.get(kind) or []:
            merged[kind].setdefault(
                entry["name"], _resolve_file_paths(entry.get(single) or {}, path)
            )
    return str(config.get("current-context") or "")


def _resolve_file_paths(entry: dict[str, Any], path: Path) -> dict[str, Any]:
    files = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
    return {
        key: str(path.parent / value) if key in files and value else value
        for key, value in entry.items()
    }


def _build_auth_headers(user: Mapping[str, Any]) -> dict[str, str]:
    token = user.get("token") or (
        Path(user["tokenFile"]).read_text(encoding="utf-8").strip() if user.get("tokenFile") else ""
    )
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    return {}


def _build_ssl_context(
    cluster: Mapping[str, Any], user: Mapping[str, Any]
) -> ssl.SSLContext | None:
    if not str(cluster.get("server", "")).startswith("https"):
        return None
    authority = base64.b64decode(cluster.get("certificate-authority-data", "")).decode() or None
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"), cadata=authority
    )
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if user.get("client-certificate"):
        context.load_cert_chain(user["client-certificate"], user.get("client-key"))
    elif user.get("client-certificate-data"):
        with tempfile.TemporaryDirectory() as place:
            files = {"certificate": Path(place) / "certificate", "key": Path(place) / "key"}
            for name, file in files.items():
                file.write_bytes(base64.b64decode(user[f"client-{name}-data"]))
            context.load_cert_chain(files["certificate"], files["key"])
    return context


def _load_in_cluster_access() -> ClusterAccess:
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if not host:
        return ClusterAccess("http://localhost:8080")
    token = (_SECRETS / "token").read_text(encoding="utf-8").strip()
    context = ssl.create_default_context(cafile=str(_SECRETS / "ca.crt"))
    server = f"https://{host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
    namespace = (_SECRETS / "namespace").read_text(encoding="utf-8").strip()
    return ClusterAccess(server, namespace, {"Authorization": f"Bearer {token}"}, context)
