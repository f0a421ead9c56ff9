"""The live objects that one answer of Kiali is computed from: workloads with their pods,
Services, Istio config.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.cluster.contract import ApiError, Client, Object, Ref
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.yaml_text import read_yaml

WAYPOINT_CONTROLLER = "istio.io-mesh-controller"
MANAGED = "gateway.istio.io/managed"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
REDIRECTION = "ambient.istio.io/redirection"
SIDECAR_STATUS = "sidecar.istio.io/status"


class ConfigKind(NamedTuple):
    """A kind of Istio or Gateway API object that Kiali lists: its names in either release."""

    group: str
    version: str
    kind: str
    plural: str
    list_key: str
    """Under which Kiali 1 lists it; "" where it doesn't know the kind."""

    @property
    def ref(self) -> Ref:
        """The reference for the Kubernetes API."""
        return Ref(self.group, self.plural)

    @property
    def gvk(self) -> str:
        """The key under which Kiali 2 lists the kind."""
        return f"{self.group}/{self.version}, Kind={self.kind}"

    @property
    def old_kind(self) -> str:
        """The name of the kind in Kiali 1: `K8sGateway`, `VirtualService`."""
        return f"K8s{self.kind}" if self.group == "gateway.networking.k8s.io" else self.kind

    @property
    def old_plural(self) -> str:
        """The kind in Kiali 1's paths: `k8sgateways`, `virtualservices`."""
        return f"k8s{self.plural}" if self.group == "gateway.networking.k8s.io" else self.plural


def _build_config_kinds() -> tuple[ConfigKind, ...]:
    istio, security, gateway = (
        "networking.istio.io",
        "security.istio.io",
        "gateway.networking.k8s.io",
    )
    return (
        ConfigKind(istio, "v1", "DestinationRule", "destinationrules", "destinationRules"),
        ConfigKind(istio, "v1alpha3", "EnvoyFilter", "envoyfilters", "envoyFilters"),
        ConfigKind(istio, "v1", "Gateway", "gateways", "gateways"),
        ConfigKind(istio, "v1", "ServiceEntry", "serviceentries", "serviceEntries"),
        ConfigKind(istio, "v1", "Sidecar", "sidecars", "sidecars"),
        ConfigKind(istio, "v1", "VirtualService", "virtualservices", "virtualServices"),
        ConfigKind(istio, "v1", "WorkloadEntry", "workloadentries", "workloadEntries"),
        ConfigKind(istio, "v1", "WorkloadGroup", "workloadgroups", "workloadGroups"),
        ConfigKind("extensions.istio.io", "v1alpha1", "WasmPlugin", "wasmplugins", "wasmPlugins"),
        ConfigKind("telemetry.istio.io", "v1", "Telemetry", "telemetries", "telemetries"),
        ConfigKind(gateway, "v1", "Gateway", "gateways", "k8sGateways"),
        ConfigKind(gateway, "v1", "GRPCRoute", "grpcroutes", "k8sGRPCRoutes"),
        ConfigKind(gateway, "v1", "HTTPRoute", "httproutes", "k8sHTTPRoutes"),
        ConfigKind(gateway, "v1beta1", "ReferenceGrant", "referencegrants", "k8sReferenceGrants"),
        ConfigKind(gateway, "v1alpha2", "TCPRoute", "tcproutes", "k8sTCPRoutes"),
        ConfigKind(gateway, "v1", "TLSRoute", "tlsroutes", "k8sTLSRoutes"),
        ConfigKind("inference.networking.k8s.io", "v1", "InferencePool", "inferencepools", ""),
        ConfigKind(
            security, "v1", "AuthorizationPolicy", "authorizationpolicies", "authorizationPolicies"
        ),
        ConfigKind(
            security, "v1", "PeerAuthentication", "peerauthentications", "peerAuthentications"
        ),
        ConfigKind(
            security,
            "v1",
            "RequestAuthentication",
            "requestauthentications",
            "requestAuthentications",
        ),
    )


