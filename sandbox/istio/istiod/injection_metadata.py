"""The labels and annotations of an injected pod, and how its metrics are scraped."""

from __future__ import annotations

import json

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration


def build_default_annotations(app: str, mesh: MeshConfiguration) -> dict[str, str]:
    """Build the annotations that a pod gets unless it has its own; `app` is its first container."""
    result = {f"kubectl.kubernetes.io/default-{kind}container": app for kind in ("", "logs-")}
    if mesh.uses_cni:
        traffic = "traffic.sidecar.istio.io/"
        result |= {
            "sidecar.istio.io/interceptionMode": "REDIRECT",
            f"{traffic}excludeInboundPorts": "15020",
        }
        result |= {f"{traffic}includeInboundPorts": "*", f"{traffic}includeOutboundIPRanges": "*"}
    return result


def _has_merged_metrics(annotations: dict[str, str], mesh: MeshConfiguration) -> bool:
    own = annotations.get("prometheus.istio.io/merge-metrics")
    wanted = own != "false" if own else mesh.merges_metrics
    return wanted and annotations.get("prometheus.io/scrape", "true") != "false"


def build_scrape_annotations(
    annotations: dict[str, str], mesh: MeshConfiguration
) -> dict[str, str]:
    """Build the annotations by which Prometheus scrapes the proxy instead of the application.

    The proxy then asks the application itself (metrics merging).
    """
    if not _has_merged_metrics(annotations, mesh):
        return {}
    return {
        "prometheus.io/path": "/stats/prometheus",
        "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
    }


def build_scrape_env(annotations: dict[str, str], mesh: MeshConfiguration) -> list[Object]:
    """Build the environment by which the agent scrapes the application as the pod asked for."""
    found = {
        k: annotations[f"prometheus.io/{k}"]
        for k in ("scrape", "path", "port")
        if f"prometheus.io/{k}" in annotations
    }
    if not found or not _has_merged_metrics(annotations, mesh):
        return []
    return [
        {"name": "ISTIO_PROMETHEUS_ANNOTATIONS", "value": json.dumps(found, separators=(",", ":"))}
    ]


def format_injection_status(
    init: str, names: tuple[str, ...], revision: str, *, native: bool
) -> str:
    """Format what was injected: the init container `init`, the sidecar, the volumes `names`."""
    status = {
        "initContainers": [init, "istio-proxy"] if native else [init],
        "containers": None if native else ["istio-proxy"],
        "volumes": list(names),
        "imagePullSecrets": None,
        "revision": revision,
    }
    return json.dumps(status, separators=(",", ":"))


def build_sidecar_labels(
    labels: dict[str, str], workload: str, mesh: MeshConfiguration
) -> dict[str, str]:
    """Build the labels that injection adds: mutual TLS, and the canonical service."""

    def first(*keys: str, default: str) -> str:
        return next((labels[k] for k in keys if labels.get(k)), default)

    canonical = "service.istio.io/canonical-"
    added = {
        "security.istio.io/tlsMode": "istio",
        f"{canonical}name": first(
            f"{canonical}name", "app.kubernetes.io/name", "app", default=workload
        ),
        f"{canonical}revision": first(
            f"{canonical}revision", "app.kubernetes.io/version", "version", default="latest"
        ),
    }
    return added | ({"networking.istio.io/tunnel": "http"} if mesh.uses_hbone else {})
