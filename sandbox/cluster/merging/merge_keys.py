"""Merge rules of objects: lists that are maps by key or sets, and atomic parts.

Server-side apply, field managers and the strategic merge patch all read them. The table
repeats in short form what Kubernetes 1.36 publishes in its OpenAPI
(`x-kubernetes-list-type`, `-list-map-keys`, `-map-type`, `-patch-merge-key`); what it
does not name is the default: maps merge by field, lists are replaced.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SchemaNode:
    """One place in an object.

    `keys`: a list of maps told apart by these fields. `merge_key`: the field by which the strategic
    merge patch tells them apart. `merge_set`: a list of plain values that the strategic merge patch
    adds to.
    """

    fields: Mapping[str, SchemaNode] = field(default_factory=dict)
    element: SchemaNode | None = None
    atomic: bool = False
    keys: tuple[str, ...] = ()
    is_set: bool = False
    merge_key: str = ""
    merge_set: bool = False
    retain_keys: bool = False
    key_defaults: Mapping[str, Any] = field(default_factory=dict)

    def get_child(self, name: str) -> SchemaNode:
        """Return the rules of one field (or of every value of a map)."""
        return self.fields.get(name) or self.element or ANY

    @property
    def item(self) -> SchemaNode:
        """The rules of one item of a list."""
        return self.element or ANY


ANY = SchemaNode()
_ATOMIC = SchemaNode(atomic=True)


def _struct(**fields: SchemaNode) -> SchemaNode:
    return SchemaNode(fields=fields)


def _keyed_list(
    *keys: str, item: SchemaNode = ANY, retain: bool = False, **defaults: str
) -> SchemaNode:
    return SchemaNode(
        element=item, keys=keys, merge_key=keys[0], retain_keys=retain, key_defaults=defaults
    )


def _map_list(*keys: str, item: SchemaNode = ANY) -> SchemaNode:
    return SchemaNode(element=item, keys=keys)


def _atomic_list(item: SchemaNode) -> SchemaNode:
    """Return the rules of a list that apply replaces whole."""
    return SchemaNode(element=item)


META = _struct(
    finalizers=SchemaNode(is_set=True, merge_set=True),
    ownerReferences=_keyed_list("uid", item=_ATOMIC),
    managedFields=SchemaNode(),
)
_CONDITIONS = _struct(conditions=_keyed_list("type"))
_SELECTOR = _struct(selector=_ATOMIC)
_VALUE_FROM = _struct(
    configMapKeyRef=_ATOMIC, secretKeyRef=_ATOMIC, fieldRef=_ATOMIC, resourceFieldRef=_ATOMIC
)
_CONTAINER = _struct(
    env=_keyed_list("name", item=_struct(valueFrom=_VALUE_FROM)),
    ports=_keyed_list("containerPort", "protocol", protocol="TCP"),
    volumeMounts=_keyed_list("mountPath"),
    volumeDevices=_keyed_list("devicePath"),
    resources=_struct(claims=_map_list("name")),
)
_REFERENCES = dict.fromkeys(
    ("secretRef", "nodePublishSecretRef", "fieldRef", "resourceFieldRef"), _ATOMIC
)
_VOLUME = SchemaNode(
    fields={
        name: SchemaNode(fields=_REFERENCES)
        for name in ("csi", "cephfs", "rbd", "iscsi", "flexVolume")
    }
)
_SPREAD = _keyed_list("topologyKey", "whenUnsatisfiable", item=_struct(labelSelector=_ATOMIC))
_AFFINITY = _struct(nodeAffinity=_struct(requiredDuringSchedulingIgnoredDuringExecution=_ATOMIC))
POD_SPEC = _struct(
    affinity=_AFFINITY,
    containers=_keyed_list("name", item=_CONTAINER),
    initContainers=_keyed_list("name", item=_CONTAINER),
    ephemeralContainers=_keyed_list("name", item=_CONTAINER),
    hostAliases=_keyed_list("ip"),
    imagePullSecrets=_keyed_list("name"),
    nodeSelector=_ATOMIC,
    resourceClaims=_keyed_list("name", retain=True),
    schedulingGates=_keyed_list("name"),
    topologySpreadConstraints=_SPREAD,
    volumes=_keyed_list("name", item=_VOLUME, retain=True),
)
_TEMPLATE = _struct(metadata=META, spec=POD_SPEC)
_WORKLOAD = _struct(selector=_ATOMIC, template=_TEMPLATE)
_DEPLOYMENT = _struct(selector=_ATOMIC, template=_TEMPLATE, strategy=SchemaNode(retain_keys=True))
_JOB = _struct(selector=_ATOMIC, template=_TEMPLATE)
_WEBHOOK = _struct(
    matchConditions=_keyed_list("name"),
    namespaceSelector=_ATOMIC,
    objectSelector=_ATOMIC,
)
_MATCH = _ATOMIC


def _kind_schema(**fields: SchemaNode) -> SchemaNode:
    return _struct(metadata=META, **fields)


_WORKLOAD_KIND = _kind_schema(spec=_WORKLOAD, status=_CONDITIONS)
_LOAD_BALANCER = _struct(conditions=_keyed_list("type"), loadBalancer=ANY)

BUILT_IN: Mapping[str, SchemaNode] = {
    "Pod": _kind_schema(
        spec=POD_SPEC,
        status=_struct(
            conditions=_keyed_list("type"),
            podIPs=_keyed_list("ip"),
            hostIPs=SchemaNode(merge_key="ip"),
            resourceClaimStatuses=_keyed_list("name", retain=True),
        ),
    ),
    "PodTemplate": _kind_schema(template=_TEMPLATE),
    "Deployment": _kind_schema(spec=_DEPLOYMENT, status=_CONDITIONS),
    "ReplicaSet": _WORKLOAD_KIND,
    "StatefulSet": _WORKLOAD_KIND,
    "DaemonSet": _WORKLOAD_KIND,
    "ReplicationController": _WORKLOAD_KIND,
    "Job": _kind_schema(spec=_JOB, status=_struct(conditions=SchemaNode(merge_key="type"))),
    "CronJob": _kind_schema(spec=_struct(jobTemplate=_struct(metadata=META, spec=_JOB))),
    "Service": _kind_schema(
        spec=_struct(ports=_keyed_list("port", "protocol", protocol="TCP"), selector=_ATOMIC),
        status=_LOAD_BALANCER,
    ),
    "ServiceAccount": _kind_schema(secrets=_keyed_list("name", item=ANY)),
    "Namespace": _kind_schema(status=_CONDITIONS),
    "Node": _kind_schema(
        spec=_struct(podCIDRs=SchemaNode(is_set=True, merge_set=True)),
        status=_struct(conditions=_keyed_list("type"), addresses=_keyed_list("type")),
    ),
    "HorizontalPodAutoscaler": _kind_schema(status=_CONDITIONS),
    "PodDisruptionBudget": _kind_schema(spec=_SELECTOR, status=_CONDITIONS),
    "MutatingWebhookConfiguration": _kind_schema(webhooks=_keyed_list("name", item=_WEBHOOK)),
    "ValidatingWebhookConfiguration": _kind_schema(webhooks=_keyed_list("name", item=_WEBHOOK)),
    "ValidatingAdmissionPolicy": _kind_schema(
        spec=_struct(
            matchConditions=_keyed_list("name"),
            matchConstraints=_MATCH,
            paramKind=_ATOMIC,
            variables=_keyed_list("name", item=_ATOMIC),
        ),
        status=_struct(conditions=_map_list("type")),
    ),
    "ValidatingAdmissionPolicyBinding": _kind_schema(
        spec=_struct(
            matchResources=_MATCH, paramRef=_ATOMIC, validationActions=SchemaNode(is_set=True)
        ),
    ),
    "CustomResourceDefinition": _kind_schema(status=_struct(conditions=_map_list("type"))),
    "RoleBinding": _kind_schema(roleRef=_ATOMIC),
    "ClusterRoleBinding": _kind_schema(roleRef=_ATOMIC),
    "NetworkPolicy": _kind_schema(spec=_struct(podSelector=_ATOMIC)),
    "PersistentVolumeClaim": _kind_schema(spec=_SELECTOR, status=_CONDITIONS),
    "Event": _kind_schema(involvedObject=_ATOMIC, related=_ATOMIC),
    "EndpointSlice": _kind_schema(endpoints=_atomic_list(ANY)),
}
"""By kind; all other built-in kinds have the default."""

DEFAULT = _kind_schema()


def get_builtin_schema(kind: str) -> SchemaNode:
    """Return the merge rules of a built-in kind."""
    return BUILT_IN.get(kind, DEFAULT)


def parse_openapi(openapi: Mapping[str, Any]) -> SchemaNode:
    """Return the merge rules that a CRD's schema states; metadata is Kubernetes' own."""
    node = _parse_openapi_node(openapi)
    return SchemaNode(fields={**node.fields, "metadata": META}, element=node.element)


def _parse_openapi_node(openapi: Mapping[str, Any]) -> SchemaNode:
    extra = openapi.get("additionalProperties")
    child = openapi.get("items") or (extra if isinstance(extra, dict) else None)
    list_type = openapi.get("x-kubernetes-list-type")
    keys = tuple(openapi.get("x-kubernetes-list-map-keys") or ()) if list_type == "map" else ()
    return SchemaNode(
        fields={
            name: _parse_openapi_node(sub)
            for name, sub in (openapi.get("properties") or {}).items()
        },
        element=_parse_openapi_node(child) if child else None,
        atomic=openapi.get("x-kubernetes-map-type") == "atomic",
        keys=keys,
        is_set=list_type == "set",
        key_defaults=_read_key_defaults(keys, child),
    )


def _read_key_defaults(keys: tuple[str, ...], item: Mapping[str, Any] | None) -> dict[str, Any]:
    properties = (item or {}).get("properties") or {}
    return {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}


@functools.cache
def get_empty_skeleton(kind: str) -> Mapping[str, Any]:
    """Return what an empty object of a built-in kind holds already.

    No field manager is recorded as the owner of these fields.
    """
    template = {"metadata": {}, "spec": {"containers": None}}
    if kind == "Deployment":
        return {
            "metadata": {},
            "spec": {"selector": None, "strategy": {}, "template": template},
            "status": {},
        }
    if kind == "DaemonSet":
        return {
            "metadata": {},
            "spec": {"selector": None, "updateStrategy": {}, "template": template},
            "status": {},
        }
    if kind in {"ReplicaSet", "StatefulSet"}:
        return {"metadata": {}, "spec": {"selector": None, "template": template}, "status": {}}
    if kind == "Pod":
        return {"metadata": {}, "spec": {"containers": None}, "status": {}}
    if kind == "CustomResourceDefinition":
        return {"metadata": {}, "spec": {"names": {}}, "status": {}}
    if kind in {"Service", "Namespace", "Node", "HorizontalPodAutoscaler", "PodDisruptionBudget"}:
        return {"metadata": {}, "spec": {}, "status": {}}
    return {"metadata": {}}
