"""The ten installation profiles, and the chart defaults under `values.profile`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.istio.render.chart_values import merge_values
from sandbox.releases.release import IstioRelease

HUB = "docker.io/istio"
"""The image hub the played releases were built with."""

_CPU_MEMORY = {
    "istiod": ("500m", "2048Mi"),
    "proxy": ("100m", "128Mi"),
    "cni": ("100m", "100Mi"),
    "ztunnel": ("200m", "512Mi"),
}


def _build_requests(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}}


def _build_gateway_entry(name: str, enabled: bool) -> dict[str, Any]:
    return {"name": name, "enabled": enabled}


_INGRESS, _EGRESS = "istio-ingressgateway", "istio-egressgateway"
_NO_INGRESS = {"ingressGateways": [_build_gateway_entry(_INGRESS, False)]}
_AMBIENT = {"cni": {"enabled": True}, "ztunnel": {"enabled": True}, **_NO_INGRESS}

BASE: Mapping[str, Any] = {
    "components": {
        "base": {"enabled": True},
        "pilot": {"enabled": True},
        "ingressGateways": [_build_gateway_entry(_INGRESS, True)],
        "egressGateways": [_build_gateway_entry(_EGRESS, False)],
    },
    "values": {
        "defaultRevision": "",
        "global": {"istioNamespace": "istio-system", "configValidation": True},
        "gateways": {_INGRESS: {}, _EGRESS: {}},
    },
}
"""What every profile starts from: the default profile."""

_OVERLAYS: Mapping[str, Mapping[str, Any]] = {
    "ambient": {"components": _AMBIENT, "values": {"profile": "ambient"}},
    "default": {},
    "demo": {
        "components": {"egressGateways": [_build_gateway_entry(_EGRESS, True)]},
        "values": {"profile": "demo"},
    },
    "empty": {
        "components": {"base": {"enabled": False}, "pilot": {"enabled": False}, **_NO_INGRESS}
    },
    "minimal": {"components": _NO_INGRESS},
    "openshift": {
        "components": {"cni": {"enabled": True, "namespace": "kube-system"}},
        "values": {"global": {"platform": "openshift"}},
    },
    "openshift-ambient": {
        "components": {
            "cni": {"enabled": True, "namespace": "kube-system"},
            "ztunnel": {"enabled": True, "namespace": "kube-system"},
            **_NO_INGRESS,
        },
        "values": {"profile": "ambient", "global": {"platform": "openshift"}},
    },
    "preview": {"values": {"profile": "preview"}},
    "remote": {"components": _NO_INGRESS, "values": {"profile": "remote"}},
    "stable": {"values": {"profile": "stable"}},
}
NAMES = tuple(sorted(_OVERLAYS))
"""The profiles' names, as `istioctl profile list` orders them."""

