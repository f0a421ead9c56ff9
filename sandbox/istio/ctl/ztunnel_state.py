"""What ztunnels know, as their configuration dump has it: workloads, Services and policies, made
from the cluster's objects as istiod does (Istio's source).

The fields are those of the dump; `istioctl ztunnel-config -o json` prints them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.cluster.machinery.meta import labels_of
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object
from sandbox.istio.istiod.injection import get_workload_name
from sandbox.releases.release import IstioRelease

Json = dict[str, Any]
_USE, _FOR = "istio.io/use-waypoint", "istio.io/waypoint-for"
_MANAGED = "gateway.istio.io/managed"
_DOMAIN = "svc.cluster.local"
_STRICT = "istio_converted_static_strict"


@dataclass(frozen=True, kw_only=True)
class ZtunnelState:
    """The cluster's objects that ztunnels are told of."""

    release: IstioRelease
    root: str
    namespaces: dict[str, Object]
    pods: list[Object]
    services: list[Object]
    slices: list[Object]
    gateways: list[Object]
    policies: list[Object]
    peers: list[Object]

    @cached_property
    def workloads(self) -> list[Json]:
        """Pods with an address of their own, and endpoints that are no pods; by name."""
        found = [self._describe_pod(pod) for pod in self.pods if _is_told(pod)]
        found += [workload for item in self.slices for workload in self._describe_endpoints(item)]
        return sorted(found, key=lambda w: (f"{w['namespace']}.{w['name']}", w["node"]))

    def _describe_pod(self, pod: Object) -> Json:
        meta, labels = pod["metadata"], labels_of(pod)
        notes = meta.get("annotations") or {}
        captured = notes.get("ambient.istio.io/redirection") == "enabled"
        tunnel = captured or labels.get("networking.istio.io/tunnel") == "http"
        waypoint = self._find_waypoint(pod, ("workload", "all"))
        name, revision = _read_canonical(labels, get_workload_name(pod))
        return {
            "uid": f"Kubernetes//Pod/{meta['namespace']}/{meta['name']}",
            "workloadIps": [get_nested(pod, "status.podIP", "")],
            **({"waypoint": waypoint} if waypoint else {}),
            "protocol": "HBONE" if tunnel else "TCP",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "serviceAccount": pod["spec"].get("serviceAccountName") or "default",
            "workloadName": get_workload_name(pod),
            "workloadType": "deployment",
            "canonicalName": name,
            "canonicalRevision": revision,
            "clusterId": "Kubernetes",
            "trustDomain": "cluster.local",
            "locality": {},
            "node": pod["spec"].get("nodeName", ""),
            "status": "Healthy" if _is_ready(pod) else "Unhealthy",
            "hostname": "",
            **({"capacity": 1} if self.release.istioctl.ztunnel_protocol_column else {}),
            "applicationTunnel": {"protocol": ""},
        }

    def _describe_endpoints(self, item: Object) -> Iterator[Json]:
        """Yield the endpoints of a slice that no pod is behind, such as the API server's."""
        meta = item["metadata"]
        for endpoint in item.get("endpoints") or ():
            if (endpoint.get("targetRef") or {}).get("kind") == "Pod":
                continue
            ready = (endpoint.get("conditions") or {}).get("ready") is not False
            address = endpoint["addresses"][0]
            place = f"{meta['namespace']}/{meta['name']}/{address}"
            yield {
                "uid": f"Kubernetes/discovery.k8s.io/EndpointSlice/{place}",
                "workloadIps": [address],
                "protocol": "TCP",
                "name": meta["name"],
                "namespace": meta["namespace"],
                "serviceAccount": "default",
                "workloadName": "",
                "workloadType": "",
                "canonicalName": "",
                "canonicalRevision": "",
                "clusterId": "Kubernetes",
                "locality": {},
                "node": "",
                "status": "Healthy" if ready else "Unhealthy",
                "hostname": "",
                "applicationTunnel": {"protocol": ""},
            }

    @cached_property
    def services_told(self) -> list[Json]:
        """Services with their endpoints, by name."""
        return [self._describe_service(service) for service in self.services]

    def _describe_service(self, service: Object) -> Json:
        meta, spec = service["metadata"], service["spec"]
        addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
        waypoint = self._find_waypoint(service, ("service", "all"))
        return {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "hostname": f"{meta['name']}.{meta['namespace']}.{_DOMAIN}",
            "vips": [f"/{address}" for address in addresses if address not in ("", "None")],
            "ports": {
                str(p["port"]): p.get("targetPort") if isinstance(p.get("targetPort"), int) else 0
                for p in spec.get("ports") or ()
            },
            **({"waypoint": waypoint} if waypoint else {}),
            "endpoints": {
                uid: {"workloadUid": uid, "service": "", "port": {}}
                for uid in self._list_endpoints(service)
            },
            **({"ipFamilies": "IPv4"} if self.release.istioctl.ztunnel_protocol_column else {}),
        }

    def _list_endpoints(self, service: Object) -> Iterator[str]:
        meta, selector = service["metadata"], service["spec"].get("selector")
        for pod in self.pods:
            beside = pod["metadata"]["namespace"] == meta["namespace"]
            if beside and _is_told(pod) and matches_service_selector(selector, labels_of(pod)):
                yield f"Kubernetes//Pod/{meta['namespace']}/{pod['metadata']['name']}"
        for item in self.slices:
            named = labels_of(item).get("kubernetes.io/service-name") == meta["name"]
            if named and item["metadata"]["namespace"] == meta["namespace"]:
                yield from (each["uid"] for each in self._describe_endpoints(item))

    def _find_waypoint(self, obj: Object, kinds: tuple[str, ...]) -> Json | None:
        """Return the waypoint that an object asks for, itself or by its namespace, if there is one
        for its kind of traffic.
        """
        labels, namespace = labels_of(obj), obj["metadata"]["namespace"]
        if labels.get(_MANAGED) == "istio.io-mesh-controller":
            return None
        home = labels_of(self.namespaces.get(namespace) or {"metadata": {}})
        asked = labels if _USE in labels else home
        name, place = asked.get(_USE, "none"), asked.get(f"{_USE}-namespace", namespace)
        for gateway in self.gateways:
            meta = gateway["metadata"]
            if (meta["name"], meta["namespace"]) == (name, place):
                wanted = labels_of(gateway).get(_FOR, "service")
                return self._name_waypoint(gateway) if wanted in kinds else None
        return None

    def _name_waypoint(self, gateway: Object) -> Json | None:
        meta = gateway["metadata"]
        addresses = get_nested(gateway, "status.addresses", []) or []
        if not addresses:
            return None
        if self.release.istiod.waypoint_hostnames:
            host = f"{meta['name']}.{meta['namespace']}.{_DOMAIN}"
            return {"destination": f"{meta['namespace']}/{host}"}
        found = next((a["value"] for a in addresses if a.get("type") != "Hostname"), "")
        return {"destination": f"/{found}"}

    @cached_property
    def policies_told(self) -> list[Json]:
        """Policies that ztunnels enforce, by namespace and name."""
        found = [told for policy in self.policies if (told := self._describe_policy(policy))]
        if self.peers:
            found.append(_build_policy(_STRICT, self.root, "WorkloadSelector", "Deny"))
        for peer in self.peers:
            spec, meta = peer.get("spec") or {}, peer["metadata"]
            if (
                meta["namespace"] != self.root
                and spec.get("selector")
                and spec.get("portLevelMtls")
            ):
                name = f"converted_peer_authentication_{meta['name']}"
                found.append(_build_policy(name, meta["namespace"], "WorkloadSelector", "Deny"))
        return sorted(found, key=lambda p: (p["namespace"], p["name"]))

    def _describe_policy(self, policy: Object) -> Json | None:
        spec, meta = policy.get("spec") or {}, policy["metadata"]
        action = spec.get("action") or "ALLOW"
        # What names a target is for waypoints; AUDIT and CUSTOM are for Envoys.
        if spec.get("targetRefs") or spec.get("targetRef") or action not in ("ALLOW", "DENY"):
            return None
        everywhere = "Global" if meta["namespace"] == self.root else "Namespace"
        scope = "WorkloadSelector" if spec.get("selector") else everywhere
        return _build_policy(meta["name"], meta["namespace"], scope, action.capitalize())


