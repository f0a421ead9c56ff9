"""`istioctl proxy-status`: the proxies that are connected to istiod.

istiod's connections are not played: a proxy whose container runs beside a ready istiod is
connected and up to date, as it is moments after every change on a real mesh.
"""

from __future__ import annotations

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.flags import CobraCommand, Flag
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object
from sandbox.istio.ctl.tables import format_age, format_table
from sandbox.istio.istioctl_errors import CtlError
from sandbox.releases import parse_image_version

_SHORT_TYPES = ("CDS", "LDS", "EDS", "RDS")
_ZTUNNEL_TYPES = ("WADS", "WDS")
"""Policies of workloads, and their addresses."""
_WIDE_HEADER = ["NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD", "VERSION"]
_HEADER = ["NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES"]


def build_proxy_status_command() -> CobraCommand:
    """Build `proxy-status`."""
    flags = (
        Flag("file", "f", help="Envoy config dump JSON file"),
        Flag("output", "o", ("table",), "table", "Output format: one of [table]"),
        Flag("revision", "r", help="Control plane revision"),
        Flag("verbosity", "v", default="0", help="Verbosity level"),
    )
    summary = "Retrieves the synchronization status of each Envoy in the mesh"
    return CobraCommand("proxy-status", summary, print_proxy_status, ("ps",), flags)


def print_proxy_status(run: IstioctlInvocation) -> int:
    """Print one line for each proxy, by name.

    Raises CtlError without a ready istiod, and for one proxy's differences, which are not played.
    """
    planes = run.list_control_planes()
    if not planes:
        raise CtlError(f'no running Istio pods in "{run["istioNamespace"]}"')
    if run.parsed.arguments:
        raise CtlError("the sandbox does not play the comparison of one proxy; leave its name out")
    istiod = planes[0][0]["metadata"]["name"]
    rows = []
    pods = run.kube.list_objects("v1", "Pod", run["namespace"])
    for pod in pods:
        proxy = find_proxy_container(pod)
        if proxy is None or not _is_running(pod, proxy["name"]):
            continue
        name = f"{pod['metadata']['name']}.{pod['metadata']['namespace']}"
        version = parse_image_version(proxy["image"])
        types = _list_types(run, pod)
        if run.release.istioctl.proxy_status_by_type:
            age = format_age(run, pod)
            synced = [
                f"SYNCED ({age})" if t in types else "IGNORED" for t in (*_SHORT_TYPES, "ECDS")
            ]
            rows.append([name, "Kubernetes", *synced, istiod, version])
        else:
            told = f"{len(types)} ({','.join(types)})"
            rows.append([name, "Kubernetes", istiod, version, told])
    header = _WIDE_HEADER if run.release.istioctl.proxy_status_by_type else _HEADER
    run.write_out(format_table([header, *sorted(rows)], gap=5))
    return 0


def find_proxy_container(pod: Object) -> Object | None:
    """Return the container that has a proxy in it: an Envoy, or ztunnel."""
    spec = pod["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return next((c for c in containers if c["name"] == "istio-proxy"), None)


def _is_running(pod: Object, name: str) -> bool:
    status = pod.get("status") or {}
    both = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
    return any(s["name"] == name and "running" in (s.get("state") or {}) for s in both)


def _list_types(run: IstioctlInvocation, pod: Object) -> tuple[str, ...]:
    labels = get_nested(pod, "metadata.labels", {}) or {}
    if labels.get("app") == "ztunnel":
        return () if run.release.istioctl.proxy_status_by_type else _ZTUNNEL_TYPES
    # A gateway without a server listens nowhere, and asks for no routes.
    if labels.get("istio") == "ingressgateway" and not _has_gateway(run, labels):
        return tuple(t for t in _SHORT_TYPES if t != "RDS")
    return _SHORT_TYPES


def _has_gateway(run: IstioctlInvocation, labels: dict[str, str]) -> bool:
    gateways = run.kube.list_objects("networking.istio.io/v1", "Gateway")
    selectors = [get_nested(g, "spec.selector", {}) or {} for g in gateways]
    return any(set(s.items()) <= set(labels.items()) for s in selectors)
