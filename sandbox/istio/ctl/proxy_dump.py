"""A proxy's own word about its configuration, for `istioctl proxy-config`: from its administration
port, or from a file that was saved from there.

A pod is named as NAME[.NAMESPACE], or by a resource that has pods: `deploy/NAME[.NAMESPACE]`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import ApiFailure, Object
from sandbox.istio.istioctl_errors import CtlError

Json = dict[str, Any]
ADMIN_PORT = 15000
_GATEWAY = "gateway.networking.k8s.io/gateway-name"
_RESOURCES = {
    "po pod pods": ("v1", "Pod"),
    "svc service services": ("v1", "Service"),
    "deploy deployment deployments deployment.apps deployments.apps": ("apps/v1", "Deployment"),
    "rs replicaset replicasets replicaset.apps replicasets.apps": ("apps/v1", "ReplicaSet"),
    "sts statefulset statefulsets statefulset.apps statefulsets.apps": ("apps/v1", "StatefulSet"),
    "ds daemonset daemonsets daemonset.apps daemonsets.apps": ("apps/v1", "DaemonSet"),
    "gtw gateway gateways gateway.gateway.networking.k8s.io": (
        "gateway.networking.k8s.io/v1",
        "Gateway",
    ),
}
_BY_NAME = {name: target for names, target in _RESOURCES.items() for name in names.split()}


def resolve_pod(run: IstioctlInvocation, asked: str, namespace: str = "") -> tuple[str, str]:
    """Return name and namespace of the pod that is meant.

    Raises CtlError for a resource that is not there, or has no pods.
    """
    kind, slash, rest = asked.rpartition("/")
    name, dot, place = rest.rpartition(".")
    name, namespace = (name, place) if dot else (rest, namespace or run.namespace)
    if not slash:
        return name, namespace
    target = _BY_NAME.get(kind.lower())
    if target is None:
        reason = f'the server doesn\'t have a resource type "{kind}"'
        raise CtlError(f'failed retrieving: {reason} in the "{namespace}" namespace')
    found = run.kube.get(*target, name, namespace)
    if found is None:
        what = _describe_resource(*target)
        raise CtlError(
            f'failed retrieving: {what} "{name}" not found in the "{namespace}" namespace'
        )
    if target[1] == "Pod":
        return name, namespace
    return _find_first_pod(run, found, f"{kind}/{name}", target[1]), namespace


def _describe_resource(api: str, kind: str) -> str:
    group = api.partition("/")[0] if "/" in api else ""
    return f"{kind.lower()}s" + (f".{group}" if group else "")


def _find_first_pod(run: IstioctlInvocation, found: Object, asked: str, kind: str) -> str:
    if kind == "Gateway":
        labels = {_GATEWAY: found["metadata"]["name"]}
    else:
        path = "spec.selector" if kind == "Service" else "spec.selector.matchLabels"
        labels = get_nested(found, path, {}) or {}
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    if not selector:
        raise CtlError(f'"{asked}" does not refer to a pod: it has no selector')
    pods = run.kube.list_objects("v1", "Pod", found["metadata"]["namespace"], selector)
    if not pods:
        raise CtlError(f'no pods match "{asked}"')
    # As `kubectl logs` chooses: what runs before what does not.
    running = [p for p in pods if get_nested(p, "status.phase", "") == "Running"]
    return str((running or pods)[0]["metadata"]["name"])


def fetch_config_dump(run: IstioctlInvocation) -> list[Json]:
    """Return the parts of the configuration that the arguments ask for.

    Raises CtlError when nothing answers, or the file is none.
    """
    parts = _fetch(run, "/config_dump").get("configs")
    if not isinstance(parts, list):
        raise CtlError("error unmarshalling config dump response from Envoy: it has no configs")
    return parts


def fetch_cluster_statuses(run: IstioctlInvocation) -> list[Json]:
    """Return all clusters with their endpoints, as `fetch_config_dump` does."""
    statuses: list[Json] = _fetch(run, "/clusters?format=json").get("cluster_statuses") or []
    return statuses


def _fetch(run: IstioctlInvocation, path: str) -> Json:
    if run["file"]:
        return _read_file(run["file"])
    pod, namespace = resolve_pod(run, run.parsed.arguments[0])
    target = f"/api/v1/namespaces/{namespace}/pods/{pod}:{ADMIN_PORT}/proxy{path}"
    try:
        return run.kube.request("GET", target)
    except ApiFailure as failure:
        where = f"{pod}.{namespace} sidecar" if path == "/config_dump" else "Envoy"
        reason = _describe_failure(failure, path)
        raise CtlError(f"failed to execute command on {where}: {reason}") from failure


def _describe_failure(failure: ApiFailure, path: str) -> str:
    """Return what a port-forward to the pod would have said: the connection is closed by a pod
    where nothing listens.
    """
    if failure.status == 503:
        return f'Get "http://localhost:{ADMIN_PORT}{path}": EOF'
    return f"failure running port forward process: {failure.message}"


def _read_file(name: str) -> Json:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise CtlError(f"open {name}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise CtlError(f"error unmarshalling config dump response from Envoy: {error}") from error
    if not isinstance(found, dict):
        raise CtlError("error unmarshalling config dump response from Envoy: no JSON object")
    return found
