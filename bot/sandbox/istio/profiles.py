"""The ten installation profiles, and what a chart profile (`values.profile`) brings to the charts' defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.istio.catalog import Release
from bot.sandbox.istio.render_values import merged

HUB = "docker.io/istio"
"""The image hub the played releases were built with."""

_CPU_MEMORY = {
    "istiod": ("500m", "2048Mi"),
    "proxy": ("100m", "128Mi"),
    "cni": ("100m", "100Mi"),
    "ztunnel": ("200m", "512Mi"),
}


def _requests(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}}


def _gateway(name: str, enabled: bool) -> dict[str, Any]:
    return {"name": name, "enabled": enabled}


_INGRESS, _EGRESS = "istio-ingressgateway", "istio-egressgateway"
_NO_INGRESS = {"ingressGateways": [_gateway(_INGRESS, False)]}
_AMBIENT = {"cni": {"enabled": True}, "ztunnel": {"enabled": True}, **_NO_INGRESS}

BASE: Mapping[str, Any] = {
    "components": {
        "base": {"enabled": True},
        "pilot": {"enabled": True},
        "ingressGateways": [_gateway(_INGRESS, True)],
        "egressGateways": [_gateway(_EGRESS, False)],
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
    "demo": {"components": {"egressGateways": [_gateway(_EGRESS, True)]}, "values": {"profile": "demo"}},
    "empty": {"components": {"base": {"enabled": False}, "pilot": {"enabled": False}, **_NO_INGRESS}},
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
        "resources": _requests(*_CPU_MEMORY["istiod"]),
    },
    "global": {
        "proxy": {
            "image": "proxyv2",
            "resources": {**_requests(*_CPU_MEMORY["proxy"]), "limits": {"cpu": "2000m", "memory": "1024Mi"}},
        },
    },
    "cni": {"resources": _requests(*_CPU_MEMORY["cni"])},
    "ztunnel": {"resources": _requests(*_CPU_MEMORY["ztunnel"])},
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
_SMALL = {"autoscaleEnabled": False, "resources": _requests("10m", "40Mi")}
_PROVIDERS: tuple[Mapping[str, Any], ...] = (
    {
        "name": "otel",
        "envoyOtelAls": {"service": "opentelemetry-collector.observability.svc.cluster.local", "port": 4317},
    },
    {"name": "skywalking", "skywalking": {"service": "tracing.istio-system.svc.cluster.local", "port": 11800}},
    {
        "name": "otel-tracing",
        "opentelemetry": {"service": "opentelemetry-collector.observability.svc.cluster.local", "port": 4317},
    },
)
_JAEGER = {
    "name": "jaeger",
    "opentelemetry": {"service": "jaeger-collector.istio-system.svc.cluster.local", "port": 4317},
}


def _demo(release: Release) -> dict[str, Any]:
    providers = [*_PROVIDERS, *([_JAEGER] if release.chart_labels else [])]
    return {
        "meshConfig": {"accessLogFile": "/dev/stdout", "extensionProviders": providers},
        "pilot": {"autoscaleEnabled": False, "traceSampling": 100, "resources": _requests("10m", "100Mi")},
        "global": {"proxy": {"resources": _requests("10m", "40Mi")}},
        "gateways": {_INGRESS: {**_SMALL, "ports": _DEMO_PORTS}, _EGRESS: _SMALL},
    }


def _ambient(release: Release) -> dict[str, Any]:
    hbone = {"defaultConfig": {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}}}
    return {
        "meshConfig": {**hbone, **release.ambient_mesh},
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
    "microk8s": {"cniConfDir": f"{_MICROK8S}/args/cni-network", "cniBinDir": f"{_MICROK8S}/opt/cni/bin"},
}
"""Where istio-cni looks by `values.global.platform`, from Istio 1.24."""


def chart_values(release: Release, profile: str, platform: str = "") -> dict[str, Any]:
    """The charts' own defaults under a `values.profile`, and under a `values.global.platform` from Istio 1.24."""
    overlays: Mapping[str, Mapping[str, Any]] = {
        "ambient": _ambient(release),
        "demo": _demo(release),
        "preview": {"meshConfig": _DNS_CAPTURE},
        "remote": {"istiodRemote": {"enabled": True}},
        "stable": {"experimental": {"stableValidationPolicy": True}},
    }
    known = _PLATFORMS.get(platform) if release.chart_labels else None
    return merged(merged(_CHARTS, overlays.get(profile)), {"cni": known} if known else None)


def profile_spec(release: Release, name: str) -> dict[str, Any] | None:
    """The IstioOperator `spec` of a profile on top of the base; None for an unknown name."""
    overlay = _OVERLAYS.get(name or "default")
    if overlay is None:
        return None
    return merged({**BASE, "hub": HUB, "tag": release.version}, overlay)


def profile_file(release: Release, name: str) -> dict[str, Any]:
    """A profile as the release directory's `manifests/profiles/NAME.yaml` holds it."""
    spec = {"hub": HUB, "tag": release.version, **BASE} if name == "default" else dict(_OVERLAYS[name])
    return {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}
