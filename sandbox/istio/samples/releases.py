"""Differences between the releases' sample files: images, charts, API versions."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SampleRelease:
    """One release's samples (Istio 1.23.2 and 1.30.3, as recorded)."""

    release: tuple[int, int]
    bookinfo_image: str
    """With `{}` for the service, e.g. `details-v1`."""
    gateway_api: str
    helm_label: bool
    """Whether the addons carry `app.kubernetes.io/managed-by: Helm`."""
    prometheus: str
    prometheus_chart: str
    prometheus_image: str
    reloader: str
    grafana: str
    grafana_chart: str
    grafana_full_pod_labels: bool
    jaeger_image: str
    jaeger_v2: bool
    """Jaeger 2 is configured by a file, Jaeger 1 by its environment."""
    jaeger_metrics: str
    jaeger_health: tuple[str, int]
    kiali: str
    kiali_image: str
    kiali_checksum: str
    kiali_startup_seconds: int
    """Seconds before Kiali's first probe; before that it is never ready."""
    kiali_control_plane_role: bool


SAMPLES_1_23 = SampleRelease(
    release=(1, 23),
    bookinfo_image="docker.io/istio/examples-bookinfo-{}:1.20.1",
    gateway_api="gateway.networking.k8s.io/v1beta1",
    helm_label=True,
    prometheus="v2.52.0",
    prometheus_chart="prometheus-25.21.0",
    prometheus_image="prom/prometheus:v2.52.0",
    reloader="ghcr.io/prometheus-operator/prometheus-config-reloader:v0.73.2",
    grafana="11.0.0",
    grafana_chart="grafana-8.0.1",
    grafana_full_pod_labels=False,
    jaeger_image="docker.io/jaegertracing/all-in-one:1.58",
    jaeger_v2=False,
    jaeger_metrics="14269",
    jaeger_health=("/", 14269),
    kiali="v1.87.0",
    kiali_image="quay.io/kiali/kiali:v1.87",
    kiali_checksum="12d7579aa3de1df2ebb8812a826d78d94a8fd2e4a20b51a64dab57151bc28902",
    kiali_startup_seconds=0,
    kiali_control_plane_role=True,
)
SAMPLES_1_30 = SampleRelease(
    release=(1, 30),
    bookinfo_image="registry.istio.io/release/examples-bookinfo-{}:1.20.3",
    gateway_api="gateway.networking.k8s.io/v1",
    helm_label=False,
    prometheus="v3.10.0",
    prometheus_chart="prometheus-28.13.0",
    prometheus_image="docker.io/prom/prometheus:v3.10.0",
    reloader="ghcr.io/prometheus-operator/prometheus-config-reloader:v0.89.0",
    grafana="12.0.1",
    grafana_chart="grafana-9.2.2",
    grafana_full_pod_labels=True,
    jaeger_image="docker.io/jaegertracing/jaeger:2.14.0",
    jaeger_v2=True,
    jaeger_metrics="8888",
    jaeger_health=("/status", 13133),
    kiali="v2.26.0",
    kiali_image="quay.io/kiali/kiali:v2.26",
    kiali_checksum="8a55b65b9aead63626b643429cd55cc21987fd79cb553b9ad95a718cb14064e2",
    kiali_startup_seconds=30,
    kiali_control_plane_role=False,
)
_KNOWN = (SAMPLES_1_23, SAMPLES_1_30)


def get_sample_release(version: str) -> SampleRelease:
    """Return the samples of a version such as `1.30.3`.

    An unknown version gets those of the newest known release before it, else of the
    oldest.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    wanted = (int(found[1]), int(found[2])) if found else _KNOWN[-1].release
    return next((known for known in reversed(_KNOWN) if known.release <= wanted), _KNOWN[0])
