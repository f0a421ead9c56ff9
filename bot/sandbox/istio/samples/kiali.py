"""Kiali's addon: its objects, and the `config.yaml` that the workshop edits."""

from __future__ import annotations

import yaml

from bot.sandbox.istio.samples.addons import chart_labels
from bot.sandbox.istio.samples.parts import (
    SYSTEM,
    Object,
    account,
    config_map,
    deployment,
    http_probe,
    meta,
    port,
    role,
    rule,
    service,
    volume,
)
from bot.sandbox.istio.samples.releases import SampleRelease

_HEALTH = "/kiali/healthz"


def kiali(release: SampleRelease) -> list[Object]:
    """ServiceAccount, configuration, roles, Service and Deployment."""
    chart = f"kiali-server-{release.kiali.lstrip('v')}"
    labels = {"app": "kiali", "version": release.kiali}
    labels |= chart_labels("kiali", release.kiali, chart, release, **{"part-of": "kiali"})
    selector = {f"app.kubernetes.io/{k}": "kiali" for k in ("instance", "name")}
    place = meta("kiali", namespace=SYSTEM, labels=labels)
    ports = [port("http", 20001, appProtocol="http"), port("http-metrics", 9090, appProtocol="http")]
    control = [rule("core", "secrets", "list")]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    return [
        account("kiali", namespace=SYSTEM, labels=labels),
        config_map("kiali", {"config.yaml": yaml.safe_dump(kiali_config(release))}, labels),
        *role("kiali", _rules(), labels),
        *(role("kiali-controlplane", control, labels, SYSTEM) if release.kiali_control_plane_role else []),
        service(dict(place), selector, ports),
        deployment(dict(place), selector, _pod(release, labels), strategy=rolling),
    ]


def kiali_config(release: SampleRelease) -> Object:
    """The keys of Kiali's configuration that the workshop reads or edits, with the sample's values."""
    services: Object = {
        "custom_dashboards": {"enabled": True},
        "istio": {"root_namespace": SYSTEM},
        "tracing": {"enabled": False},
    }
    config: Object = {
        "auth": {"strategy": "anonymous"},
        "deployment": {"instance_name": "kiali", "namespace": SYSTEM, "replicas": 1, "view_only_mode": False},
        "external_services": services,
        "kiali_feature_flags": {"validations": {"ignore": ["KIA1301"]}},
        "login_token": {"signing_key": "CHANGEME00000000"},
        "server": {"port": 20001, "web_root": "/kiali", "observability": {"metrics": {"enabled": True, "port": 9090}}},
    }
    if release.kiali_control_plane_role:
        return config | {"istio_namespace": SYSTEM}
    services["prometheus"] = {"enabled": True}
    return config


def _rules() -> list[Object]:
    return [
        rule("core", "configmaps endpoints pods/log", "get list watch"),
        rule("core", "namespaces pods replicationcontrollers services", "get list watch patch"),
        rule("core", "pods/portforward", "create post"),
        rule("apps extensions", "daemonsets deployments replicasets statefulsets", "get list watch patch"),
        rule("batch", "cronjobs jobs", "get list watch patch"),
        rule(
            "networking.istio.io security.istio.io extensions.istio.io telemetry.istio.io gateway.networking.k8s.io",
            "*",
            "get list watch create delete patch",
        ),
        rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get list watch"),
        rule("authentication.k8s.io", "tokenreviews", "create"),
    ]


def _pod(release: SampleRelease, labels: dict[str, str]) -> Object:
    late = release.kiali_startup_seconds
    container: Object = {
        "name": "kiali",
        "image": release.kiali_image,
        "command": ["/opt/kiali/kiali", "-config", "/kiali-configuration/config.yaml"],
        "ports": [{"name": "api-port", "containerPort": 20001}, {"name": "http-metrics", "containerPort": 9090}],
        "readinessProbe": http_probe(_HEALTH, "api-port", initialDelaySeconds=5, periodSeconds=30),
        "livenessProbe": http_probe(_HEALTH, "api-port", initialDelaySeconds=5, periodSeconds=30),
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [{"name": "kiali-configuration", "mountPath": "/kiali-configuration"}],
    }
    annotations = {
        "checksum/config": release.kiali_checksum,
        "kiali.io/dashboards": "go,kiali",
        "prometheus.io/port": "9090",
        "prometheus.io/scrape": "true",
    }
    if late:
        container["startupProbe"] = http_probe(
            _HEALTH, "api-port", failureThreshold=6, initialDelaySeconds=late, periodSeconds=10
        )
        annotations["prometheus.io/scheme"] = "http"
        annotations["proxy.istio.io/config"] = '{ "holdApplicationUntilProxyStarts": true }'
    pod = {
        "serviceAccountName": "kiali",
        "containers": [container],
        "volumes": [volume("kiali-configuration", "kiali")],
    }
    metadata = {"annotations": annotations, "labels": labels | {"sidecar.istio.io/inject": "false"}}
    return {"metadata": metadata, "spec": pod}
