"""Components IngressGateways and EgressGateways: the gateways that an installation brings itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.istio.components import rbac
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

_VOLUMES = (
    "workload-socket empty: /var/run/secrets/workload-spiffe-uds",
    "credential-socket empty: /var/run/secrets/credential-uds",
    "workload-certs empty: /var/run/secrets/workload-spiffe-credentials",
    "istiod-ca-cert config:istio-ca-root-cert /var/run/secrets/istio",
    "podinfo pod: /etc/istio/pod",
    "istio-envoy empty: /etc/istio/proxy",
    "istio-data empty: /var/lib/istio/data",
    "istio-token token: /var/run/secrets/tokens:ro",
    "config-volume config:istio? /etc/istio/config",
)


@dataclass(frozen=True)
class _Kind:
    """One of the two kinds of gateway."""

    component: str
    root: str
    chart: str
    marker: str
    ports: tuple[str, ...]


_INGRESS = _Kind(
    component="IngressGateways",
    root="gateways.istio-ingressgateway",
    chart="istio-ingress",
    marker="ingressgateway",
    ports=("status-port:15021", "http2:80:8080", "https:443:8443"),
)
_EGRESS = _Kind(
    component="EgressGateways",
    root="gateways.istio-egressgateway",
    chart="istio-egress",
    marker="egressgateway",
    ports=("http2:80:8080", "https:443:8443"),
)


def ingress(settings: Settings) -> list[Manifest]:
    """All objects of the enabled ingress gateways, in the order they are applied."""
    return _gateways(settings, _INGRESS, "ingressGateways")


def egress(settings: Settings) -> list[Manifest]:
    """All objects of the enabled egress gateways, in the order they are applied."""
    return _gateways(settings, _EGRESS, "egressGateways")


def _gateways(settings: Settings, kind: _Kind, component: str) -> list[Manifest]:
    enabled = [spec for spec in at(settings.spec, f"components.{component}", []) if spec.get("enabled")]
    return [made for spec in enabled for made in _Gateway(settings, kind, spec).objects()]


@dataclass(frozen=True)
class _Gateway:
    """One gateway of an installation."""

    settings: Settings
    kind: _Kind
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.spec.get("name") or f"istio-{self.kind.marker}")

    @property
    def namespace(self) -> str:
        return str(self.spec.get("namespace") or self.settings.namespace)

    @property
    def selector(self) -> dict[str, str]:
        standard = {"app": self.name, "istio": self.kind.marker}
        return {**standard, **dict(self.spec.get("label") or {})}

    def value(self, path: str, default: Any = None) -> Any:
        return self.settings.get(f"{self.kind.root}.{path}", default)

    def labels(self, *, selector: bool = True) -> dict[str, str]:
        own = self.selector if selector else {}
        name = f"istio-{self.kind.marker}"
        return labels(self.settings, name, self.kind.chart, **own, **owned(self.settings, self.kind.component))

    def objects(self) -> list[Manifest]:
        account = f"{self.name}-service-account"
        plain = self.labels(selector=False)
        budget = self.settings.release.disruption_budgets
        return [
            manifest("v1", "ServiceAccount", account, self.labels(), self.namespace),
            self._deployment(account),
            rbac.role(f"{self.name}-sds", plain, rbac.GATEWAY_SECRETS, self.namespace),
            rbac.binding(f"{self.name}-sds", plain, (self.namespace, account), self.namespace),
            *([disruption_budget(self.name, self.namespace, self.labels(), self.selector)] if budget else []),
            *([autoscaler(self.name, self.namespace, self.labels(), self.value("", {}) or {})] if self._scales else []),
            self._service(),
        ]

    @property
    def _scales(self) -> bool:
        return bool(self.value("autoscaleEnabled", True))

    def _service(self) -> Manifest:
        given = at(self.spec, "k8s.service", {})
        chosen = given.get("ports") or self.value("ports") or ports(*self.kind.ports)
        default = "LoadBalancer" if self.kind is _INGRESS else "ClusterIP"
        spec = {"type": given.get("type") or self.value("type", default), "selector": self.selector, "ports": chosen}
        notes = {**self.value("serviceAnnotations", {}), **at(self.spec, "k8s.serviceAnnotations", {})}
        return manifest("v1", "Service", self.name, self.labels(), self.namespace, spec=spec, annotations=notes)

    def _deployment(self, account: str) -> Manifest:
        modern = {"istio.io/dataplane-mode": "none"} if self.settings.release.chart_labels else {}
        own = {**self.labels(), **modern}
        marks = {
            "chart": "gateways",
            "heritage": "Tiller",
            "service.istio.io/canonical-name": self.name,
            "service.istio.io/canonical-revision": "latest",
            "sidecar.istio.io/inject": "false",
        }
        notes = {
            "istio.io/rev": self.settings.revision or "default",
            "prometheus.io/path": "/stats/prometheus",
            "prometheus.io/port": "15020",
            "prometheus.io/scrape": "true",
            "sidecar.istio.io/inject": "false",
        }
        made, mounts = volumes(
            *_VOLUMES,
            f"{self.kind.marker}-certs secret:{self.name}-certs? /etc/istio/{self.kind.marker}-certs:ro",
            f"{self.kind.marker}-ca-certs secret:{self.name}-ca-certs? /etc/istio/{self.kind.marker}-ca-certs:ro",
        )
        spec: Manifest = {
            "selector": {"matchLabels": self.selector},
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {**own, **marks}, "annotations": notes},
                "spec": {
                    "securityContext": {"runAsUser": 1337, "runAsGroup": 1337, "runAsNonRoot": True},
                    "serviceAccountName": account,
                    "containers": [{**self._container(), "volumeMounts": mounts}],
                    "volumes": made,
                },
            },
        }
        if not self._scales:
            spec["replicas"] = self.value("replicaCount", 1)
        return overlaid(
            manifest("apps/v1", "Deployment", self.name, own, self.namespace, spec=spec), self.spec.get("k8s")
        )

    def _container(self) -> Manifest:
        control_plane = f"istiod{self.settings.dashed}.{self.settings.namespace}.svc:15012"
        owner = f"kubernetes://apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}"
        variables = environment(
            "PILOT_CERT_PROVIDER=istiod",
            f"CA_ADDR={control_plane}",
            "NODE_NAME=@spec.nodeName",
            "POD_NAME=@metadata.name",
            "POD_NAMESPACE=@metadata.namespace",
            "INSTANCE_IP=@status.podIP",
            "HOST_IP=@status.hostIP",
            "ISTIO_CPU_LIMIT=#limits.cpu",
            "SERVICE_ACCOUNT=@spec.serviceAccountName",
            f"ISTIO_META_WORKLOAD_NAME={self.name}",
            f"ISTIO_META_OWNER={owner}",
            "ISTIO_META_MESH_ID=cluster.local",
            "TRUST_DOMAIN=cluster.local",
            "ISTIO_META_UNPRIVILEGED_POD=true",
            "ISTIO_META_CLUSTER_ID=Kubernetes",
            "ISTIO_META_NODE_NAME=@spec.nodeName",
        )
        return {
            "name": "istio-proxy",
            "image": self.settings.image("proxyv2", "global.proxy"),
            "args": ["proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning"],
            "ports": [
                *container_ports("status:15021", "http:8080", "https:8443"),
                *container_ports("http-envoy-prom:15090"),
            ],
            "env": variables + extra_environment(self.value("env")),
            "readinessProbe": {
                "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
                "initialDelaySeconds": 1,
                "periodSeconds": 2,
                "timeoutSeconds": 1,
                "failureThreshold": 30,
            },
            "resources": self.value("resources") or self.settings.get("global.proxy.resources", {}),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
