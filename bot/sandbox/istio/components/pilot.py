"""Component Pilot: istiod with its configuration, service, permissions and webhooks."""

from __future__ import annotations

import json

from bot.sandbox.istio.components import rbac, webhooks
from bot.sandbox.istio.components.common import (
    Manifest,
    Settings,
    at,
    autoscaler,
    container_ports,
    disruption_budget,
    environment,
    extra_environment,
    labels,
    manifest,
    overlaid,
    owned,
    ports,
    volumes,
)
from bot.sandbox.istio.render_values import merged, to_yaml

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
    "kubernetes.io/description": "The chart values this installation was rendered from; changing them has no effect."
}


def pilot(settings: Settings) -> list[Manifest]:
    """All objects of the component, in the order they are applied (accounts and roles before what needs them)."""
    cluster, local = rbac.control_plane(settings)
    own = labels(settings, "istiod", "istiod", app="istiod", release="istio")
    account = manifest("v1", "ServiceAccount", f"istiod{settings.dashed}", own, settings.namespace)
    head = [account, *cluster, webhooks.validator(settings)]
    if settings.get("istiodRemote.enabled"):
        return [*head, *_configuration(settings)[1:], webhooks.injector(settings), *local]
    return [
        *head,
        *_configuration(settings),
        webhooks.injector(settings),
        _deployment(settings),
        *local,
        *_scaling(settings),
        service(settings),
    ]


def mesh(settings: Settings) -> Manifest:
    """The mesh configuration: Istio's own start, what the settings imply, then what the user set."""
    start: Manifest = {
        "defaultConfig": {"discoveryAddress": f"istiod{settings.dashed}.{settings.namespace}.svc:15012"},
        "defaultProviders": {"metrics": ["prometheus"]},
        "enablePrometheusMerge": True,
        "rootNamespace": settings.namespace,
        "trustDomain": "cluster.local",
    }
    variant = settings.get("global.variant")
    implied = {"defaultConfig": {"image": {"imageType": variant}}} if variant else {}
    return merged(merged(start, implied), settings.get("meshConfig", {}))


def _configuration(settings: Settings) -> list[Manifest]:
    own = labels(settings, "istiod", "istiod", **owned(settings, "Pilot"))
    where, dashed = settings.namespace, settings.dashed
    networks = to_yaml({"networks": settings.get("global.meshNetworks", {})})
    values = settings.values
    shown = {key: values.get(key, {}) for key in ("gateways", "global", "sidecarInjectorWebhook", "revision")}
    template = {"policy": "enabled", "defaultTemplates": ["sidecar"], "templates": {}}
    made = [
        manifest(
            "v1",
            "ConfigMap",
            f"istio{dashed}",
            own,
            where,
            data={"mesh": to_yaml(mesh(settings)), "meshNetworks": networks},
        ),
        manifest(
            "v1",
            "ConfigMap",
            f"istio-sidecar-injector{dashed}",
            own,
            where,
            data={"config": to_yaml(template), "values": json.dumps(shown, indent=2, sort_keys=True)},
        ),
    ]
    if settings.release.values_config_map:
        data = {
            "merged-values": json.dumps(values, indent=2, sort_keys=True),
            "original-values": json.dumps(settings.spec.get("original", {}), indent=2, sort_keys=True),
        }
        made.append(manifest("v1", "ConfigMap", f"values{dashed}", own, where, data=data, annotations=_DESCRIPTION))
    return made


def service(settings: Settings, *, tag: bool = False) -> Manifest:
    """The Service of istiod, or the one of its default tag (1.24 and newer)."""
    extra = webhooks.tag_labels(settings) if tag else owned(settings, "Pilot")
    own = labels(settings, "istiod", "istiod", app="istiod", istio="pilot", **extra)
    selector = {"app": "istiod", **({"istio.io/rev": settings.revision} if settings.revision else {"istio": "pilot"})}
    name = "istiod-revision-tag-default" if tag else f"istiod{settings.dashed}"
    return manifest(
        "v1", "Service", name, own, settings.namespace, spec={"ports": ports(*_PORTS), "selector": selector}
    )


def _scaling(settings: Settings) -> list[Manifest]:
    name, where = f"istiod{settings.dashed}", settings.namespace
    made = []
    if settings.release.disruption_budgets and settings.get("global.defaultPodDisruptionBudget.enabled", True):
        own = labels(settings, "istiod", "istiod", app="istiod", istio="pilot", **owned(settings, "Pilot"))
        made.append(disruption_budget(name, where, own, {"app": "istiod", "istio": "pilot"}))
    if settings.get("pilot.autoscaleEnabled"):
        own = labels(settings, "istiod", "istiod", app="istiod", **owned(settings, "Pilot"))
        scaling = merged(settings.get("pilot", {}), _limits(at(settings.spec, "components.pilot.k8s.hpaSpec", {})))
        made.append(autoscaler(name, where, own, scaling))
    return made


def _limits(spec: Manifest) -> Manifest:
    names = {"minReplicas": "autoscaleMin", "maxReplicas": "autoscaleMax"}
    return {names[key]: value for key, value in spec.items() if key in names}


def _deployment(settings: Settings) -> Manifest:
    own = labels(settings, "istiod", "istiod", app="istiod", istio="pilot", **owned(settings, "Pilot"))
    template = labels(
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
    made, mounts = volumes(*_VOLUMES)
    selector = {"app": "istiod", "istio.io/rev": settings.revision} if settings.revision else {"istio": "pilot"}
    spec: Manifest = {
        "selector": {"matchLabels": selector},
        "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": template, "annotations": _scraped(settings)},
            "spec": {
                "serviceAccountName": f"istiod{settings.dashed}",
                "containers": [{**_container(settings), "volumeMounts": mounts}],
                "tolerations": [{"key": "cni.istio.io/not-ready", "operator": "Exists"}],
                "volumes": made,
            },
        },
    }
    if not settings.get("pilot.autoscaleEnabled"):
        spec["replicas"] = settings.get("pilot.replicaCount", 1)
    name = f"istiod{settings.dashed}"
    made_deployment = manifest("apps/v1", "Deployment", name, own, settings.namespace, spec=spec)
    return overlaid(made_deployment, at(settings.spec, "components.pilot.k8s"))


def _scraped(settings: Settings) -> Manifest:
    scraped = {"prometheus.io/port": "15014", "prometheus.io/scrape": "true", "sidecar.istio.io/inject": "false"}
    return {**scraped, **settings.get("pilot.podAnnotations", {})}


def _container(settings: Settings) -> Manifest:
    level = settings.get("global.logging.level", "default:info")
    variables = environment(
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
        "image": settings.image("pilot", "pilot"),
        "args": [
            "discovery",
            "--monitoringAddr=:15014",
            f"--log_output_level={level}",
            "--domain",
            "cluster.local",
            "--keepaliveMaxServerConnectionAge",
            str(settings.get("pilot.keepaliveMaxServerConnectionAge", "30m")),
        ],
        "ports": container_ports(*_CONTAINER_PORTS),
        "env": variables + extra_environment(settings.get("pilot.env")),
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