def _build_policy(name: str, namespace: str, scope: str, action: str) -> Json:
    return {"name": name, "namespace": namespace, "scope": scope, "action": action}


def _is_told(pod: Object) -> bool:
    phase = get_nested(pod, "status.phase", "")
    there = phase in ("Running", "Pending") and bool(get_nested(pod, "status.podIP", ""))
    return there and not get_nested(pod, "spec.hostNetwork")


def _is_ready(pod: Object) -> bool:
    conditions = get_nested(pod, "status.conditions", []) or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _read_canonical(labels: dict[str, str], workload: str) -> tuple[str, str]:
    """Return canonical name and revision: by label, else app and version."""
    prefix = "service.istio.io/canonical-"
    name = labels.get(f"{prefix}name") or labels.get("app.kubernetes.io/name") or labels.get("app")
    revision = labels.get(f"{prefix}revision") or labels.get("version")
    return name or workload, revision or "latest"


def read_ztunnel_state(run: IstioctlInvocation) -> ZtunnelState:
    """Read the objects from the cluster."""
    kube = run.kube
    return ZtunnelState(
        release=run.release,
        root=run["istioNamespace"],
        namespaces={n["metadata"]["name"]: n for n in kube.list_objects("v1", "Namespace")},
        pods=kube.list_objects("v1", "Pod"),
        services=kube.list_objects("v1", "Service"),
        slices=kube.list_objects("discovery.k8s.io/v1", "EndpointSlice"),
        gateways=kube.list_objects("gateway.networking.k8s.io/v1", "Gateway"),
        policies=kube.list_objects("security.istio.io/v1", "AuthorizationPolicy"),
        peers=kube.list_objects("security.istio.io/v1", "PeerAuthentication"),
    )
