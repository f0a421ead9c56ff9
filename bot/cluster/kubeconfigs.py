"""A kubeconfig of one context that acts as someone else, for programs that find the cluster by a kubeconfig.

`istioctl` has flags for impersonation only in newer releases; `as` and `as-groups` in a kubeconfig's user work in all
of them, for they are read by Kubernetes' own client library.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.errors import SettingsError
from bot.ports import Identity

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's own credentials."""

FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Entries that name a file, which may be relative to the kubeconfig's place."""

Config = dict[str, Any]


def chosen(kubeconfig: Path | None, context: str | None, *, in_cluster: bool) -> Config:
    """Cluster and user of the context that is meant, with whole paths; reads the disk. SettingsError when it is not
    there."""
    if in_cluster:
        return inside(os.environ)
    place = str(kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    found: dict[str, dict[str, Config]] = {"clusters": {}, "contexts": {}, "users": {}}
    current = ""
    for path in filter(None, place.split(os.pathsep)):
        current = current or _collect(Path(path).expanduser(), found)
    wanted = found["contexts"].get(context or current)
    if wanted is None:
        raise SettingsError(f"kubeconfig: there is no context {context or current!r} in {place}")
    return {
        "cluster": found["clusters"].get(wanted.get("cluster", ""), {}),
        "user": found["users"].get(wanted.get("user", ""), {}),
        "namespace": wanted.get("namespace", ""),
    }


def inside(environ: Mapping[str, str]) -> Config:
    """A pod's own cluster and account; the token's file is named, because Kubernetes renews it."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    address = f"[{host}]" if ":" in host else host
    server = {"server": f"https://{address}:{port}", "certificate-authority": str(ACCOUNT / "ca.crt")}
    return {"cluster": server, "user": {"tokenFile": str(ACCOUNT / "token")}, "namespace": ""}


def _collect(path: Path, found: dict[str, dict[str, Config]]) -> str:
    """Adds a file's entries, of which the first of a name counts; gives its current context."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return ""
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"kubeconfig: {path} cannot be read: {type(error).__name__}") from error
    for kind, single in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
        for entry in config.get(kind) or []:
            found[kind].setdefault(entry["name"], _absolute(entry.get(single) or {}, path.absolute().parent))
    return str(config.get("current-context") or "")


def _absolute(entry: Config, folder: Path) -> Config:
    whole = {key: str(folder / value) if key in FILES and value else value for key, value in entry.items()}
    plugin = whole.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        whole["exec"] = {**plugin, "command": str(folder / str(plugin["command"]))}
    return whole


def acting_as(identity: Identity, base: Config) -> Config:
    """A kubeconfig of one context, `meshbot`, in which that user acts as the other."""
    user = {**base["user"], "as": identity.user}
    if identity.groups:
        user["as-groups"] = list(identity.groups)
    context = {"cluster": "meshbot", "user": "meshbot"} | (
        {"namespace": base["namespace"]} if base["namespace"] else {}
    )
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "meshbot", "cluster": base["cluster"]}],
        "users": [{"name": "meshbot", "user": user}],
        "contexts": [{"name": "meshbot", "context": context}],
        "current-context": "meshbot",
    }
