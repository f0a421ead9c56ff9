"""The parts of Kubernetes objects that all controllers read and build: names, owners, conditions,
hashes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sandbox.cluster.contract import Object, Ref

PODS = Ref("", "pods")
NODES = Ref("", "nodes")
SERVICES = Ref("", "services")
ENDPOINTS = Ref("", "endpoints")
EVENTS = Ref("", "events")
NAMESPACES = Ref("", "namespaces")
SERVICE_ACCOUNTS = Ref("", "serviceaccounts")
CONFIG_MAPS = Ref("", "configmaps")
DEPLOYMENTS = Ref("apps", "deployments")
REPLICA_SETS = Ref("apps", "replicasets")
DAEMON_SETS = Ref("apps", "daemonsets")
STATEFUL_SETS = Ref("apps", "statefulsets")
JOBS = Ref("batch", "jobs")
ENDPOINT_SLICES = Ref("discovery.k8s.io", "endpointslices")
CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")

CONTROLLER_MANAGER = "kube-controller-manager"


class Key(NamedTuple):
    """An object's place within its type; namespace "" is the cluster."""

    namespace: str
    name: str


def key_of(obj: Object) -> Key:
    """Return the object's key: its namespace and name."""
    meta = obj["metadata"]
    return Key(meta.get("namespace", ""), meta["name"])


def uid_of(obj: Object) -> str:
    """Return the object's uid."""
    return str(obj["metadata"]["uid"])


def labels_of(obj: Object) -> dict[str, str]:
    """Return the object's labels, possibly none."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> dict[str, str]:
    """Return the object's annotations, possibly none."""
    return obj["metadata"].get("annotations") or {}


def is_deleting(obj: Object) -> bool:
    """Tell whether the object is being deleted (has a deletionTimestamp)."""
    return "deletionTimestamp" in obj["metadata"]


def owners_of(obj: Object) -> list[Object]:
    """Return the object's owner references."""
    return obj["metadata"].get("ownerReferences") or []


def controller_of(obj: Object) -> Object | None:
    """Return the owner reference of the object's controller, or None."""
    return next((owner for owner in owners_of(obj) if owner.get("controller")), None)


def build_controller_ref(owner: Object, api_version: str, kind: str) -> Object:
    """Return the owner reference by which `owner` controls what it creates."""
    meta = owner["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def find_status_condition(obj: Object, kind: str) -> Object | None:
    """Return the condition of that type in the object's status, or None."""
    return find_condition(obj.get("status", {}).get("conditions") or [], kind)


def find_condition(conditions: Iterable[Object], kind: str) -> Object | None:
    """Return the condition of that type in a list, or None."""
    return next((each for each in conditions if each["type"] == kind), None)


def is_condition_true(condition: Object | None) -> bool:
    """Tell whether the condition is there and True."""
    return condition is not None and condition["status"] == "True"


def replace_metadata(obj: Object, **changes: Any) -> Object:
    """Return a copy whose metadata has these fields changed; the rest is shared."""
    return {**obj, "metadata": {**obj["metadata"], **changes}}


def drop_zero_counters(status: Object, *kept: str) -> Object:
    """Return the status without zero counters except those named.

    Kubernetes' `omitempty` does the same.
    """
    return {
        name: value
        for name, value in status.items()
        if value or name in kept or isinstance(value, bool)
    }


def resolve_int_or_percent(value: int | str, total: int, *, round_up: bool) -> int:
    """Return an int-or-percent field (`25%`) as a number of `total`."""
    if isinstance(value, int):
        return value
    exact = int(value.removesuffix("%")) * total / 100
    return math.ceil(exact) if round_up else math.floor(exact)


def parse_timestamp(stamp: str) -> datetime:
    """Parse an RFC 3339 timestamp of the API."""
    return datetime.fromisoformat(stamp).astimezone(UTC)


_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def hash_pod_template(template: Mapping[str, Any]) -> str:
    """Return a short hash of a pod template for names and labels.

    It is FNV-1a (32 bit) written in the letters that Kubernetes uses for it.
    """
    value = 0x811C9DC5
    for byte in json.dumps(template, sort_keys=True, separators=(",", ":")).encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(value))
