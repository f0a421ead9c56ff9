"""Environment variables that istioctl must see where a kubeconfig gets its credentials
from a program (EKS, GKE, AKS).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

PREFIXES = ("AWS_", "AZURE_", "AAD_", "CLOUDSDK_", "GOOGLE_", "GCLOUD_", "OCI_", "DIGITALOCEAN_")
"""Beginnings of the variables by which cloud providers' credential plugins are configured."""

NAMES = frozenset(
    {"HOME", "USER", "USE_GKE_GCLOUD_AUTH_PLUGIN", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}
)


def select_plugin_environment(
    kubeconfigs: Iterable[Path], context: str | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that a credential plugin needs; none when the user of the kubeconfigs,
    which count as one, has no such program. Reads the files.
    """
    config: dict[str, Any] = {"contexts": [], "users": []}
    for path in kubeconfigs:
        read = _read_config(path)
        for name, kept in config.items():
            if isinstance(kept, list) and isinstance(read.get(name), list):
                kept += read[name]
        context = context or read.get("current-context")
    if "exec" not in _find_user(config, str(context)):
        return {}
    return {
        name: value
        for name, value in environment.items()
        if name in NAMES or name.startswith(PREFIXES)
    }


def _read_config(path: Path) -> dict[str, Any]:
    """Return a kubeconfig, empty when it is none: whoever connects with it says what is wrong."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return config if isinstance(config, dict) else {}


def _find_user(config: dict[str, Any], context: str) -> dict[str, Any]:
    name = _find_named(config.get("contexts"), context, "context").get("user")
    return _find_named(config.get("users"), str(name), "user")


def _find_named(items: Any, name: str, key: str) -> dict[str, Any]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("name") == name and isinstance(item.get(key), dict):
            found: dict[str, Any] = item[key]
            return found
    return {}
