"""The addons beside Kiali: Prometheus, Grafana and Jaeger, as far as the Kubernetes API shows
them."""

from __future__ import annotations

import json

import yaml

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

_NOT_INJECTED = {"sidecar.istio.io/inject": "false"}
_APP = "app.kubernetes.io/"
_GRAFANA_CHECKSUMS = {
    "checksum/config": "68c00ea91b7ba5c04efc55555ef2307f52aaf738b04e9665e91bb756c8f32b22",
    "checksum/sc-dashboard-provider-config": "e70bf6a851099d385178a76de9757bb0bef8299da6d8443602590e44f05fdf24",  # noqa: E501
}
_DASHBOARDS = {
    "istio": {"istio-performance": "Performance", "pilot": "Control Plane", "ztunnel": "Ztunnel"},
    "istio-services": {
        "istio-mesh": "Mesh",
        "istio-service": "Service",
        "istio-workload": "Workload",
    },
}
_COLLECTOR_PORTS = {
    "jaeger-collector-http": 14268,
    "jaeger-collector-grpc": 14250,
    "http-zipkin": 9411,
    "grpc-otel": 4317,
    "http-otel": 4318,
}


def build_chart_labels(
    name: str, version: str, chart: str, release: SampleTraits, **more: str
) -> dict[str, str]:
    """Build the labels of a Helm chart's objects."""
    labels = {f"{_APP}{k}": v for k, v in more.items()}
    labels |= {
        f"{_APP}instance": name,
        f"{_APP}name": name,
        f"{_APP}version": version,
        "helm.sh/chart": chart,
    }
    return labels | ({f"{_APP}managed-by": "Helm"} if release.helm_label else {})


def build_prometheus(release: SampleTraits) -> list[Object]:
    """Build Prometheus with its configuration reloader."""
    own = {"component": "server", "part-of": "prometheus"}
    labels = build_chart_labels(
        "prometheus", release.prometheus, release.prometheus_chart, release, **own
    )
    selector = {k: labels[k] for k in (f"{_APP}component", f"{_APP}instance", f"{_APP}name")}
    place = build_metadata("prometheus", namespace=SYSTEM, labels=labels)
    rules = [
        build_policy_rule(
            "core",
            "nodes nodes/proxy nodes/metrics services endpoints pods ingresses configmaps",
            "get list watch",
        ),
        build_policy_rule("networking.k8s.io", "ingresses ingresses/status", "get list watch"),
        build_policy_rule("discovery.k8s.io", "endpointslices", "get list watch"),
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    pod = {
        "serviceAccountName": "prometheus",
        "terminationGracePeriodSeconds": 300,
        "containers": [_build_reloader_container(release), _build_prometheus_container(release)],
        "volumes": [build_volume("config-volume", "prometheus"), build_volume("storage-volume")],
    }
    template = {"metadata": {"labels": labels | _NOT_INJECTED}, "spec": pod}
    return [
        build_service_account("prometheus", namespace=SYSTEM, labels=labels),
        build_config_map(
            "prometheus", {"prometheus.yml": yaml.safe_dump(_build_scrape_config())}, labels
        ),
        *build_bound_role("prometheus", rules, labels),
        build_service(dict(place), selector, [build_service_port("http", 9090)]),
        build_deployment(dict(place), selector, template, strategy={"type": "Recreate"}),
    ]


def _build_scrape_config() -> Object:
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io_"
    keep = {"action": "keep", "regex": True, "source_labels": [f"{annotation}scrape"]}
    path = {
        "source_labels": [f"{annotation}path"],
        "regex": "(.+)",
        "target_label": "__metrics_path__",
    }
    labels = {"action": "labelmap", "regex": "__meta_kubernetes_pod_label_(.+)"}
    job = {
        "job_name": "kubernetes-pods",
        "honor_labels": True,
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [keep, {"action": "replace", **path}, labels],
    }
    return {"global": {"scrape_interval": "15s"}, "scrape_configs": [job]}


def _build_reloader_container(release: SampleTraits) -> Object:
    return {
        "name": "prometheus-server-configmap-reload",
        "image": release.reloader,
        "args": ["--watched-dir=/etc/config", "--reload-url=http://127.0.0.1:9090/-/reload"],
        "ports": [{"name": "metrics", "containerPort": 8080}],
        "readinessProbe": build_http_probe("/healthz", "metrics", periodSeconds=10),
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/config", "readOnly": True}],
    }


def _build_prometheus_container(release: SampleTraits) -> Object:
    return {
        "name": "prometheus-server",
        "image": release.prometheus_image,
        "args": ["--config.file=/etc/config/prometheus.yml", "--storage.tsdb.path=/data"],
        "ports": [{"containerPort": 9090}],
        "readinessProbe": build_http_probe("/-/ready", 9090, periodSeconds=5),
        "volumeMounts": [
            {"name": "config-volume", "mountPath": "/etc/config"},
            {"name": "storage-volume", "mountPath": "/data"},
        ],
    }


def build_grafana(release: SampleTraits) -> list[Object]:
    """Build Grafana with Prometheus as its data source and a folder of dashboards."""
    labels = build_chart_labels("grafana", release.grafana, release.grafana_chart, release)
    selector = {k: labels[k] for k in (f"{_APP}instance", f"{_APP}name")}
    place = build_metadata("grafana", namespace=SYSTEM, labels=labels)
    source = {
        "name": "Prometheus",
        "type": "prometheus",
        "url": "http://prometheus:9090",
        "isDefault": True,
    }
    folders = [
        {
            "name": n,
            "folder": "istio",
            "type": "file",
            "options": {"path": f"/var/lib/grafana/dashboards/{n}"},
        }
        for n in _DASHBOARDS
    ]
    data = {
        "datasources.yaml": yaml.safe_dump({"apiVersion": 1, "datasources": [source]}),
        "dashboardproviders.yaml": yaml.safe_dump({"apiVersion": 1, "providers": folders}),
        "grafana.ini": "[analytics]\ncheck_for_updates = false\n",
    }
    template = _build_grafana_pod(
        release, (labels if release.grafana_full_pod_labels else selector) | _NOT_INJECTED
    )
    return [
        build_service_account("grafana", namespace=SYSTEM, labels=labels),
        build_config_map("grafana", data, labels),
        build_service(dict(place), selector, [build_service_port("service", 3000)]),
        build_deployment(dict(place), selector, template),
        *(
            build_config_map(f"{folder}-grafana-dashboards", _build_dashboards(titles, release))
            for folder, titles in _DASHBOARDS.items()
        ),
    ]


def _build_grafana_pod(release: SampleTraits, labels: dict[str, str]) -> Object:
    anonymous = {"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Admin"}
    boards = [f"dashboards-{folder}" for folder in _DASHBOARDS]
    container = {
        "name": "grafana",
        "image": f"docker.io/grafana/grafana:{release.grafana}",
        "env": [{"name": name, "value": value} for name, value in anonymous.items()],
        "ports": [{"name": "grafana", "containerPort": 3000}],
        "readinessProbe": build_http_probe("/api/health", 3000),
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/grafana/provisioning"},
            *(
                {"name": b, "mountPath": f"/var/lib/grafana/dashboards/{b[len('dashboards-') :]}"}
                for b in boards
            ),
        ],
    }
    volumes = [build_volume("config", "grafana")]
    volumes += [
        build_volume(f"dashboards-{folder}", f"{folder}-grafana-dashboards")
        for folder in _DASHBOARDS
    ]
    annotations = {**_GRAFANA_CHECKSUMS, "kubectl.kubernetes.io/default-container": "grafana"}
    pod = {"serviceAccountName": "grafana", "containers": [container], "volumes": volumes}
    return {"metadata": {"annotations": annotations, "labels": labels}, "spec": pod}


