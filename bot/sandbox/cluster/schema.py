"""How the parts of an object merge: which lists are maps by key or sets, and which parts are replaced whole.

Server-side apply, field managers and the strategic merge patch all read it. The table repeats in short form what
Kubernetes 1.36 publishes in its OpenAPI (`x-kubernetes-list-type`, `-list-map-keys`, `-map-type`, `-patch-merge-key`);
what it does not name is the default: maps merge by field, lists are replaced.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Node:
    """One place in an object.

    `keys`: a list of maps told apart by these fields. `merge_key`: the field by which the strategic merge patch tells
    them apart. `merge_set`: a list of plain values that the strategic merge patch adds to.
    """

    fields: Mapping[str, Node] = field(default_factory=dict)
    element: Node | None = None
    atomic: bool = False
    keys: tuple[str, ...] = ()
    is_set: bool = False
    merge_key: str = ""
    merge_set: bool = False
    retain_keys: bool = False
    key_defaults: Mapping[str, Any] = field(default_factory=dict)

    def child(self, name: str) -> Node:
        """The place of one field (or of every value of a map)."""
        return self.fields.get(name) or self.element or ANY

    @property
    def item(self) -> Node:
        """The place of one item of a list."""
        return self.element or ANY


ANY = Node()
_ATOMIC = Node(atomic=True)


def _struct(**fields: Node) -> Node:
    return Node(fields=fields)


def _keyed(*keys: str, item: Node = ANY, retain: bool = False, **defaults: str) -> Node:
    return Node(element=item, keys=keys, merge_key=keys[0], retain_keys=retain, key_defaults=defaults)


def _map_only(*keys: str, item: Node = ANY) -> Node:
    return Node(element=item, keys=keys)


def _list_of(item: Node) -> Node:
    """A list that is replaced whole by apply."""
    return Node(element=item)


META = _struct(
    finalizers=Node(is_set=True, merge_set=True),
    ownerReferences=_keyed("uid", item=_ATOMIC),
    managedFields=Node(),
)
_CONDITIONS = _struct(conditions=_keyed("type"))
_SELECTOR = _struct(selector=_ATOMIC)
_VALUE_FROM = _struct(configMapKeyRef=_ATOMIC, secretKeyRef=_ATOMIC, fieldRef=_ATOMIC, resourceFieldRef=_ATOMIC)
_CONTAINER = _struct(
    env=_keyed("name", item=_struct(valueFrom=_VALUE_FROM)),
    ports=_keyed("containerPort", "protocol", protocol="TCP"),
    volumeMounts=_keyed("mountPath"),
    volumeDevices=_keyed("devicePath"),
    resources=_struct(claims=_map_only("name")),
)
_REFERENCES = dict.fromkeys(("secretRef", "nodePublishSecretRef", "fieldRef", "resourceFieldRef"), _ATOMIC)
_VOLUME = Node(fields={name: Node(fields=_REFERENCES) for name in ("csi", "cephfs", "rbd", "iscsi", "flexVolume")})
_SPREAD = _keyed("topologyKey", "whenUnsatisfiable", item=_struct(labelSelector=_ATOMIC))
_AFFINITY = _struct(nodeAffinity=_struct(requiredDuringSchedulingIgnoredDuringExecution=_ATOMIC))
POD_SPEC = _struct(
    affinity=_AFFINITY,
    containers=_keyed("name", item=_CONTAINER),
    initContainers=_keyed("name", item=_CONTAINER),
    ephemeralContainers=_keyed("name", item=_CONTAINER),
    hostAliases=_keyed("ip"),
    imagePullSecrets=_keyed("name"),
    nodeSelector=_ATOMIC,
    resourceClaims=_keyed("name", retain=True),
    schedulingGates=_keyed("name"),
    topologySpreadConstraints=_SPREAD,
    volumes=_keyed("name", item=_VOLUME, retain=True),
)
_TEMPLATE = _struct(metadata=META, spec=POD_SPEC)
_WORKLOAD = _struct(selector=_ATOMIC, template=_TEMPLATE)
_DEPLOYMENT = _struct(selector=_ATOMIC, template=_TEMPLATE, strategy=Node(retain_keys=True))
_JOB = _struct(selector=_ATOMIC, template=_TEMPLATE)
_WEBHOOK = _struct(
    matchConditions=_keyed("name"),
    namespaceSelector=_ATOMIC,
    objectSelector=_ATOMIC,
)
_MATCH = _ATOMIC


def _kind(**fields: Node) -> Node:
    return _struct(metadata=META, **fields)


_WORKLOAD_KIND = _kind(spec=_WORKLOAD, status=_CONDITIONS)
_LOAD_BALANCER = _struct(conditions=_keyed("type"), loadBalancer=ANY)

BUILT_IN: Mapping[str, Node] = {
    "Pod": _kind(
        spec=POD_SPEC,
        status=_struct(
            conditions=_keyed("type"),
            podIPs=_keyed("ip"),
            hostIPs=Node(merge_key="ip"),
            resourceClaimStatuses=_keyed("name", retain=True),
        ),
    ),
    "PodTemplate": _kind(template=_TEMPLATE),
    "Deployment": _kind(spec=_DEPLOYMENT, status=_CONDITIONS),
    "ReplicaSet": _WORKLOAD_KIND,
    "StatefulSet": _WORKLOAD_KIND,
    "DaemonSet": _WORKLOAD_KIND,
    "ReplicationController": _WORKLOAD_KIND,
    "Job": _kind(spec=_JOB, status=_struct(conditions=Node(merge_key="type"))),
    "CronJob": _kind(spec=_struct(jobTemplate=_struct(metadata=META, spec=_JOB))),
    "Service": _kind(
        spec=_struct(ports=_keyed("port", "protocol", protocol="TCP"), selector=_ATOMIC),
        status=_LOAD_BALANCER,
    ),
    "ServiceAccount": _kind(secrets=_keyed("name", item=ANY)),
    "Namespace": _kind(status=_CONDITIONS),
    "Node": _kind(
        spec=_struct(podCIDRs=Node(is_set=True, merge_set=True)),
        status=_struct(conditions=_keyed("type"), addresses=_keyed("type")),
    ),
    "HorizontalPodAutoscaler": _kind(status=_CONDITIONS),
    "PodDisruptionBudget": _kind(spec=_SELECTOR, status=_CONDITIONS),
    "MutatingWebhookConfiguration": _kind(webhooks=_keyed("name", item=_WEBHOOK)),
    "ValidatingWebhookConfiguration": _kind(webhooks=_keyed("name", item=_WEBHOOK)),
    "ValidatingAdmissionPolicy": _kind(
        spec=_struct(
            matchConditions=_keyed("name"),
            matchConstraints=_MATCH,
            paramKind=_ATOMIC,
            variables=_keyed("name", item=_ATOMIC),
        ),
        status=_struct(conditions=_map_only("type")),
    ),
    "ValidatingAdmissionPolicyBinding": _kind(
        spec=_struct(matchResources=_MATCH, paramRef=_ATOMIC, validationActions=Node(is_set=True)),
    ),
    "CustomResourceDefinition": _kind(status=_struct(conditions=_map_only("type"))),
    "RoleBinding": _kind(roleRef=_ATOMIC),
    "ClusterRoleBinding": _kind(roleRef=_ATOMIC),
    "NetworkPolicy": _kind(spec=_struct(podSelector=_ATOMIC)),
    "PersistentVolumeClaim": _kind(spec=_SELECTOR, status=_CONDITIONS),
    "Event": _kind(involvedObject=_ATOMIC, related=_ATOMIC),
    "EndpointSlice": _kind(endpoints=_list_of(ANY)),
}
"""By kind; all other built-in kinds have the default."""

DEFAULT = _kind()


def built_in(kind: str) -> Node:
    """The merge rules of a built-in kind."""
    return BUILT_IN.get(kind, DEFAULT)


def from_openapi(openapi: Mapping[str, Any]) -> Node:
    """The merge rules that a CRD's schema states; metadata is Kubernetes' own."""
    node = _from_openapi(openapi)
    return Node(fields={**node.fields, "metadata": META}, element=node.element)


def _from_openapi(openapi: Mapping[str, Any]) -> Node:
    extra = openapi.get("additionalProperties")
    child = openapi.get("items") or (extra if isinstance(extra, dict) else None)
    list_type = openapi.get("x-kubernetes-list-type")
    keys = tuple(openapi.get("x-kubernetes-list-map-keys") or ()) if list_type == "map" else ()
    return Node(
        fields={name: _from_openapi(sub) for name, sub in (openapi.get("properties") or {}).items()},
        element=_from_openapi(child) if child else None,
        atomic=openapi.get("x-kubernetes-map-type") == "atomic",
        keys=keys,
        is_set=list_type == "set",
        key_defaults=_key_defaults(keys, child),
    )


def _key_defaults(keys: tuple[str, ...], item: Mapping[str, Any] | None) -> dict[str, Any]:
    properties = (item or {}).get("properties") or {}
    return {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}


@functools.cache
def skeleton(kind: str) -> Mapping[str, Any]:
    """What an empty object of a built-in kind holds already, so that nobody is said to have added it."""
    template = {"metadata": {}, "spec": {"containers": None}}
    if kind == "Deployment":
        return {"metadata": {}, "spec": {"selector": None, "strategy": {}, "template": template}, "status": {}}
    if kind == "DaemonSet":
        return {"metadata": {}, "spec": {"selector": None, "updateStrategy": {}, "template": template}, "status": {}}
    if kind in {"ReplicaSet", "StatefulSet"}:
        return {"metadata": {}, "spec": {"selector": None, "template": template}, "status": {}}
    if kind == "Pod":
        return {"metadata": {}, "spec": {"containers": None}, "status": {}}
    if kind == "CustomResourceDefinition":
        return {"metadata": {}, "spec": {"names": {}}, "status": {}}
    if kind in {"Service", "Namespace", "Node", "HorizontalPodAutoscaler", "PodDisruptionBudget"}:
        return {"metadata": {}, "spec": {}, "status": {}}
    return {"metadata": {}}