CONFIG_KINDS = _build_config_kinds()
DESTINATION_RULE, ISTIO_GATEWAY, VIRTUAL_SERVICE = (CONFIG_KINDS[i] for i in (0, 2, 5))
SERVICE_ENTRY, K8S_GATEWAY, HTTP_ROUTE = CONFIG_KINDS[3], CONFIG_KINDS[10], CONFIG_KINDS[12]
AUTHORIZATION_POLICY, PEER_AUTHENTICATION = CONFIG_KINDS[17], CONFIG_KINDS[18]
_OWNERS = {"Deployment": "deployments", "DaemonSet": "daemonsets", "StatefulSet": "statefulsets"}
_CORE = {name: Ref("", name) for name in ("namespaces", "services", "pods")}
_CLASSES = Ref("gateway.networking.k8s.io", "gatewayclasses")
_MAPS = Ref("", "configmaps")


@dataclass(frozen=True)
class Workload:
    """A Deployment, DaemonSet or StatefulSet with its pods; `labels` are the pod template's."""

    kind: str
    object: Object
    pods: tuple[Object, ...] = field(repr=False)
    desired: int
    current: int
    available: int

    @property
    def name(self) -> str:
        """The workload's name."""
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The workload's namespace."""
        return str(self.object["metadata"]["namespace"])

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the pod template."""
        return (self.object["spec"]["template"].get("metadata") or {}).get("labels") or {}

    @property
    def has_sidecar(self) -> bool:
        """Tell whether every pod was injected."""
        return bool(self.pods) and self.count_injected() == len(self.pods)

    @property
    def is_captured(self) -> bool:
        """Tell whether a ztunnel has every pod's traffic."""
        return bool(self.pods) and self.count_captured() == len(self.pods)

    def count_injected(self) -> int:
        """Return how many of its pods were injected."""
        return sum(SIDECAR_STATUS in _get_annotations(pod) for pod in self.pods)

    def count_captured(self) -> int:
        """Return how many of its pods a ztunnel has."""
        return sum(_get_annotations(pod).get(REDIRECTION) == "enabled" for pod in self.pods)

    @property
    def is_waypoint(self) -> bool:
        """Tell whether it is a waypoint."""
        managed = self.labels.get(MANAGED) or (self.object["metadata"].get("labels") or {}).get(
            MANAGED
        )
        return managed == WAYPOINT_CONTROLLER

    @property
    def is_gateway(self) -> bool:
        """Tell whether it is a gateway that lets traffic in or out."""
        return not self.is_waypoint and (
            GATEWAY_NAME in self.labels or self.labels.get("istio", "").endswith("gateway")
        )

    @property
    def is_ztunnel(self) -> bool:
        """Tell whether it is ztunnel."""
        return self.labels.get("app") == "ztunnel"

    def get_app(self, *, canonical: bool) -> str:
        """Return the application that it belongs to; "" without a label."""
        own = self.labels.get("app") or self.labels.get("app.kubernetes.io/name") or ""
        return own or (self.labels.get("service.istio.io/canonical-name", "") if canonical else "")

    def get_version(self, *, canonical: bool) -> str:
        """Return its version; "" without a label."""
        own = self.labels.get("version") or self.labels.get("app.kubernetes.io/version") or ""
        return own or (
            self.labels.get("service.istio.io/canonical-revision", "") if canonical else ""
        )


@dataclass(frozen=True)
class MeshObjects:
    """Everything at one moment. Namespaces of Kubernetes itself are left out, as Kiali leaves
    them out.
    """

    namespaces: Mapping[str, Object]
    services: tuple[Object, ...]
    workloads: tuple[Workload, ...]
    config: Mapping[ConfigKind, tuple[Object, ...]]
    gateway_classes: tuple[Object, ...] = ()
    mesh_config: Object = field(default_factory=dict)
    """Mesh configuration, parsed."""

    def list_services(self, namespace: str) -> list[Object]:
        """Return a namespace's Services, by name."""
        return [each for each in self.services if each["metadata"]["namespace"] == namespace]

    def list_workloads(self, namespace: str) -> list[Workload]:
        """Return a namespace's workloads, by name."""
        return [each for each in self.workloads if each.namespace == namespace]

    def list_configs(self, kind: ConfigKind, namespace: str = "") -> list[Object]:
        """Return the objects of a kind, of one namespace or of all."""
        found = self.config.get(kind, ())
        return [each for each in found if namespace in ("", each["metadata"]["namespace"])]

    def list_selected_workloads(self, service: Object) -> list[Workload]:
        """Return the workloads behind a Service."""
        selector = service["spec"].get("selector")
        here = self.list_workloads(service["metadata"]["namespace"])
        return [each for each in here if matches_service_selector(selector, each.labels)]


