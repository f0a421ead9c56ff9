"""`istioctl ztunnel-config`: workloads and services, computed from the cluster's objects."""

from __future__ import annotations

import json
from typing import Any

from sandbox.cluster.machinery.meta import labels_of
from sandbox.cluster.machinery.selectors import matches_service_selector
from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object
from sandbox.istio.ctl.tables import format_table
from sandbox.istio.errors import CtlError
from sandbox.istio.render.values import to_yaml


def _check_ztunnel_installed(run: IstioctlInvocation) -> None:
    namespace = run["istioNamespace"]
    if run.kube.get("apps/v1", "DaemonSet", "ztunnel", namespace) is None:
        raise CtlError(
            f'failed retrieving: daemonsets.apps "ztunnel" not found in the "{namespace}" namespace'
        )


def _get_waypoint_name(labels: dict[str, str], namespace: Object) -> str:
    theirs = get_nested(namespace, "metadata.labels", {}) or {}
    name = labels.get("istio.io/use-waypoint") or theirs.get("istio.io/use-waypoint") or ""
    return "" if name == "none" else name


def _print_output(
    run: IstioctlInvocation, told: list[dict[str, Any]], rows: list[list[str]]
) -> int:
    form = run["output"]
    run.write_out(
        json.dumps(told, indent=4)
        if form == "json"
        else to_yaml(told)
        if form == "yaml"
        else format_table(rows, gap=1)
    )
    return 0


def print_workloads(run: IstioctlInvocation) -> int:
    """Print pods with address, node, waypoint and protocol.

    The protocol is HBONE where ambient captures the pod, else TCP.
    """
    _check_ztunnel_installed(run)
    wanted = run["workload-namespace"]
    spaces = {n["metadata"]["name"]: n for n in run.kube.list_objects("v1", "Namespace")}
    rows, told = [["NAMESPACE", "POD NAME", "ADDRESS", "NODE", "WAYPOINT", "PROTOCOL"]], []
    for pod in run.kube.list_objects("v1", "Pod", wanted):
        metadata, address = pod["metadata"], get_nested(pod, "status.podIP", "")
        notes = metadata.get("annotations") or {}
        if not address or get_nested(pod, "spec.hostNetwork"):
            continue
        captured = notes.get("ambient.istio.io/redirection") == "enabled"
        waypoint = get_nested(metadata, "labels", {}).get("istio.io/use-waypoint", "")
        row = [
            metadata["namespace"],
            metadata["name"],
            address,
            pod["spec"].get("nodeName", ""),
            waypoint or "None",
        ]
        rows.append([*row, "HBONE" if captured else "TCP"])
        told.append(_describe_workload(pod, "HBONE" if captured else "TCP", spaces))
    return _print_output(run, told, rows)


def _describe_workload(pod: Object, protocol: str, spaces: dict[str, Object]) -> dict[str, Any]:
    metadata = pod["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "serviceAccount": pod["spec"].get("serviceAccountName", "default"),
        "workloadIps": [get_nested(pod, "status.podIP", "")],
        "protocol": protocol,
        "node": pod["spec"].get("nodeName", ""),
        "status": "Healthy",
        "clusterId": "Kubernetes",
        "trustDomain": "cluster.local",
        "waypoint": {
            "destination": _get_waypoint_name(
                metadata.get("labels") or {}, spaces[metadata["namespace"]]
            )
        },
    }


def print_services(run: IstioctlInvocation) -> int:
    """Print Services with address, waypoint and how many of their endpoints are ready."""
    _check_ztunnel_installed(run)
    spaces = {n["metadata"]["name"]: n for n in run.kube.list_objects("v1", "Namespace")}
    pods = run.kube.list_objects("v1", "Pod")
    rows, told = [["NAMESPACE", "SERVICE NAME", "SERVICE VIP", "WAYPOINT", "ENDPOINTS"]], []
    for service in run.kube.list_objects("v1", "Service", run["service-namespace"]):
        metadata = service["metadata"]
        selector = get_nested(service, "spec.selector", {})
        chosen = [
            p
            for p in pods
            if p["metadata"]["namespace"] == metadata["namespace"]
            and matches_service_selector(selector, labels_of(p))
        ]
        ready = sum(
            any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in get_nested(p, "status.conditions", [])
            )
            for p in chosen
        )
        waypoint = _get_waypoint_name(metadata.get("labels") or {}, spaces[metadata["namespace"]])
        address = get_nested(service, "spec.clusterIP", "")
        rows.append(
            [
                metadata["namespace"],
                metadata["name"],
                address,
                waypoint or "None",
                f"{ready}/{len(chosen)}",
            ]
        )
        told.append(
            {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "vips": [address],
                "waypoint": waypoint,
            }
        )
    return _print_output(run, told, rows)
