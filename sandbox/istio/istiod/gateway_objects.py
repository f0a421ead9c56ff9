"""The ServiceAccount, Deployment and Service that istiod creates for a Gateway.

Their traits are those recorded of each release.
"""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Object
from sandbox.istio.istiod import proxy
from sandbox.istio.istiod.gateway_classes import MESH_CONTROLLER
from sandbox.istio.istiod.gateway_labels import GatewayLabels
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration

SERVICE_TYPE = "networking.istio.io/service-type"
_NAME_OVERRIDE = "gateway.istio.io/name-override"


class GatewayRenderer:
    """Builds the objects that one Gateway is deployed as."""

    def __init__(self, gateway: Object, controller: str, mesh: MeshConfiguration) -> None:
        self._mesh = mesh
        self._meta, self._spec = gateway["metadata"], gateway["spec"]
        self._facts = mesh.identity.facts
        self.waypoint = controller == MESH_CONTROLLER
        self.name = get_deployed_name(gateway, controller)
        self._labels = GatewayLabels(gateway, controller, self.name, mesh)

    def build_objects(self) -> list[Object]:
        """Build ServiceAccount, Deployment and Service, for server-side apply."""
        return [self._build_service_account(), self._build_deployment(), self._build_service()]

    def _build_object(self, api: str, kind: str, annotations: dict[str, str]) -> Object:
        owner = {k: self._meta[k] for k in ("name", "uid")}
        owner |= {"apiVersion": self._facts.gateway_api, "kind": "Gateway"}
        meta: Object = {
            "name": self.name,
            "namespace": self._meta["namespace"],
            "labels": self._labels.build_labels(),
        }
        meta |= {"ownerReferences": [owner]} | ({"annotations": annotations} if annotations else {})
        return {"apiVersion": api, "kind": kind, "metadata": meta}

    def _build_service_account(self) -> Object:
        return self._build_object("v1", "ServiceAccount", self._labels.copy_annotations())

    def _build_service(self) -> Object:
        annotations = self._labels.copy_annotations()
        if self.waypoint and self._facts.nearby_waypoints:
            annotations.setdefault("networking.istio.io/traffic-distribution", "PreferClose")
        spec: Object = {
            "type": annotations.get(SERVICE_TYPE)
            or ("ClusterIP" if self.waypoint else "LoadBalancer"),
            "selector": self._labels.build_selector(),
            "ports": [
                _build_service_port("status-port", 15021, "tcp"),
                *self._build_listener_ports(),
            ],
        }
        return self._build_object("v1", "Service", annotations) | {"spec": spec}

    def _build_listener_ports(self) -> list[Object]:
        # Listeners may share a port, a Service's ports may not.
        ports: dict[int, Object] = {}
        for one in self._spec.get("listeners") or []:
            ports.setdefault(
                one["port"], _build_service_port(one["name"], one["port"], one["protocol"].lower())
            )
        return list(ports.values())

    def _build_deployment(self) -> Object:
        scraped = {"path": "/stats/prometheus", "port": "15020", "scrape": "true"}
        annotations = {
            f"prometheus.io/{k}": v for k, v in scraped.items()
        } | self._labels.copy_annotations()
        annotations["istio.io/rev"] = self._mesh.identity.revision
        names = proxy.WAYPOINT_VOLUMES if self.waypoint else proxy.GATEWAY_VOLUMES
        pod: Object = {
            "serviceAccountName": self.name,
            "containers": [self._build_container(names)],
            "volumes": proxy.build_volumes(names),
        }
        if not self.waypoint:
            # The Envoy is not root, and listens on ports such as 80.
            sysctl = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
            pod["securityContext"] = {"sysctls": [sysctl]}
        template = {
            "metadata": {"annotations": annotations, "labels": self._labels.build_pod_labels()},
            "spec": pod,
        }
        spec = {"selector": {"matchLabels": self._labels.build_selector()}, "template": template}
        return self._build_object("apps/v1", "Deployment", self._labels.copy_annotations()) | {
            "spec": spec
        }

    def _build_container(self, volumes: tuple[str, ...]) -> Object:
        mesh = self._mesh
        return {
            "name": "istio-proxy",
            "image": mesh.build_proxy_image(),
            "args": self._build_proxy_args(),
            "env": self._build_environment(),
            "ports": [
                _build_container_port("metrics", 15020),
                _build_container_port("status-port", 15021),
                _build_container_port("http-envoy-prom", 15090),
            ],
            "readinessProbe": proxy.build_health_probe(
                failureThreshold=4, periodSeconds=15, timeoutSeconds=1
            ),
            "startupProbe": proxy.build_health_probe(
                failureThreshold=30, initialDelaySeconds=1, periodSeconds=1, timeoutSeconds=1
            ),
            "resources": mesh.get_waypoint_resources()
            if self.waypoint
            else mesh.get_proxy_resources(),
            "securityContext": dict(proxy.PROXY_SECURITY),
            "volumeMounts": proxy.build_volume_mounts(volumes),
        }

    def _build_proxy_args(self) -> list[str]:
        role = ["waypoint"] if self.waypoint else ["router"]
        cluster = ["--serviceCluster", f"{self.name}.$(POD_NAMESPACE)"] if self.waypoint else []
        logs = ["--proxyLogLevel", "warning", "--proxyComponentLogLevel", "misc:error"]
        logs += ["--log_output_level", "default:info"]
        return ["proxy", *role, "--domain", "$(POD_NAMESPACE).svc.cluster.local", *cluster, *logs]

    def _build_environment(self) -> list[Object]:
        mesh, namespace = self._mesh, self._meta["namespace"]
        ports: list[dict[str, Any]] = [{"name": "ISTIO_META_POD_PORTS", "value": "[]"}]
        ports += [{"name": "ISTIO_META_APP_CONTAINERS", "value": ""}]
        owner = f"kubernetes://apis/apps/v1/namespaces/{namespace}/deployments/{self.name}"
        return [
            *proxy.build_identity_env(mesh),
            *([] if self.waypoint else ports),
            *proxy.build_workload_env(mesh, workload=self.name, owner=owner),
            *proxy.build_metadata_env(mesh),
        ]


def get_deployed_name(gateway: Object, controller: str) -> str:
    """Return the name of the objects that a Gateway is deployed as.

    It ends with the name of the GatewayClass, except for waypoints; the annotation
    `gateway.istio.io/name-override` comes first.
    """
    meta = gateway["metadata"]
    override = (meta.get("annotations") or {}).get(_NAME_OVERRIDE)
    if override:
        return str(override)
    name = str(meta["name"])
    return (
        name if controller == MESH_CONTROLLER else f"{name}-{gateway['spec']['gatewayClassName']}"
    )


def _build_service_port(name: str, number: int, protocol: str) -> Object:
    return {
        "name": name,
        "port": number,
        "targetPort": number,
        "protocol": "TCP",
        "appProtocol": protocol,
    }


def _build_container_port(name: str, number: int) -> Object:
    return {"name": name, "containerPort": number, "protocol": "TCP"}