def _build_dashboards(titles: dict[str, str], release: SampleTraits) -> dict[str, str]:
    """Build dashboards with a title and no panels: the sandbox's Grafana draws nothing."""
    result = {}
    uids = release.dashboard_uids
    for name, title in titles.items():
        uid = {"uid": uids[name]} if name in uids else {}
        board = {"title": f"Istio {title} Dashboard", "panels": [], "schemaVersion": 39, **uid}
        result[f"{name}-dashboard.json"] = json.dumps(board)
    return result


def build_jaeger(release: SampleTraits) -> list[Object]:
    """Build Jaeger, its query Service `tracing`, and the two Services of its collector."""
    selector = {"app": "jaeger"}

    def place(name: str, labels: dict[str, str]) -> Object:
        return build_metadata(name, namespace=SYSTEM, labels=labels)

    path, health = release.jaeger_health
    container: Object = {
        "name": "jaeger",
        "image": release.jaeger_image,
        "readinessProbe": build_http_probe(path, health),
        "livenessProbe": build_http_probe(path, health),
        "resources": {"requests": {"cpu": "10m"}},
        "volumeMounts": [{"name": "data", "mountPath": "/badger"}],
    }
    volumes = [build_volume("data")]
    if release.jaeger_v2:
        container["args"] = ["--config", "/jaeger-configuration/config.yaml"]
        container["volumeMounts"].append(
            {"name": "jaeger-configuration", "mountPath": "/jaeger-configuration"}
        )
        volumes.append(build_volume("jaeger-configuration", "jaeger"))
    else:
        settings = {
            "QUERY_BASE_PATH": "/jaeger",
            "SPAN_STORAGE_TYPE": "badger",
            "COLLECTOR_ZIPKIN_HOST_PORT": ":9411",
        }
        container["env"] = [{"name": name, "value": value} for name, value in settings.items()]
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": release.jaeger_metrics}
    pod = {"containers": [container], "volumes": volumes}
    template = {
        "metadata": {"labels": selector | _NOT_INJECTED, "annotations": annotations},
        "spec": pod,
    }
    query = [build_service_port("http-query", 80, 16686), build_service_port("grpc-query", 16685)]
    config = {
        "extensions": {"jaeger_query": {"base_path": "/jaeger"}, "healthcheckv2": {"use_v2": True}}
    }
    return [
        build_deployment(place("jaeger", selector), selector, template),
        build_service(place("tracing", selector), selector, query),
        *(
            [build_config_map("jaeger", {"config.yaml": yaml.safe_dump(config)}, selector)]
            if release.jaeger_v2
            else []
        ),
        build_service(
            place("zipkin", {"name": "zipkin"}), selector, [build_service_port("http-query", 9411)]
        ),
        build_service(
            place("jaeger-collector", selector),
            selector,
            [build_service_port(n, p) for n, p in _COLLECTOR_PORTS.items()],
        ),
    ]
