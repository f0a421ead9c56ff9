"""Printer columns of `kubectl get`: those of Kubernetes 1.36 and those of CRDs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.printing import cells
from sandbox.cluster.printing.jsonpath import find_values, format_values
from sandbox.cluster.printing.pod_cells import (
    format_pod_readiness,
    format_pod_restarts,
    format_pod_status,
)

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

    def build_definition(self) -> Object:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description or self.name,
            "priority": 1 if self.wide else 0,
        }


def _plain_column(name: str, read: Callable[[Object], Any], kind: str = "string") -> Column:
    return Column(name, lambda obj, now: read(obj), kind)


def _wide_column(name: str, read: Callable[[Object], Any]) -> Column:
    return Column(name, lambda obj, now: read(obj), wide=True)


def _int_column(name: str, *path: str) -> Column:
    return _plain_column(name, lambda obj: cells.get_path(obj, *path) or 0, "integer")


def _text_column(name: str, *path: str) -> Column:
    return _plain_column(name, lambda obj: cells.get_path(obj, *path) or "")


NAME = Column("Name", lambda obj, now: obj["metadata"]["name"], format="name")
AGE = Column("Age", cells.format_object_age)
_CREATED = Column("Created At", lambda obj, now: obj["metadata"]["creationTimestamp"], "date")
_CONTAINERS = (
    _wide_column("Containers", cells.format_container_names),
    _wide_column("Images", cells.format_container_images),
)
_WORKLOAD = (*_CONTAINERS, _wide_column("Selector", cells.format_workload_selector))
_SUBJECTS = (
    Column("Role", lambda obj, now: f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}"),
    AGE,
    _wide_column("Users", lambda obj: cells.format_subjects(obj, "User")),
    _wide_column("Groups", lambda obj: cells.format_subjects(obj, "Group")),
    _wide_column("ServiceAccounts", lambda obj: cells.format_subjects(obj, "ServiceAccount")),
)
_REPLICAS = (
    _int_column("Desired", "spec", "replicas"),
    _int_column("Current", "status", "replicas"),
    _int_column("Ready", "status", "readyReplicas"),
    AGE,
    *_WORKLOAD,
)
_HOOKS = (_plain_column("Webhooks", lambda obj: len(obj.get("webhooks") or ()), "integer"), AGE)

_BY_KIND: Mapping[str, Iterable[Column]] = {
    "ClusterRole": (NAME, _CREATED),
    "ClusterRoleBinding": (NAME, *_SUBJECTS),
    "ConfigMap": (NAME, _plain_column("Data", cells.count_data_keys), AGE),
    "CronJob": (
        NAME,
        _text_column("Schedule", "spec", "schedule"),
        _plain_column("Timezone", lambda obj: cells.get_path(obj, "spec", "timeZone") or "<none>"),
        _plain_column(
            "Suspend", lambda obj: str(bool(cells.get_path(obj, "spec", "suspend"))), "boolean"
        ),
        _plain_column(
            "Active", lambda obj: len(cells.get_path(obj, "status", "active") or ()), "integer"
        ),
        Column(
            "Last Schedule",
            lambda obj, now: cells.format_age(
                cells.get_path(obj, "status", "lastScheduleTime"), now, "<none>"
            ),
        ),
        AGE,
        *_WORKLOAD,
    ),
    "CustomResourceDefinition": (NAME, _CREATED),
    "DaemonSet": (
        NAME,
        _int_column("Desired", "status", "desiredNumberScheduled"),
        _int_column("Current", "status", "currentNumberScheduled"),
        _int_column("Ready", "status", "numberReady"),
        _int_column("Up-to-date", "status", "updatedNumberScheduled"),
        _int_column("Available", "status", "numberAvailable"),
        _plain_column(
            "Node Selector",
            lambda obj: cells.format_labels(
                cells.get_path(obj, "spec", "template", "spec", "nodeSelector")
            ),
        ),
        AGE,
        *_WORKLOAD,
    ),
    "Deployment": (
        NAME,
        _plain_column("Ready", cells.format_ready_replicas),
        _int_column("Up-to-date", "status", "updatedReplicas"),
        _int_column("Available", "status", "availableReplicas"),
        AGE,
        *_WORKLOAD,
    ),
    "EndpointSlice": (
        NAME,
        _text_column("AddressType", "addressType"),
        _plain_column("Ports", cells.format_slice_ports),
        _plain_column("Endpoints", cells.format_slice_addresses),
        AGE,
    ),
    "Endpoints": (NAME, _plain_column("Endpoints", cells.format_endpoint_addresses), AGE),
    "Event": (
        Column("Last Seen", cells.format_event_last_seen),
        _text_column("Type", "type"),
        _text_column("Reason", "reason"),
        _plain_column("Object", cells.format_event_object),
        _wide_column(
            "Subobject", lambda obj: cells.get_path(obj, "involvedObject", "fieldPath") or ""
        ),
        _wide_column("Source", cells.format_event_source),
        _plain_column("Message", lambda obj: str(obj.get("message") or "").strip()),
        Column("First Seen", cells.format_event_first_seen, wide=True),
        Column("Count", lambda obj, now: obj.get("count") or 1, wide=True),
        Column("Name", lambda obj, now: obj["metadata"]["name"], format="name", wide=True),
    ),
    "HorizontalPodAutoscaler": (
        NAME,
        _plain_column("Reference", cells.format_scale_target),
        _plain_column("Targets", cells.format_autoscaler_metrics),
        _plain_column(
            "MinPods", lambda obj: str(cells.get_path(obj, "spec", "minReplicas") or "<unset>")
        ),
        _int_column("MaxPods", "spec", "maxReplicas"),
        _int_column("Replicas", "status", "currentReplicas"),
        AGE,
    ),
    "Ingress": (
        NAME,
        _plain_column(
            "Class", lambda obj: cells.get_path(obj, "spec", "ingressClassName") or "<none>"
        ),
        _plain_column("Hosts", cells.format_ingress_hosts),
        _plain_column("Address", cells.format_load_balancer_addresses),
        _plain_column(
            "Ports", lambda obj: "80, 443" if cells.get_path(obj, "spec", "tls") else "80"
        ),
        AGE,
    ),
    "Job": (
        NAME,
        _plain_column("Status", cells.format_job_status),
        _plain_column("Completions", cells.format_job_completions),
        Column("Duration", cells.format_job_duration),
        AGE,
        *_WORKLOAD,
    ),
    "Lease": (NAME, _text_column("Holder", "spec", "holderIdentity"), AGE),
    "LimitRange": (NAME, _CREATED),
    "MutatingWebhookConfiguration": (NAME, *_HOOKS),
    "Namespace": (NAME, _text_column("Status", "status", "phase"), AGE),
    "NetworkPolicy": (
        NAME,
        _plain_column(
            "Pod-Selector",
            lambda obj: cells.format_label_selector(cells.get_path(obj, "spec", "podSelector")),
        ),
        AGE,
    ),
    "Node": (
        NAME,
        _plain_column("Status", cells.format_node_status),
        _plain_column("Roles", cells.format_node_roles),
        AGE,
        _text_column("Version", "status", "nodeInfo", "kubeletVersion"),
        _wide_column("Internal-IP", lambda obj: cells.get_node_address(obj, "InternalIP")),
        _wide_column("External-IP", lambda obj: cells.get_node_address(obj, "ExternalIP")),
        _wide_column("OS-Image", lambda obj: cells.get_node_info(obj, "osImage")),
        _wide_column("Kernel-Version", lambda obj: cells.get_node_info(obj, "kernelVersion")),
        _wide_column(
            "Container-Runtime", lambda obj: cells.get_node_info(obj, "containerRuntimeVersion")
        ),
    ),
    "PersistentVolumeClaim": (
        NAME,
        _text_column("Status", "status", "phase"),
        _text_column("Volume", "spec", "volumeName"),
        _text_column("Capacity", "status", "capacity", "storage"),
        _plain_column(
            "Access Modes", lambda obj: ",".join(cells.get_path(obj, "status", "accessModes") or ())
        ),
        _text_column("StorageClass", "spec", "storageClassName"),
        _plain_column(
            "VolumeAttributesClass",
            lambda obj: cells.get_path(obj, "spec", "volumeAttributesClassName") or "<unset>",
        ),
        AGE,
        _wide_column(
            "VolumeMode", lambda obj: cells.get_path(obj, "spec", "volumeMode") or "<unset>"
        ),
    ),
    "Pod": (
        NAME,
        _plain_column("Ready", format_pod_readiness),
        _plain_column("Status", format_pod_status),
        Column("Restarts", format_pod_restarts),
        AGE,
        _wide_column("IP", lambda obj: cells.get_path(obj, "status", "podIP") or "<none>"),
        _wide_column("Node", lambda obj: cells.get_path(obj, "spec", "nodeName") or "<none>"),
        _wide_column(
            "Nominated Node",
            lambda obj: cells.get_path(obj, "status", "nominatedNodeName") or "<none>",
        ),
        _wide_column("Readiness Gates", lambda obj: "<none>"),
    ),
    "PodDisruptionBudget": (
        NAME,
        _plain_column(
            "Min Available",
            lambda obj: str(cells.format_optional(cells.get_path(obj, "spec", "minAvailable"))),
        ),
        _plain_column(
            "Max Unavailable",
            lambda obj: str(cells.format_optional(cells.get_path(obj, "spec", "maxUnavailable"))),
        ),
        _int_column("Allowed Disruptions", "status", "disruptionsAllowed"),
        AGE,
    ),
    "PriorityClass": (
        NAME,
        _int_column("Value", "value"),
        _plain_column("Global-Default", lambda obj: bool(obj.get("globalDefault")), "boolean"),
        AGE,
        _text_column("PreemptionPolicy", "preemptionPolicy"),
    ),
    "ReplicaSet": (NAME, *_REPLICAS),
    "ReplicationController": (NAME, *_REPLICAS),
    "Role": (NAME, _CREATED),
    "RoleBinding": (NAME, *_SUBJECTS),
    "ResourceQuota": (
        NAME,
        _plain_column("Request", lambda obj: cells.format_quota(obj, limits=False)),
        _plain_column("Limit", lambda obj: cells.format_quota(obj, limits=True)),
        AGE,
    ),
    "Secret": (
        NAME,
        _text_column("Type", "type"),
        _plain_column("Data", lambda obj: len(obj.get("data") or ())),
        AGE,
    ),
    "Service": (
        NAME,
        _text_column("Type", "spec", "type"),
        _plain_column(
            "Cluster-IP", lambda obj: cells.get_path(obj, "spec", "clusterIP") or "<none>"
        ),
        _plain_column("External-IP", cells.format_external_addresses),
        _plain_column("Port(s)", cells.format_service_ports),
        AGE,
        _wide_column(
            "Selector", lambda obj: cells.format_labels(cells.get_path(obj, "spec", "selector"))
        ),
    ),
    "StatefulSet": (NAME, _plain_column("Ready", cells.format_ready_replicas), AGE, *_CONTAINERS),
    "StorageClass": (
        NAME,
        _text_column("Provisioner", "provisioner"),
        _text_column("ReclaimPolicy", "reclaimPolicy"),
        _text_column("VolumeBindingMode", "volumeBindingMode"),
        _plain_column("AllowVolumeExpansion", lambda obj: bool(obj.get("allowVolumeExpansion"))),
        AGE,
    ),
    "ValidatingAdmissionPolicy": (
        NAME,
        _plain_column(
            "Validations",
            lambda obj: len(cells.get_path(obj, "spec", "validations") or ()),
            "integer",
        ),
        _plain_column(
            "ParamKind", lambda obj: cells.get_path(obj, "spec", "paramKind", "kind") or "<unset>"
        ),
        AGE,
    ),
    "ValidatingAdmissionPolicyBinding": (
        NAME,
        _text_column("PolicyName", "spec", "policyName"),
        _plain_column(
            "ParamRef", lambda obj: cells.get_path(obj, "spec", "paramRef", "name") or "<unset>"
        ),
        AGE,
    ),
    "ValidatingWebhookConfiguration": (NAME, *_HOOKS),
}


def list_builtin_columns(kind: str) -> list[Column]:
    """Return the columns of a built-in kind; name and age for those without their own."""
    return list(_BY_KIND.get(kind, (NAME, AGE)))


def list_custom_columns(columns: Iterable[Mapping[str, Any]]) -> list[Column]:
    """Return the columns of a CRD's version.

    These are its name and its additionalPrinterColumns, or its age when it has none.
    """
    own = [_make_custom_column(column) for column in columns]
    date = Column("Age", lambda obj, now: cells.format_object_age(obj, now), "date")
    return [NAME, *(own or [date])]


def _make_custom_column(column: Mapping[str, Any]) -> Column:
    path, kind = column.get("jsonPath", ""), column.get("type", "string")
    return Column(
        column["name"],
        lambda obj, now: _read_custom_cell(obj, now, path, kind),
        kind,
        column.get("format", ""),
        wide=bool(column.get("priority")),
        description=column.get("description", ""),
    )


def _read_custom_cell(obj: Object, now: datetime, path: str, kind: str) -> Any:
    found = find_values(obj, path)
    if not found:
        return None
    if kind == "date":
        return cells.format_age(found[0], now, "<unknown>")
    return found[0] if kind in ("integer", "number", "boolean") else format_values(found)
