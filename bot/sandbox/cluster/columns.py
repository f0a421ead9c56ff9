"""What each column of `kubectl get` shows: names, types and priorities of Kubernetes 1.36, and those of CRDs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.sandbox.cluster import cells
from bot.sandbox.cluster.cells_pod import pod_ready, pod_restarts, pod_status
from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.jsonpath import find, shown

Cell = Callable[[Object, datetime], Any]


@dataclass(frozen=True)
class Column:
    """One column; `wide` ones are shown by `-o wide` only."""

    name: str
    value: Cell
    type: str = "string"
    format: str = ""
    wide: bool = False
    description: str = ""

    def definition(self) -> Object:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description or self.name,
            "priority": 1 if self.wide else 0,
        }


def _plain(name: str, read: Callable[[Object], Any], kind: str = "string") -> Column:
    return Column(name, lambda obj, now: read(obj), kind)


def _wide(name: str, read: Callable[[Object], Any]) -> Column:
    return Column(name, lambda obj, now: read(obj), wide=True)


def _int(name: str, *path: str) -> Column:
    return _plain(name, lambda obj: cells.at(obj, *path) or 0, "integer")


def _text(name: str, *path: str) -> Column:
    return _plain(name, lambda obj: cells.at(obj, *path) or "")


NAME = Column("Name", lambda obj, now: obj["metadata"]["name"], format="name")
AGE = Column("Age", cells.age_of)
_CREATED = Column("Created At", lambda obj, now: obj["metadata"]["creationTimestamp"], "date")
_CONTAINERS = (_wide("Containers", cells.container_names), _wide("Images", cells.container_images))
_WORKLOAD = (*_CONTAINERS, _wide("Selector", cells.selector_text))
_SUBJECTS = (
    Column("Role", lambda obj, now: f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}"),
    AGE,
    _wide("Users", lambda obj: cells.subjects(obj, "User")),
    _wide("Groups", lambda obj: cells.subjects(obj, "Group")),
    _wide("ServiceAccounts", lambda obj: cells.subjects(obj, "ServiceAccount")),
)
_REPLICAS = (
    _int("Desired", "spec", "replicas"),
    _int("Current", "status", "replicas"),
    _int("Ready", "status", "readyReplicas"),
    AGE,
    *_WORKLOAD,
)
_HOOKS = (_plain("Webhooks", lambda obj: len(obj.get("webhooks") or ()), "integer"), AGE)

_BY_KIND: Mapping[str, Iterable[Column]] = {
    "ClusterRole": (NAME, _CREATED),
    "ClusterRoleBinding": (NAME, *_SUBJECTS),
    "ConfigMap": (NAME, _plain("Data", cells.data_count), AGE),
    "CronJob": (
        NAME,
        _text("Schedule", "spec", "schedule"),
        _plain("Timezone", lambda obj: cells.at(obj, "spec", "timeZone") or "<none>"),
        _plain("Suspend", lambda obj: bool(cells.at(obj, "spec", "suspend")), "boolean"),
        _plain("Active", lambda obj: len(cells.at(obj, "status", "active") or ()), "integer"),
        Column("Last Schedule", lambda obj, now: cells.age(cells.at(obj, "status", "lastScheduleTime"), now, "<none>")),
        AGE,
        *_WORKLOAD,
    ),
    "CustomResourceDefinition": (NAME, _CREATED),
    "DaemonSet": (
        NAME,
        _int("Desired", "status", "desiredNumberScheduled"),
        _int("Current", "status", "currentNumberScheduled"),
        _int("Ready", "status", "numberReady"),
        _int("Up-to-date", "status", "updatedNumberScheduled"),
        _int("Available", "status", "numberAvailable"),
        _plain("Node Selector", lambda obj: cells.pairs(cells.at(obj, "spec", "template", "spec", "nodeSelector"))),
        AGE,
        *_WORKLOAD,
    ),
    "Deployment": (
        NAME,
        _plain("Ready", cells.ready_replicas),
        _int("Up-to-date", "status", "updatedReplicas"),
        _int("Available", "status", "availableReplicas"),
        AGE,
        *_WORKLOAD,
    ),
    "EndpointSlice": (
        NAME,
        _text("AddressType", "addressType"),
        _plain("Ports", cells.slice_ports),
        _plain("Endpoints", cells.slice_addresses),
        AGE,
    ),
    "Endpoints": (NAME, _plain("Endpoints", cells.endpoint_addresses), AGE),
    "Event": (
        Column("Last Seen", cells.event_last_seen),
        _text("Type", "type"),
        _text("Reason", "reason"),
        _plain("Object", cells.event_object),
        _wide("Subobject", lambda obj: cells.at(obj, "involvedObject", "fieldPath") or ""),
        _wide("Source", cells.event_source),
        _plain("Message", lambda obj: str(obj.get("message") or "").strip()),
        Column("First Seen", cells.event_first_seen, wide=True),
        Column("Count", lambda obj, now: obj.get("count") or 1, wide=True),
        Column("Name", lambda obj, now: obj["metadata"]["name"], format="name", wide=True),
    ),
    "HorizontalPodAutoscaler": (
        NAME,
        _plain("Reference", cells.autoscaler_reference),
        _plain("Targets", cells.autoscaler_targets),
        _plain("MinPods", lambda obj: str(cells.at(obj, "spec", "minReplicas") or "<unset>")),
        _int("MaxPods", "spec", "maxReplicas"),
        _int("Replicas", "status", "currentReplicas"),
        AGE,
    ),
    "Ingress": (
        NAME,
        _plain("Class", lambda obj: cells.at(obj, "spec", "ingressClassName") or "<none>"),
        _plain("Hosts", cells.ingress_hosts),
        _plain("Address", cells.balancer_addresses),
        _plain("Ports", lambda obj: "80, 443" if cells.at(obj, "spec", "tls") else "80"),
        AGE,
    ),
    "Job": (
        NAME,
        _plain("Status", cells.job_status),
        _plain("Completions", cells.job_completions),
        Column("Duration", cells.job_duration),
        AGE,
        *_WORKLOAD,
    ),
    "Lease": (NAME, _text("Holder", "spec", "holderIdentity"), AGE),
    "LimitRange": (NAME, _CREATED),
    "MutatingWebhookConfiguration": (NAME, *_HOOKS),
    "Namespace": (NAME, _text("Status", "status", "phase"), AGE),
    "NetworkPolicy": (
        NAME,
        _plain("Pod-Selector", lambda obj: cells.selector(cells.at(obj, "spec", "podSelector"))),
        AGE,
    ),
    "Node": (
        NAME,
        _plain("Status", cells.node_status),
        _plain("Roles", cells.node_roles),
        AGE,
        _text("Version", "status", "nodeInfo", "kubeletVersion"),
        _wide("Internal-IP", lambda obj: cells.node_address(obj, "InternalIP")),
        _wide("External-IP", lambda obj: cells.node_address(obj, "ExternalIP")),
        _wide("OS-Image", lambda obj: cells.node_info(obj, "osImage")),
        _wide("Kernel-Version", lambda obj: cells.node_info(obj, "kernelVersion")),
        _wide("Container-Runtime", lambda obj: cells.node_info(obj, "containerRuntimeVersion")),
    ),
    "PersistentVolumeClaim": (
        NAME,
        _text("Status", "status", "phase"),
        _text("Volume", "spec", "volumeName"),
        _text("Capacity", "status", "capacity", "storage"),
        _plain("Access Modes", lambda obj: ",".join(cells.at(obj, "status", "accessModes") or ())),
        _text("StorageClass", "spec", "storageClassName"),
        _plain("VolumeAttributesClass", lambda obj: cells.at(obj, "spec", "volumeAttributesClassName") or "<unset>"),
        AGE,
        _wide("VolumeMode", lambda obj: cells.at(obj, "spec", "volumeMode") or "<unset>"),
    ),
    "Pod": (
        NAME,
        _plain("Ready", pod_ready),
        _plain("Status", pod_status),
        Column("Restarts", pod_restarts),
        AGE,
        _wide("IP", lambda obj: cells.at(obj, "status", "podIP") or "<none>"),
        _wide("Node", lambda obj: cells.at(obj, "spec", "nodeName") or "<none>"),
        _wide("Nominated Node", lambda obj: cells.at(obj, "status", "nominatedNodeName") or "<none>"),
        _wide("Readiness Gates", lambda obj: "<none>"),
    ),
    "PodDisruptionBudget": (
        NAME,
        _plain("Min Available", lambda obj: str(cells.or_na(cells.at(obj, "spec", "minAvailable")))),
        _plain("Max Unavailable", lambda obj: str(cells.or_na(cells.at(obj, "spec", "maxUnavailable")))),
        _int("Allowed Disruptions", "status", "disruptionsAllowed"),
        AGE,
    ),
    "PriorityClass": (
        NAME,
        _int("Value", "value"),
        _plain("Global-Default", lambda obj: bool(obj.get("globalDefault")), "boolean"),
        AGE,
        _text("PreemptionPolicy", "preemptionPolicy"),
    ),
    "ReplicaSet": (NAME, *_REPLICAS),
    "ReplicationController": (NAME, *_REPLICAS),
    "Role": (NAME, _CREATED),
    "RoleBinding": (NAME, *_SUBJECTS),
    "Secret": (NAME, _text("Type", "type"), _plain("Data", lambda obj: len(obj.get("data") or ())), AGE),
    "Service": (
        NAME,
        _text("Type", "spec", "type"),
        _plain("Cluster-IP", lambda obj: cells.at(obj, "spec", "clusterIP") or "<none>"),
        _plain("External-IP", cells.service_external),
        _plain("Port(s)", cells.service_ports),
        AGE,
        _wide("Selector", lambda obj: cells.pairs(cells.at(obj, "spec", "selector"))),
    ),
    "StatefulSet": (NAME, _plain("Ready", cells.ready_replicas), AGE, *_CONTAINERS),
    "StorageClass": (
        NAME,
        _text("Provisioner", "provisioner"),
        _text("ReclaimPolicy", "reclaimPolicy"),
        _text("VolumeBindingMode", "volumeBindingMode"),
        _plain("AllowVolumeExpansion", lambda obj: bool(obj.get("allowVolumeExpansion"))),
        AGE,
    ),
    "ValidatingAdmissionPolicy": (
        NAME,
        _plain("Validations", lambda obj: len(cells.at(obj, "spec", "validations") or ()), "integer"),
        _plain("ParamKind", lambda obj: cells.at(obj, "spec", "paramKind", "kind") or "<unset>"),
        AGE,
    ),
    "ValidatingAdmissionPolicyBinding": (
        NAME,
        _text("PolicyName", "spec", "policyName"),
        _plain("ParamRef", lambda obj: cells.at(obj, "spec", "paramRef", "name") or "<unset>"),
        AGE,
    ),
    "ValidatingWebhookConfiguration": (NAME, *_HOOKS),
}


def builtin_columns(kind: str) -> list[Column]:
    """The columns of a built-in kind; name and age for those without their own."""
    return list(_BY_KIND.get(kind, (NAME, AGE)))


def custom_columns(columns: Iterable[Mapping[str, Any]]) -> list[Column]:
    """The columns of a CRD's version: its name and its additionalPrinterColumns, or its age when it has none."""
    own = [_custom(column) for column in columns]
    date = Column("Age", lambda obj, now: cells.age_of(obj, now), "date")
    return [NAME, *(own or [date])]


def _custom(column: Mapping[str, Any]) -> Column:
    path, kind = column.get("jsonPath", ""), column.get("type", "string")
    return Column(
        column["name"],
        lambda obj, now: _custom_cell(obj, now, path, kind),
        kind,
        column.get("format", ""),
        wide=bool(column.get("priority")),
        description=column.get("description", ""),
    )


def _custom_cell(obj: Object, now: datetime, path: str, kind: str) -> Any:
    found = find(obj, path)
    if not found:
        return None
    if kind == "date":
        return cells.age(found[0], now, "<unknown>")
    return found[0] if kind in ("integer", "number", "boolean") else shown(found)