_CHARTS: Mapping[str, Any] = {
    "pilot": {
        "autoscaleEnabled": True,
        "autoscaleMin": 1,
        "autoscaleMax": 5,
        "replicaCount": 1,
        "traceSampling": 1.0,
        "resources": _build_requests(*_CPU_MEMORY["istiod"]),
    },
    "global": {
        "proxy": {
            "image": "proxyv2",
            "resources": {
                **_build_requests(*_CPU_MEMORY["proxy"]),
                "limits": {"cpu": "2000m", "memory": "1024Mi"},
            },
        },
    },
    "cni": {"resources": _build_requests(*_CPU_MEMORY["cni"])},
    "ztunnel": {"resources": _build_requests(*_CPU_MEMORY["ztunnel"])},
}
_DNS_CAPTURE = {"defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}}}
_DEMO_PORTS = [
    {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
    for name, port, target in (
        ("status-port", 15021, 15021),
        ("http2", 80, 8080),
        ("https", 443, 8443),
        ("tcp", 31400, 31400),
        ("tls", 15443, 15443),
    )
]
_SMALL = {"autoscaleEnabled": False, "resources": _build_requests("10m", "40Mi")}
_PROVIDERS: tuple[Mapping[str, Any], ...] = (
    {
        "name": "otel",
        "envoyOtelAls": {
            "service": "opentelemetry-collector.observability.svc.cluster.local",
            "port": 4317,
        },
    },
    {
        "name": "skywalking",
        "skywalking": {"service": "tracing.istio-system.svc.cluster.local", "port": 11800},
    },
    {
        "name": "otel-tracing",
        "opentelemetry": {
            "service": "opentelemetry-collector.observability.svc.cluster.local",
            "port": 4317,
        },
    },
)
_JAEGER = {
    "name": "jaeger",
    "opentelemetry": {"service": "jaeger-collector.istio-system.svc.cluster.local", "port": 4317},
}


def _build_demo_values(release: IstioRelease) -> dict[str, Any]:
    providers = [*_PROVIDERS, *([_JAEGER] if release.charts.chart_labels else [])]
    return {
        "meshConfig": {"accessLogFile": "/dev/stdout", "extensionProviders": providers},
        "pilot": {
            "autoscaleEnabled": False,
            "traceSampling": 100,
            "resources": _build_requests("10m", "100Mi"),
        },
        "global": {"proxy": {"resources": _build_requests("10m", "40Mi")}},
        "gateways": {_INGRESS: {**_SMALL, "ports": _DEMO_PORTS}, _EGRESS: _SMALL},
    }


def _build_ambient_values(release: IstioRelease) -> dict[str, Any]:
    hbone = {"defaultConfig": {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}}}
    return {
        "meshConfig": {**hbone, **release.charts.ambient_mesh},
        "global": {"variant": "distroless"},
        "pilot": {"env": {"PILOT_ENABLE_AMBIENT": "true"}},
        "cni": {"ambient": {"enabled": True}},
    }


_RANCHER = "/var/lib/rancher/k3s"
_MICROK8S = "/var/snap/microk8s/current"
_PLATFORMS: Mapping[str, Mapping[str, str]] = {
    "minikube": {"cniNetnsDir": "/var/run/docker/netns"},
    "k3d": {"cniConfDir": f"{_RANCHER}/agent/etc/cni/net.d", "cniBinDir": "/bin"},
    "k3s": {"cniConfDir": f"{_RANCHER}/agent/etc/cni/net.d", "cniBinDir": f"{_RANCHER}/data/cni"},
    "microk8s": {
        "cniConfDir": f"{_MICROK8S}/args/cni-network",
        "cniBinDir": f"{_MICROK8S}/opt/cni/bin",
    },
}
"""Where istio-cni looks by `values.global.platform`, from Istio 1.24."""


def build_chart_values(release: IstioRelease, profile: str, platform: str = "") -> dict[str, Any]:
    """Return the charts' own defaults under a `values.profile`.

    From Istio 1.24 on, `values.global.platform` adds to them.
    """
    overlays: Mapping[str, Mapping[str, Any]] = {
        "ambient": _build_ambient_values(release),
        "demo": _build_demo_values(release),
        "preview": {"meshConfig": _DNS_CAPTURE},
        "remote": {"istiodRemote": {"enabled": True}},
        "stable": {"experimental": {"stableValidationPolicy": True}},
    }
    known = _PLATFORMS.get(platform) if release.charts.chart_labels else None
    return merge_values(
        merge_values(_CHARTS, overlays.get(profile)), {"cni": known} if known else None
    )


def build_profile_spec(release: IstioRelease, name: str) -> dict[str, Any] | None:
    """Return a profile's IstioOperator `spec` on top of the base; None for an unknown name."""
    overlay = _OVERLAYS.get(name or "default")
    if overlay is None:
        return None
    return merge_values({**BASE, "hub": HUB, "tag": release.version}, overlay)


def build_profile_file(release: IstioRelease, name: str) -> dict[str, Any]:
    """Return a profile as the release directory's `manifests/profiles/NAME.yaml` holds it."""
    spec = (
        {"hub": HUB, "tag": release.version, **BASE} if name == "default" else dict(_OVERLAYS[name])
    )
    return {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}
