"""Component Pilot: istiod with its configuration, service, permissions and webhooks."""

from __future__ import annotations

import json

from sandbox.istio.components import rbac, webhooks
from sandbox.istio.components.common import (
    InstallSettings,
    Manifest,
    build_autoscaler,
    build_disruption_budget,
    build_extra_environment,
    build_labels,
    build_manifest,
    build_owner_labels,
    get_nested,
    overlay_kubernetes_settings,
    parse_container_ports,
    parse_environment,
    parse_service_ports,
    parse_volumes,
)
from sandbox.istio.components.injector_values import build_injector_values
from sandbox.istio.render.chart_values import merge_values, to_yaml

_PORTS = ("grpc-xds:15010", "https-dns:15012", "https-webhook:443:15017", "http-monitoring:15014")
_CONTAINER_PORTS = (
    "http-debug:8080",
    "grpc-xds:15010",
    "tls-xds:15012",
    "https-webhooks:15017",
    "http-monitoring:15014",
)
_VOLUMES = (
    "local-certs memory: /var/run/secrets/istio-dns",
    "istio-token token: /var/run/secrets/tokens:ro",
    "cacerts secret:cacerts? /etc/cacerts:ro",
    "istio-kubeconfig secret:istio-kubeconfig? /var/run/secrets/remote:ro",
    "istio-csr-dns-cert secret:istiod-tls? /var/run/secrets/istiod/tls:ro",
    "istio-csr-ca-configmap config:istio-ca-root-cert? /var/run/secrets/istiod/ca:ro",
)
_DESCRIPTION = {
    "kubernetes.io/description": "The chart values this installation was rendered from; changing "
    "them has no effect."
}


def render_pilot(settings: InstallSettings) -> list[Manifest]:
    """Return all objects of the component, in the order they are applied.

    ServiceAccounts and roles come before what needs them.
    """
    cluster, local = rbac.build_control_plane_roles(settings)
    own = build_labels(settings, "istiod", "istiod", app="istiod", release="istio")
    account = build_manifest(
        "v1", "ServiceAccount", f"istiod{settings.revision_suffix}", own, settings.namespace
    )
    head = [account, *cluster, webhooks.build_validator(settings)]
    if settings.get("istiodRemote.enabled"):
        return [*head, *_build_config_maps(settings)[1:], webhooks.build_injector(settings), *local]
    return [
        *head,
        *_build_config_maps(settings),
        webhooks.build_injector(settings),
        _build_deployment(settings),
        *local,
        *_build_scaling_objects(settings),
        build_istiod_service(settings),
    ]


def build_mesh_config(settings: InstallSettings) -> Manifest:
    """Build the mesh configuration.

    Istio's defaults come first, then what the settings imply, then what the user set.
    """
    start: Manifest = {
        "defaultConfig": {
            "discoveryAddress": f"istiod{settings.revision_suffix}.{settings.namespace}.svc:15012"
        },
        "defaultProviders": {"metrics": ["prometheus"]},
        "enablePrometheusMerge": True,
        "rootNamespace": settings.namespace,
        "trustDomain": "cluster.local",
    }
    variant = settings.get("global.variant")
    implied = {"defaultConfig": {"image": {"imageType": variant}}} if variant else {}
    return merge_values(merge_values(start, implied), settings.get("meshConfig", {}))


def _build_config_maps(settings: InstallSettings) -> list[Manifest]:
    own = build_labels(settings, "istiod", "istiod", **build_owner_labels(settings, "Pilot"))
    where, dashed = settings.namespace, settings.revision_suffix
    networks = to_yaml({"networks": settings.get("global.meshNetworks", {})})
    values = settings.values
    shown = build_injector_values(settings)
    template = {"policy": "enabled", "defaultTemplates": ["sidecar"], "templates": {}}
    made = [
        build_manifest(
            "v1",
            "ConfigMap",
            f"istio{dashed}",
            own,
            where,
            data={"mesh": to_yaml(build_mesh_config(settings)), "meshNetworks": networks},
        ),
        build_manifest(
            "v1",
            "ConfigMap",
            f"istio-sidecar-injector{dashed}",
            own,
            where,
            data={
                "config": to_yaml(template),
                "values": json.dumps(shown, indent=2, sort_keys=True),
            },
        ),
    ]
    if settings.release.charts.values_config_map:
        data = {
            "merged-values": json.dumps(values, indent=2, sort_keys=True),
            "original-values": json.dumps(
                settings.spec.get("original", {}), indent=2, sort_keys=True
            ),
        }
        made.append(
            build_manifest(
                "v1",
                "ConfigMap",
                f"values{dashed}",
                own,
                where,
                data=data,
                annotations=_DESCRIPTION,
            )
        )
    return made


def build_istiod_service(settings: InstallSettings, *, tag: bool = False) -> Manifest:
    """Build the Service of istiod, or the one of its default tag (Istio 1.24 and newer)."""
    extra = webhooks.build_tag_labels(settings) if tag else build_owner_labels(settings, "Pilot")
    own = build_labels(settings, "istiod", "istiod", app="istiod", istio="pilot", **extra)
    selector = {
        "app": "istiod",
        **({"istio.io/rev": settings.revision} if settings.revision else {"istio": "pilot"}),
    }
    name = "istiod-revision-tag-default" if tag else f"istiod{settings.revision_suffix}"
    return build_manifest(
        "v1",
        "Service",
        name,
        own,
        settings.namespace,
        spec={"ports": parse_service_ports(*_PORTS), "selector": selector},
    )