async def load_mesh_config(client: Client, namespace: str) -> Object:
    """Return the mesh's configuration; empty when there is none."""
    found = await client.get(_MAPS, "istio", namespace)
    text = ((found or {}).get("data") or {}).get("mesh") or ""
    return read_yaml(text) or {}


async def load_objects(client: Client, root: str) -> MeshObjects:
    """List what is there now; kinds whose CRDs are missing have no objects. `root` is the control
    plane's namespace.
    """
    refs = [
        *_CORE.values(),
        _CLASSES,
        *(Ref("apps", plural) for plural in _OWNERS.values()),
        *(k.ref for k in CONFIG_KINDS),
    ]
    lists = dict(
        zip(refs, await asyncio.gather(*(_list_or_empty(client, ref) for ref in refs)), strict=True)
    )
    namespaces = {each["metadata"]["name"]: each for each in lists[_CORE["namespaces"]]}
    shown = {
        name: each for name, each in sorted(namespaces.items()) if not name.startswith("kube-")
    }
    pods = _group_by_owner(lists[_CORE["pods"]])
    workloads = [
        _build_workload(
            kind,
            each,
            pods.get((each["metadata"]["namespace"], kind, each["metadata"]["name"]), ()),
        )
        for kind, plural in _OWNERS.items()
        for each in lists[Ref("apps", plural)]
    ]
    return MeshObjects(
        namespaces=shown,
        services=tuple(_keep_in_namespaces(lists[_CORE["services"]], shown)),
        workloads=tuple(
            sorted(
                (w for w in workloads if w.namespace in shown), key=lambda w: (w.namespace, w.name)
            )
        ),
        config={kind: tuple(_keep_in_namespaces(lists[kind.ref], shown)) for kind in CONFIG_KINDS},
        gateway_classes=tuple(lists[_CLASSES]),
        mesh_config=await load_mesh_config(client, root),
    )


async def _list_or_empty(client: Client, ref: Ref) -> list[Object]:
    try:
        return await client.list(ref)
    except ApiError as error:
        if error.code == 404:
            return []
        raise


def _keep_in_namespaces(objects: list[Object], namespaces: Mapping[str, Object]) -> list[Object]:
    inside = [each for each in objects if each["metadata"].get("namespace") in namespaces]
    return sorted(
        inside, key=lambda each: (each["metadata"]["namespace"], each["metadata"]["name"])
    )


def _get_annotations(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("annotations") or {}


def _group_by_owner(pods: list[Object]) -> dict[tuple[str, str, str], tuple[Object, ...]]:
    found: dict[tuple[str, str, str], tuple[Object, ...]] = {}
    for pod in pods:
        meta = pod["metadata"]
        owner = next(
            (each for each in meta.get("ownerReferences") or () if each.get("controller")), None
        )
        if owner is None:
            continue
        kind, name = owner["kind"], owner["name"]
        if kind == "ReplicaSet":
            kind, name = (
                "Deployment",
                name.removesuffix(f"-{(meta.get('labels') or {}).get('pod-template-hash', '')}"),
            )
        key = (meta["namespace"], kind, name)
        found[key] = (*found.get(key, ()), pod)
    return found


def _build_workload(kind: str, obj: Object, pods: tuple[Object, ...]) -> Workload:
    status, spec = obj.get("status") or {}, obj["spec"]
    if kind == "DaemonSet":
        desired, current = (
            status.get("desiredNumberScheduled", 0),
            status.get("currentNumberScheduled", 0),
        )
        return Workload(kind, obj, pods, desired, current, status.get("numberAvailable", 0))
    desired = spec.get("replicas", 1)
    return Workload(
        kind, obj, pods, desired, status.get("replicas", 0), status.get("availableReplicas", 0)
    )
