"""Components IngressGateways and EgressGateways: the gateways of an installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.istio.components import rbac
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
class _GatewayKind:
    """Ingress or egress: the traits of one of the two kinds of gateway."""

    component: str
    root: str
    chart: str
    marker: str
    ports: tuple[str, ...]


_INGRESS = _GatewayKind(
    component="IngressGateways",
    root="gateways.istio-ingressgateway",
    chart="istio-ingress",
    marker="ingressgateway",
    ports=("status-port:15021", "http2:80:8080", "https:443:8443"),
)
_EGRESS = _GatewayKind(
    component="EgressGateways",
    root="gateways.istio-egressgateway",
    chart="istio-egress",
    marker="egressgateway",
    ports=("http2:80:8080", "https:443:8443"),
)


def render_ingress_gateways(settings: InstallSettings) -> list[Manifest]:
    """Return all objects of the enabled ingress gateways, in the order they are applied."""
    return _render_gateways(settings, _INGRESS, "ingressGateways")


def render_egress_gateways(settings: InstallSettings) -> list[Manifest]:
    """Return all objects of the enabled egress gateways, in the order they are applied."""
    return _render_gateways(settings, _EGRESS, "egressGateways")


def _render_gateways(
    settings: InstallSettings, kind: _GatewayKind, component: str
) -> list[Manifest]:
    enabled = [
        spec
        for spec in get_nested(settings.spec, f"components.{component}", [])
        if spec.get("enabled")
    ]
    return [
        made for spec in enabled for made in _InstalledGateway(settings, kind, spec).build_objects()
    ]


@dataclass(frozen=True)
class _InstalledGateway:
    """One gateway of an installation."""

    settings: InstallSettings
    kind: _GatewayKind
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

    def get_value(self, path: str, default: Any = None) -> Any:
        return self.settings.get(f"{self.kind.root}.{path}", default)

    def build_gateway_labels(self, *, selector: bool = True) -> dict[str, str]:
        own = self.selector if selector else {}
        name = f"istio-{self.kind.marker}"
        return build_labels(
            self.settings,
            name,
            self.kind.chart,
            **own,
            **build_owner_labels(self.settings, self.kind.component),
        )

    def build_objects(self) -> list[Manifest]:
        account = f"{self.name}-service-account"
        plain = self.build_gateway_labels(selector=False)
        budget = self.settings.release.charts.disruption_budgets
        return [
            build_manifest(
                "v1", "ServiceAccount", account, self.build_gateway_labels(), self.namespace
            ),
            self._build_deployment(account),
            rbac.build_role(f"{self.name}-sds", plain, rbac.GATEWAY_SECRETS, self.namespace),
            rbac.build_role_binding(
                f"{self.name}-sds", plain, (self.namespace, account), self.namespace
            ),
            *(
                [
                    build_disruption_budget(
                        self.name, self.namespace, self.build_gateway_labels(), self.selector
                    )
                ]
                if budget
                else []
            ),
            *(
                [
                    build_autoscaler(
                        self.name,
                        self.namespace,
                        self.build_gateway_labels(),
                        self.get_value("", {}) or {},
                    )
                ]
                if self._is_autoscaled
                else []
            ),
            self._build_service(),
        ]

    @property
    def _is_autoscaled(self) -> bool:
        return bool(self.get_value("autoscaleEnabled", True))

    def _build_service(self) -> Manifest:
        given = get_nested(self.spec, "k8s.service", {})
        chosen = (
            given.get("ports") or self.get_value("ports") or parse_service_ports(*self.kind.ports)
        )
        default = "LoadBalancer" if self.kind is _INGRESS else "ClusterIP"
        spec = {
            "type": given.get("type") or self.get_value("type", default),
            "selector": self.selector,
            "ports": chosen,
        }
        notes = {
            **self.get_value("serviceAnnotations", {}),
            **get_nested(self.spec, "k8s.serviceAnnotations", {}),
        }
        return build_manifest(
            "v1",
            "Service",
            self.name,
            self.build_gateway_labels(),
            self.namespace,
            spec=spec,
            annotations=notes,
        )

    def _build_deployment(self, account: str) -> Manifest:
        modern = (
            {"istio.io/dataplane-mode": "none"} if self.settings.release.charts.chart_labels else {}
        )
        own = {**self.build_gateway_labels(), **modern}
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
        made, mounts = parse_volumes(
            *_VOLUMES,
            f"{self.kind.marker}-certs secret:{self.name}-certs? "
            f"/etc/istio/{self.kind.marker}-certs:ro",
            f"{self.kind.marker}-ca-certs secret:{self.name}-ca-certs? "
            f"/etc/istio/{self.kind.marker}-ca-certs:ro",
        )
        spec: Manifest = {
            "selector": {"matchLabels": self.selector},
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {**own, **marks}, "annotations": notes},
                "spec": {
                    "securityContext": {
                        "runAsUser": 1337,
                        "runAsGroup": 1337,
                        "runAsNonRoot": True,
                    },
                    "serviceAccountName": account,
                    "containers": [{**_build_container(self), "volumeMounts": mounts}],
                    "volumes": made,
                },
            },
        }
        # With an autoscaler the count is its: each install would set it back.
        if not self._is_autoscaled:
            spec["replicas"] = self.get_value("replicaCount", 1)
        return overlay_kubernetes_settings(
            build_manifest("apps/v1", "Deployment", self.name, own, self.namespace, spec=spec),
            self.spec.get("k8s"),
        )


def _build_container(gateway: _InstalledGateway) -> Manifest:
    """Build the one container of a gateway's pods, its Envoy."""
    return {
        "name": "istio-proxy",
        "image": gateway.settings.build_image("proxyv2", "global.proxy"),
        "args": [
            "proxy",
            "router",
            "--domain",
            "$(POD_NAMESPACE).svc.cluster.local",
            "--proxyLogLevel=warning",
        ],
        "ports": [
            *parse_container_ports("status:15021", "http:8080", "https:8443"),
            *parse_container_ports("http-envoy-prom:15090"),
        ],
        "env": _build_environment(gateway),
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
            "initialDelaySeconds": 1,
            "periodSeconds": 2,
            "timeoutSeconds": 1,
            "failureThreshold": 30,
        },
        "resources": gateway.get_value("resources")
        or gateway.settings.get("global.proxy.resources", {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _build_environment(gateway: _InstalledGateway) -> list[Manifest]:
    """Build what the Envoy's agent is told: its control plane, its pod, and what the values add."""
    control_plane = (
        f"istiod{gateway.settings.revision_suffix}.{gateway.settings.namespace}.svc:15012"
    )
    owner = f"kubernetes://apis/apps/v1/namespaces/{gateway.namespace}/deployments/{gateway.name}"
    standard = parse_environment(
        "PILOT_CERT_PROVIDER=istiod",
        f"CA_ADDR={control_plane}",
        "NODE_NAME=@spec.nodeName",
        "POD_NAME=@metadata.name",
        "POD_NAMESPACE=@metadata.namespace",
        "INSTANCE_IP=@status.podIP",
        "HOST_IP=@status.hostIP",
        "ISTIO_CPU_LIMIT=#limits.cpu",
        "SERVICE_ACCOUNT=@spec.serviceAccountName",
        f"ISTIO_META_WORKLOAD_NAME={gateway.name}",
        f"ISTIO_META_OWNER={owner}",
        "ISTIO_META_MESH_ID=cluster.local",
        "TRUST_DOMAIN=cluster.local",
        "ISTIO_META_UNPRIVILEGED_POD=true",
        "ISTIO_META_CLUSTER_ID=Kubernetes",
        "ISTIO_META_NODE_NAME=@spec.nodeName",
    )
    return standard + build_extra_environment(gateway.get_value("env"))
