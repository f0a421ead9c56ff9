"""Rules as people write them, for the cases of routing and of faults."""

from __future__ import annotations

from typing import Any

from tests.diagnosis.cluster import Cluster
from tests.diagnosis.shapes import APP, HOUR, ISTIO_API, thing

ABORT = {"abort": {"httpStatus": 500, "percentage": {"value": 100}}}


def match_user(user: str) -> dict[str, Any]:
    """The match of a user who is logged in."""
    return {"headers": {"end-user": {"exact": user}}}


def lead(host: str, *subsets: str, user: str = "", **more: Any) -> dict[str, Any]:
    """One rule of a VirtualService; without subsets to all pods of the host."""
    destinations = [{"host": host, "subset": subset} for subset in subsets] or [{"host": host}]
    told = {"match": [match_user(user)]} if user else {}
    return {**told, **more, "route": [{"destination": each} for each in destinations]}


def add_rules(
    cluster: Cluster,
    host: str,
    *rules: dict[str, Any],
    name: str = "",
    namespace: str = APP,
    age: float = HOUR,
    **spec: Any,
) -> None:
    """Adds a VirtualService for a host."""
    made = thing(f"{ISTIO_API}/v1", "VirtualService", name or host, namespace, age=age)
    cluster.add({**made, "spec": {"hosts": [host], **spec, "http": list(rules)}})


def route(cluster: Cluster, host: str, *subsets: str, **more: Any) -> None:
    """Adds a VirtualService that sends everybody to these subsets."""
    add_rules(cluster, host, lead(host, *subsets), **more)


def fault(cluster: Cluster, host: str, user: str = "", **more: Any) -> None:
    """Adds a VirtualService with a fault for a user, or for everybody."""
    rules = [lead(host, user=user, fault=ABORT), *([lead(host)] if user else [])]
    add_rules(cluster, host, *rules, **more)


def define_subsets(
    cluster: Cluster, host: str, *subsets: str, name: str = "", namespace: str = APP
) -> None:
    """Adds a DestinationRule whose subsets are versions."""
    made = thing(f"{ISTIO_API}/v1", "DestinationRule", name or host.partition(".")[0], namespace)
    named = [{"name": subset, "labels": {"version": subset}} for subset in subsets]
    cluster.add({**made, "spec": {"host": host, "subsets": named}})
