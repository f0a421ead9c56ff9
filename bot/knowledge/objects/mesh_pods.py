"""Membership of pods in the mesh, by their annotations: sidecar, or capture by ztunnel."""

from __future__ import annotations

from bot.kinds import Object


def is_captured(pod: Object) -> bool:
    """Tell whether ztunnel captures a pod's traffic."""
    return (pod["metadata"].get("annotations") or {}).get(
        "ambient.istio.io/redirection"
    ) == "enabled"


def has_sidecar(pod: Object) -> bool:
    """Tell whether a pod was injected, native sidecars too."""
    return "sidecar.istio.io/status" in (pod["metadata"].get("annotations") or {})
