"""`istioctl ztunnel-config`: workloads and services as ztunnel knows them, worked out from the cluster's objects."""

from __future__ import annotations

import json
from typing import Any

from bot.sandbox.istio.components.common import at
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.ctl.kube import Object
from bot.sandbox.istio.errors import CtlError
from bot.sandbox.istio.render_values import to_yaml


def _check(run: Invocation) -> None:
    namespace = run["istioNamespace"]
    if run.kube.get("apps/v1", "DaemonSet", "ztunnel", namespace) is None:
        raise CtlError(f'failed retrieving: daemonsets.apps "ztunnel" not found in the "{namespace}" namespace')


def _waypoint_of(labels: dict[str, str], namespace: Object) -> str:
    theirs = at(namespace, "metadata.labels", {}) or {}
    name = labels.get("istio.io/use-waypoint") or theirs.get("istio.io/use-waypoint") or ""
    return "" if name == "none" else name


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) + 1 for i in range(len(rows[0]))]
    return "\n".join("".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _print(run: Invocation, told: list[dict[str, Any]], rows: list[list[str]]) -> int:
    form = run["output"]
    run.out(json.dumps(told, indent=4) if form == "json" else to_yaml(told) if form == "yaml" else _table(rows))
    return 0


def workloads(run: Invocation) -> int:
    """Pods with address, node, waypoint and protocol: HBONE where ambient captures them, else TCP."""
    _check(run)
    wanted = run["workload-namespace"]
    spaces = {n["metadata"]["name"]: n for n in run.kube.find("v1", "Namespace")}
    rows, told = [["NAMESPACE", "POD NAME", "ADDRESS", "NODE", "WAYPOINT", "PROTOCOL"]], []
    for pod in run.kube.find("v1", "Pod", wanted):
        metadata, address = pod["metadata"], at(pod, "status.podIP", "")
        notes = metadata.get("annotations") or {}
        if not address or at(pod, "spec.hostNetwork"):
            continue
        captured = notes.get("ambient.istio.io/redirection") == "enabled"
        waypoint = at(metadata, "labels", {}).get("istio.io/use-waypoint", "")
        row = [metadata["namespace"], metadata["name"], address, pod["spec"].get("nodeName", ""), waypoint or "None"]
        rows.append([*row, "HBONE" if captured else "TCP"])
        told.append(_workload(pod, "HBONE" if captured else "TCP", spaces))
    return _print(run, told, rows)


def _workload(pod: Object, protocol: str, spaces: dict[str, Object]) -> dict[str, Any]:
    metadata = pod["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "serviceAccount": pod["spec"].get("serviceAccountName", "default"),
        "workloadIps": [at(pod, "status.podIP", "")],
        "protocol": protocol,
        "node": pod["spec"].get("nodeName", ""),
        "status": "Healthy",
        "clusterId": "Kubernetes",
        "trustDomain": "cluster.local",
        "waypoint": {"destination": _waypoint_of(metadata.get("labels") or {}, spaces[metadata["namespace"]])},
    }


def services(run: Invocation) -> int:
    """Services with address, waypoint and how many of their endpoints are ready."""
    _check(run)
    spaces = {n["metadata"]["name"]: n for n in run.kube.find("v1", "Namespace")}
    pods = run.kube.find("v1", "Pod")
    rows, told = [["NAMESPACE", "SERVICE NAME", "SERVICE VIP", "WAYPOINT", "ENDPOINTS"]], []
    for service in run.kube.find("v1", "Service", run["service-namespace"]):
        metadata = service["metadata"]
        selector = at(service, "spec.selector", {})
        chosen = [p for p in pods if selector and p["metadata"]["namespace"] == metadata["namespace"]]
        chosen = [p for p in chosen if selector.items() <= (p["metadata"].get("labels") or {}).items()]
        ready = sum(
            any(c["type"] == "Ready" and c["status"] == "True" for c in at(p, "status.conditions", [])) for p in chosen
        )
        waypoint = _waypoint_of(metadata.get("labels") or {}, spaces[metadata["namespace"]])
        address = at(service, "spec.clusterIP", "")
        rows.append([metadata["namespace"], metadata["name"], address, waypoint or "None", f"{ready}/{len(chosen)}"])
        told.append(
            {"name": metadata["name"], "namespace": metadata["namespace"], "vips": [address], "waypoint": waypoint}
        )
    return _print(run, told, rows)
