"""Kiali's addon: its objects, and the `config.yaml` that the workshop edits."""

from __future__ import annotations

import yaml

from sandbox.istio.samples.addons import build_chart_labels
from sandbox.istio.samples.parts import (
    SYSTEM,
    Object,
    build_bound_role,
    build_config_map,
    build_deployment,
    build_http_probe,
    build_metadata,
    build_policy_rule,
    build_service,
    build_service_account,
    build_service_port,
    build_volume,
)
from sandbox.releases.release import SampleTraits

_HEALTH = "/kiali/healthz"


def build_kiali(release: SampleTraits, version: str) -> list[Object]:
    """Build Kiali's ServiceAccount, configuration, roles, Service and Deployment."""
    chart = f"kiali-server-{version.lstrip('v')}"
    labels = {"app": "kiali", "version": version}
    labels |= build_chart_labels("kiali", version, chart, release, **{"part-of": "kiali"})
    selector = {f"app.kubernetes.io/{k}": "kiali" for k in ("instance", "name")}
    place = build_metadata("kiali", namespace=SYSTEM, labels=labels)
    ports = [
        build_service_port("http", 20001, appProtocol="http"),
        build_service_port("http-metrics", 9090, appProtocol="http"),
    ]
    control = [build_policy_rule("core", "secrets", "list")]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    return [
        build_service_account("kiali", namespace=SYSTEM, labels=labels),
        build_config_map(
            "kiali", {"config.yaml": yaml.safe_dump(build_kiali_config(release))}, labels
        ),
        *build_bound_role("kiali", _build_policy_rules(), labels),
        *(
            build_bound_role("kiali-controlplane", control, labels, SYSTEM)
            if release.kiali_control_plane_role
            else []
        ),
        build_service(dict(place), selector, ports),
        build_deployment(
            dict(place), selector, _build_kiali_pod(release, labels), strategy=rolling
        ),
    ]


def build_kiali_config(release: SampleTraits) -> Object:
    """Return the keys of Kiali's configuration that the workshop reads or edits.

    The values are those of the sample.
    """
    services: Object = {
        "custom_dashboards": {"enabled": True},
        "istio": {"root_namespace": SYSTEM},
        "tracing": {"enabled": False},
    }
    config: Object = {
        "auth": {"strategy": "anonymous"},
        "deployment": {
            "instance_name": "kiali",
            "namespace": SYSTEM,
            "replicas": 1,
            "view_only_mode": False,
        },
        "external_services": services,
        "kiali_feature_flags": {"validations": {"ignore": ["KIA1301"]}},
        "login_token": {"signing_key": "CHANGEME00000000"},
        "server": {
            "port": 20001,
            "web_root": "/kiali",
            "observability": {"metrics": {"enabled": True, "port": 9090}},
        },
    }
    if release.kiali_control_plane_role:
        return config | {"istio_namespace": SYSTEM}
    services["prometheus"] = {"enabled": True}
    return config


def _build_policy_rules() -> list[Object]:
    return [
        build_policy_rule("core", "configmaps endpoints pods/log", "get list watch"),
        build_policy_rule(
            "core", "namespaces pods replicationcontrollers services", "get list watch patch"
        ),
        build_policy_rule("core", "pods/portforward", "create post"),
        build_policy_rule(
            "apps extensions",
            "daemonsets deployments replicasets statefulsets",
            "get list watch patch",
        ),
        build_policy_rule("batch", "cronjobs jobs", "get list watch patch"),
        build_policy_rule(
            "networking.istio.io security.istio.io extensions.istio.io telemetry.istio.io "
            "gateway.networking.k8s.io",
            "*",
            "get list watch create delete patch",
        ),
        build_policy_rule(
            "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get list watch"
        ),
        build_policy_rule("authentication.k8s.io", "tokenreviews", "create"),
    ]


def _build_kiali_pod(release: SampleTraits, labels: dict[str, str]) -> Object:
    late = release.kiali_startup_seconds
    container: Object = {
        "name": "kiali",
        "image": release.kiali_image,
        "command": ["/opt/kiali/kiali", "-config", "/kiali-configuration/config.yaml"],
        "ports": [
            {"name": "api-port", "containerPort": 20001},
            {"name": "http-metrics", "containerPort": 9090},
        ],
        "readinessProbe": build_http_probe(
            _HEALTH, "api-port", initialDelaySeconds=5, periodSeconds=30
        ),
        "livenessProbe": build_http_probe(
            _HEALTH, "api-port", initialDelaySeconds=5, periodSeconds=30
        ),
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
        container["startupProbe"] = build_http_probe(
            _HEALTH, "api-port", failureThreshold=6, initialDelaySeconds=late, periodSeconds=10
        )
        annotations["prometheus.io/scheme"] = "http"
        annotations["proxy.istio.io/config"] = '{ "holdApplicationUntilProxyStarts": true }'
    pod = {
        "serviceAccountName": "kiali",
        "containers": [container],
        "volumes": [build_volume("kiali-configuration", "kiali")],
    }
    metadata = {"annotations": annotations, "labels": labels | {"sidecar.istio.io/inject": "false"}}
    return {"metadata": metadata, "spec": pod}
