"""What istiod makes of a Gateway: its ServiceAccount, Deployment and Service, as recorded for each release."""

from __future__ import annotations

from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio import istiod_proxy as proxy
from bot.sandbox.istio.istiod_classes import MESH_CONTROLLER
from bot.sandbox.istio.istiod_mesh import Mesh

SERVICE_TYPE = "networking.istio.io/service-type"
CONTROLLER_VERSION = "gateway.istio.io/controller-version"
_NOT_COPIED = frozenset({CONTROLLER_VERSION, "kubectl.kubernetes.io/last-applied-configuration"})
_NAME_OVERRIDE = "gateway.istio.io/name-override"


class Rendering:
    """One Gateway, seen as what it should make."""

    def __init__(self, gateway: Object, controller: str, mesh: Mesh) -> None:
        self._gateway, self._mesh = gateway, mesh
        self._meta, self._spec = gateway["metadata"], gateway["spec"]
        self._facts = mesh.identity.facts
        self._controller = controller
        self.waypoint = controller == MESH_CONTROLLER
        self.name = deployed_name(gateway, controller)

    def objects(self) -> list[Object]:
        """ServiceAccount, Deployment and Service, for server-side apply."""
        return [self._account(), self._deployment(), self._service()]

    def _annotations(self) -> dict[str, str]:
        own = (self._spec.get("infrastructure") or {}).get("annotations") or self._meta.get("annotations") or {}
        return {k: v for k, v in own.items() if k not in _NOT_COPIED}

    def _inherited(self) -> dict[str, str]:
        return dict((self._spec.get("infrastructure") or {}).get("labels") or self._meta.get("labels") or {})

    def _names(self) -> dict[str, str]:
        gateway, labels = self._meta["name"], {}
        if self._facts.class_label:
            labels["gateway.networking.k8s.io/gateway-class-name"] = self._spec["gatewayClassName"]
        if self._facts.name_label:
            labels["istio.io/gateway-name"] = gateway
        return labels | {"gateway.networking.k8s.io/gateway-name": gateway}

    def _managed(self) -> dict[str, str]:
        return {"gateway.istio.io/managed": self._controller.replace("/", "-", 1)}

    def _outside_mesh(self) -> dict[str, str]:
        return {"istio.io/dataplane-mode": "none"}

    def _labels(self) -> dict[str, str]:
        shunned = self._outside_mesh() if self._mesh.identity.ambient and not self.waypoint else {}
        return shunned | self._inherited() | self._names() | self._managed()

    def _pod_labels(self) -> dict[str, str]:
        labels = {
            "service.istio.io/canonical-name": self.name,
            "service.istio.io/canonical-revision": "latest",
            "sidecar.istio.io/inject": "false",
        }
        labels |= self._outside_mesh() if self.waypoint or self._mesh.identity.ambient else {}
        labels |= self._inherited() | self._names()
        return labels | (self._managed() if self.waypoint or self._facts.managed_pods else {})

    def _base(self, api: str, kind: str, annotations: dict[str, str]) -> Object:
        owner = {k: self._meta[k] for k in ("name", "uid")}
        owner |= {"apiVersion": self._facts.gateway_api, "kind": "Gateway"}
        meta: Object = {"name": self.name, "namespace": self._meta["namespace"], "labels": self._labels()}
        meta |= {"ownerReferences": [owner]} | ({"annotations": annotations} if annotations else {})
        return {"apiVersion": api, "kind": kind, "metadata": meta}

    def _account(self) -> Object:
        return self._base("v1", "ServiceAccount", self._annotations())

    def _service(self) -> Object:
        annotations = self._annotations()
        if self.waypoint and self._facts.nearby_waypoints:
            annotations.setdefault("networking.istio.io/traffic-distribution", "PreferClose")
        spec: Object = {
            "type": annotations.get(SERVICE_TYPE) or ("ClusterIP" if self.waypoint else "LoadBalancer"),
            "selector": self._selector(),
            "ports": [_service_port("status-port", 15021, "tcp"), *self._listener_ports()],
        }
        return self._base("v1", "Service", annotations) | {"spec": spec}

    def _listener_ports(self) -> list[Object]:
        ports: dict[int, Object] = {}
        for one in self._spec.get("listeners") or []:
            ports.setdefault(one["port"], _service_port(one["name"], one["port"], one["protocol"].lower()))
        return list(ports.values())

    def _selector(self) -> dict[str, str]:
        return {"gateway.networking.k8s.io/gateway-name": self._meta["name"]}

    def _deployment(self) -> Object:
        scraped = {"path": "/stats/prometheus", "port": "15020", "scrape": "true"}
        annotations = {f"prometheus.io/{k}": v for k, v in scraped.items()} | self._annotations()
        annotations["istio.io/rev"] = self._mesh.identity.revision
        names = proxy.WAYPOINT_VOLUMES if self.waypoint else proxy.GATEWAY_VOLUMES
        pod: Object = {
            "serviceAccountName": self.name,
            "containers": [self._container(names)],
            "volumes": proxy.volumes(names),
        }
        if not self.waypoint:
            sysctl = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
            pod["securityContext"] = {"sysctls": [sysctl]}
        template = {"metadata": {"annotations": annotations, "labels": self._pod_labels()}, "spec": pod}
        spec = {"selector": {"matchLabels": self._selector()}, "template": template}
        return self._base("apps/v1", "Deployment", self._annotations()) | {"spec": spec}

    def _container(self, volumes: tuple[str, ...]) -> Object:
        mesh = self._mesh
        return {
            "name": "istio-proxy",
            "image": mesh.proxy_image(),
            "args": self._args(),
            "env": self._env(),
            "ports": [
                _container_port("metrics", 15020),
                _container_port("status-port", 15021),
                _container_port("http-envoy-prom", 15090),
            ],
            "readinessProbe": proxy.health_probe(failureThreshold=4, periodSeconds=15, timeoutSeconds=1),
            "startupProbe": proxy.health_probe(
                failureThreshold=30, initialDelaySeconds=1, periodSeconds=1, timeoutSeconds=1
            ),
            "resources": mesh.waypoint_resources() if self.waypoint else mesh.proxy_resources(),
            "securityContext": dict(proxy.PROXY_SECURITY),
            "volumeMounts": proxy.mounts(volumes),
        }

    def _args(self) -> list[str]:
        role = ["waypoint"] if self.waypoint else ["router"]
        cluster = ["--serviceCluster", f"{self.name}.$(POD_NAMESPACE)"] if self.waypoint else []
        logs = ["--proxyLogLevel", "warning", "--proxyComponentLogLevel", "misc:error"]
        logs += ["--log_output_level", "default:info"]
        return ["proxy", *role, "--domain", "$(POD_NAMESPACE).svc.cluster.local", *cluster, *logs]

    def _env(self) -> list[Object]:
        mesh, namespace = self._mesh, self._meta["namespace"]
        ports: list[dict[str, Any]] = [{"name": "ISTIO_META_POD_PORTS", "value": "[]"}]
        ports += [{"name": "ISTIO_META_APP_CONTAINERS", "value": ""}]
        owner = f"kubernetes://apis/apps/v1/namespaces/{namespace}/deployments/{self.name}"
        return [
            *proxy.identity_env(mesh),
            *([] if self.waypoint else ports),
            *proxy.workload_env(mesh, workload=self.name, owner=owner),
            *proxy.metadata_env(mesh),
        ]


def deployed_name(gateway: Object, controller: str) -> str:
    """The name of all that a Gateway makes: with its class's name behind, but for waypoints."""
    meta = gateway["metadata"]
    override = (meta.get("annotations") or {}).get(_NAME_OVERRIDE)
    if override:
        return str(override)
    name = str(meta["name"])
    return name if controller == MESH_CONTROLLER else f"{name}-{gateway['spec']['gatewayClassName']}"


def _service_port(name: str, number: int, protocol: str) -> Object:
    return {"name": name, "port": number, "targetPort": number, "protocol": "TCP", "appProtocol": protocol}


def _container_port(name: str, number: int) -> Object:
    return {"name": name, "containerPort": number, "protocol": "TCP"}