def _build_scaling_objects(settings: InstallSettings) -> list[Manifest]:
    name, where = f"istiod{settings.revision_suffix}", settings.namespace
    made = []
    if settings.release.charts.disruption_budgets and settings.get(
        "global.defaultPodDisruptionBudget.enabled", True
    ):
        own = build_labels(
            settings,
            "istiod",
            "istiod",
            app="istiod",
            istio="pilot",
            **build_owner_labels(settings, "Pilot"),
        )
        made.append(build_disruption_budget(name, where, own, {"app": "istiod", "istio": "pilot"}))
    if settings.get("pilot.autoscaleEnabled"):
        own = build_labels(
            settings, "istiod", "istiod", app="istiod", **build_owner_labels(settings, "Pilot")
        )
        scaling = merge_values(
            settings.get("pilot", {}),
            _translate_replica_limits(
                get_nested(settings.spec, "components.pilot.k8s.hpaSpec", {})
            ),
        )
        made.append(build_autoscaler(name, where, own, scaling))
    return made


def _translate_replica_limits(spec: Manifest) -> Manifest:
    names = {"minReplicas": "autoscaleMin", "maxReplicas": "autoscaleMax"}
    return {names[key]: value for key, value in spec.items() if key in names}


def _build_deployment(settings: InstallSettings) -> Manifest:
    own = build_labels(
        settings,
        "istiod",
        "istiod",
        app="istiod",
        istio="pilot",
        **build_owner_labels(settings, "Pilot"),
    )
    template = build_labels(
        settings,
        "istiod",
        "istiod",
        app="istiod",
        istio="istiod" if settings.revision else "pilot",
        mode="none",
        inject="false",
        rev=settings.revision or "default",
        owner="unknown",
        component="Pilot",
    )
    made, mounts = parse_volumes(*_VOLUMES)
    selector = (
        {"app": "istiod", "istio.io/rev": settings.revision}
        if settings.revision
        else {"istio": "pilot"}
    )
    spec: Manifest = {
        "selector": {"matchLabels": selector},
        "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": template, "annotations": _build_scrape_annotations(settings)},
            "spec": {
                "serviceAccountName": f"istiod{settings.revision_suffix}",
                "containers": [{**_build_container(settings), "volumeMounts": mounts}],
                "tolerations": [{"key": "cni.istio.io/not-ready", "operator": "Exists"}],
                "volumes": made,
            },
        },
    }
    if not settings.get("pilot.autoscaleEnabled"):
        spec["replicas"] = settings.get("pilot.replicaCount", 1)
    name = f"istiod{settings.revision_suffix}"
    made_deployment = build_manifest(
        "apps/v1", "Deployment", name, own, settings.namespace, spec=spec
    )
    return overlay_kubernetes_settings(
        made_deployment, get_nested(settings.spec, "components.pilot.k8s")
    )


def _build_scrape_annotations(settings: InstallSettings) -> Manifest:
    scraped = {
        "prometheus.io/port": "15014",
        "prometheus.io/scrape": "true",
        "sidecar.istio.io/inject": "false",
    }
    return {**scraped, **settings.get("pilot.podAnnotations", {})}


def _build_container(settings: InstallSettings) -> Manifest:
    level = settings.get("global.logging.level", "default:info")
    variables = parse_environment(
        f"REVISION={settings.revision or 'default'}",
        "PILOT_CERT_PROVIDER=istiod",
        "POD_NAME=@metadata.name",
        "POD_NAMESPACE=@metadata.namespace",
        "SERVICE_ACCOUNT=@spec.serviceAccountName",
        "KUBECONFIG=/var/run/secrets/remote/config",
        f"CA_TRUSTED_NODE_ACCOUNTS={settings.namespace}/ztunnel",
        f"PILOT_TRACE_SAMPLING={settings.get('pilot.traceSampling', 1):g}",
        "PILOT_ENABLE_ANALYSIS=false",
        "CLUSTER_ID=Kubernetes",
        "GOMAXPROCS=#limits.cpu",
        f"PLATFORM={settings.get('global.platform', '')}",
    )
    return {
        "name": "discovery",
        "image": settings.build_image("pilot", "pilot"),
        "args": [
            "discovery",
            "--monitoringAddr=:15014",
            f"--log_output_level={level}",
            "--domain",
            "cluster.local",
            "--keepaliveMaxServerConnectionAge",
            str(settings.get("pilot.keepaliveMaxServerConnectionAge", "30m")),
        ],
        "ports": parse_container_ports(*_CONTAINER_PORTS),
        "env": variables + build_extra_environment(settings.get("pilot.env")),
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": 8080},
            "initialDelaySeconds": 1,
            "periodSeconds": 3,
            "timeoutSeconds": 5,
        },
        "resources": settings.get("pilot.resources", {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
