"""`istioctl ztunnel-config`: what a ztunnel knows, in each release's tables.

A request here is over as soon as it is answered, so `connections` finds none that is open.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.flags import CobraCommand, Flag
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object
from sandbox.istio.ctl.proxy_dump import resolve_pod
from sandbox.istio.ctl.tables import format_table
from sandbox.istio.ctl.ztunnel_state import Json, ZtunnelState, read_ztunnel_state
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.render.chart_values import to_yaml
from sandbox.releases.release import IstioRelease

_COMMON = (
    Flag("output", "o", default="short", help="Output format: one of json|yaml|short"),
    Flag("node", help="Filter workloads by node field"),
    Flag("file", "f", help="Ztunnel config dump JSON file"),
    Flag("proxy-admin-port", kind="int", default=15000, help="Ztunnel proxy admin port"),
)
_BY_NAMESPACE = Flag("workload-namespace", help="Filter workloads by namespace field")
_INSTEAD = {
    "certificate": (("certificates", "certs", "cert"), "certificates are not played"),
    "log": (("o",), "`kubectl logs ds/ztunnel -n istio-system` shows what a ztunnel writes"),
}
Rows = list[list[str]]


def build_ztunnel_command(release: IstioRelease) -> CobraCommand:
    """Build `ztunnel-config` with its parts."""
    summary = "Update or retrieve current Ztunnel configuration."
    told = "Retrieves {} for the specified Ztunnel pod."
    by_workload = (
        Flag("address", help="Filter workloads by address field"),
        _BY_NAMESPACE,
        Flag("workload-node", help="Filter workloads by node"),
    )
    by_direction = (
        Flag("direction", help="Filter workloads by direction (inbound or outbound)"),
        Flag("raw", kind="bool", default=False, help="If set, show IP addresses instead of names"),
        _BY_NAMESPACE,
    )
    headers = Flag("with-headers", kind="bool", default=False, help="Print summary with headers")
    service = Flag("service-namespace", help="Filter services by namespace field")
    policy = Flag("policy-namespace", help="Filter policies by namespace field")
    newer = release.istioctl.ztunnel_protocol_column
    parts: tuple[
        tuple[str, tuple[str, ...], Callable[[IstioctlInvocation], int], tuple[Flag, ...]], ...
    ]
    parts = (
        ("all", (), print_everything, (headers,) if newer else ()),
        ("connections", ("cons",), print_connections, by_direction),
        ("policy", ("policies", "p", "pol"), print_policies, (policy,)),
        ("service", ("services", "s", "svc"), print_services, (service,)),
        ("workload", ("workloads", "w"), print_workloads, by_workload),
    )
    commands = [
        CobraCommand(name, told.format(name), run, aliases, (*_COMMON, *flags))
        for name, aliases, run, flags in parts
    ]
    commands += [
        CobraCommand(name, f"Not played: {name}", refuse_part, aliases, _COMMON)
        for name, (aliases, _) in _INSTEAD.items()
    ]
    return CobraCommand("ztunnel-config", summary, aliases=("zc",), commands=tuple(commands))


def refuse_part(run: IstioctlInvocation) -> int:
    """Raise CtlError always: this part is not played."""
    name = run.parsed.command.name
    raise CtlError(f"the sandbox does not play `ztunnel-config {name}`; {_INSTEAD[name][1]}")


def print_workloads(run: IstioctlInvocation) -> int:
    """Print workloads: HBONE is spoken where a ztunnel or a sidecar takes it, else TCP."""
    target = _find_target(run)
    state = read_ztunnel_state(run)
    chosen = [w for w in state.workloads if _is_wanted(w, run, target)]
    return _print(run, chosen, _list_workload_rows(state, chosen))


def _is_wanted(workload: Json, run: IstioctlInvocation, target: Object | None) -> bool:
    namespace, name = run["workload-namespace"], ""
    if target is not None:
        namespace, name = target["metadata"]["namespace"], target["metadata"]["name"]
    return (
        namespace.lower() in ("", workload["namespace"])
        and name in ("", workload["name"])
        and run["address"] in ("", *workload["workloadIps"])
        and run["workload-node"].lower() in ("", workload["node"].lower())
    )


def print_services(run: IstioctlInvocation) -> int:
    """Print Services with address, waypoint and how many of their endpoints are healthy."""
    _find_target(run)
    state = read_ztunnel_state(run)
    wanted = run["service-namespace"].lower()
    chosen = [s for s in state.services_told if wanted in ("", s["namespace"])]
    return _print(run, chosen, _list_service_rows(state, chosen))


def print_policies(run: IstioctlInvocation) -> int:
    """Print the policies that ztunnels enforce."""
    _find_target(run)
    wanted = run["policy-namespace"].lower()
    state = read_ztunnel_state(run)
    chosen = [p for p in state.policies_told if wanted in ("", p["namespace"])]
    return _print(run, chosen, _list_policy_rows(chosen))


def print_connections(run: IstioctlInvocation) -> int:
    """Print the open connections of one node's ztunnel: none, as they end with their request."""
    target = _find_target(run, single=True)
    state = read_ztunnel_state(run)
    wanted = run["workload-namespace"]
    chosen = [
        {
            "state": "Up",
            "connections": {"inbound": [], "outbound": []},
            "info": {
                "name": w["name"],
                "namespace": w["namespace"],
                "trustDomain": "",
                "serviceAccount": w["serviceAccount"],
            },
        }
        for w in state.workloads
        if w["protocol"] == "HBONE"
        and wanted in ("", w["namespace"])
        and (target is None or target["metadata"]["name"] == w["name"])
        and run["node"] in ("", w["node"])
    ]
    return _print(run, chosen, _list_connection_heading(run.release))


def print_everything(run: IstioctlInvocation) -> int:
    """Print all of it but certificates, which are not played."""
    _find_target(run)
    state = read_ztunnel_state(run)
    if run["output"] != "short":
        told = {
            "workloads": state.workloads,
            "services": state.services_told,
            "policies": state.policies_told,
        }
        return _print(run, told, [])
    tables = [
        ("WORKLOAD INFO", _list_workload_rows(state, state.workloads)),
        ("SERVICE INFO", _list_service_rows(state, state.services_told)),
        ("POLICY INFO", _list_policy_rows(state.policies_told)),
    ]
    newer = run.release.istioctl.ztunnel_protocol_column
    if newer:
        tables.append(("CONNECTIONS INFO", _list_connection_heading(run.release)))
    for title, rows in tables:
        run.write_out()
        if newer and run["with-headers"]:
            run.write_out(f"------ {title} ------\n")
        run.write_out(format_table(rows, gap=1))
    run.write_err("the sandbox does not play certificates: their table is left out")
    return 0


def _find_target(run: IstioctlInvocation, *, single: bool = False) -> Object | None:
    """Return the workload's pod that was named; None where a ztunnel was named, or nothing.

    Raises CtlError where there is no ztunnel to ask; with `single` one must be chosen.
    """
    arguments, namespace = run.parsed.arguments, run["istioNamespace"]
    _check_flags(run)
    if not arguments:
        _check_ztunnels(run, namespace, single=single)
        return None
    name, place = resolve_pod(run, arguments[0], run["namespace"] or namespace)
    pod = run.kube.get("v1", "Pod", name, place)
    if pod is None:
        raise CtlError(f'failed to get pod {name}.{place}: pods "{name}" not found')
    if get_nested(pod, "metadata.labels", {}).get("app") == "ztunnel":
        return None
    if not run.release.istioctl.ztunnel_by_workload:
        raise CtlError(f"workloads command is only supported by Ztunnel proxies: {name}")
    node = pod["spec"].get("nodeName")
    if not node:
        raise CtlError(f"pod {name}.{place} is not scheduled to a node")
    if not _list_ztunnels(run, namespace, node):
        reason = f"failed to find ztunnel on node {node} for pod {name}.{place}"
        raise CtlError(f"{reason}: no pods found")
    return pod


def _check_flags(run: IstioctlInvocation) -> None:
    if sum(map(bool, (run["file"], run["node"], run.parsed.arguments))) > 1:
        raise CtlError("at most one of --file, --node, or pod name must be passed")
    if run["output"] not in ("short", "json", "yaml"):
        raise CtlError(f'output format "{run["output"]}" not supported')
    if run["file"]:
        raise CtlError("the sandbox does not read a ztunnel's dump from a file; name its pod")


def _check_ztunnels(run: IstioctlInvocation, namespace: str, *, single: bool) -> None:
    if run.kube.get("apps/v1", "DaemonSet", "ztunnel", namespace) is None:
        raise CtlError(
            f'failed retrieving: daemonsets.apps "ztunnel" not found in the "{namespace}" namespace'
        )
    found = _list_ztunnels(run, namespace, run["node"])
    if not found:
        raise CtlError("no pods found" if run["node"] else 'no pods match "daemonset/ztunnel"')
    if single and not run["node"] and len(found) != 1:
        raise CtlError("ztunnel pod name or --node must be set")


def _list_ztunnels(run: IstioctlInvocation, namespace: str, node: str) -> list[Object]:
    pods = run.kube.list_objects("v1", "Pod", namespace, "app=ztunnel")
    return [pod for pod in pods if node in ("", pod["spec"].get("nodeName"))]


def _print(run: IstioctlInvocation, told: list[Json] | Json, rows: Rows) -> int:
    if run["output"] == "json":
        run.write_out(json.dumps(told, indent=4))
    elif run["output"] == "yaml":
        run.write_out(to_yaml(told).rstrip("\n"))
    else:
        run.write_out(format_table(rows, gap=1))
    return 0


def _list_workload_rows(state: ZtunnelState, workloads: list[Json]) -> Rows:
    address = "ADDRESS" if state.release.istioctl.ztunnel_protocol_column else "IP"
    rows = [["NAMESPACE", "POD NAME", address, "NODE", "WAYPOINT", "PROTOCOL"]]
    for each in workloads:
        place = [each["namespace"], each["name"], ",".join(each["workloadIps"]), each["node"]]
        rows.append([*place, _name_waypoint(state, each), each["protocol"]])
    return rows


def _name_waypoint(state: ZtunnelState, told: Json) -> str:
    """Return the name of the Service that is meant by a waypoint's address."""
    if "waypoint" not in told:
        return "None"
    wanted = told["waypoint"]["destination"]
    for service in state.services_told:
        if wanted in (f"{service['namespace']}/{service['hostname']}", *service["vips"]):
            return str(service["name"])
    return "NA"


def _list_service_rows(state: ZtunnelState, services: list[Json]) -> Rows:
    healthy = {w["uid"] for w in state.workloads if w["status"] == "Healthy"}
    rows = [["NAMESPACE", "SERVICE NAME", "SERVICE VIP", "WAYPOINT", "ENDPOINTS"]]
    for each in services:
        addresses = [address.partition("/")[2] for address in each["vips"]]
        shown = addresses if state.release.istioctl.ztunnel_protocol_column else addresses[:1]
        well = sum(uid in healthy for uid in each["endpoints"])
        place = [each["namespace"], each["name"], ",".join(shown), _name_waypoint(state, each)]
        rows.append([*place, f"{well}/{len(each['endpoints'])}"])
    return rows


def _list_policy_rows(policies: list[Json]) -> Rows:
    rows = [[p["namespace"], p["name"], p["action"], p["scope"]] for p in policies]
    return [["NAMESPACE", "POLICY NAME", "ACTION", "SCOPE"], *rows]


def _list_connection_heading(release: IstioRelease) -> Rows:
    protocol = ["PROTOCOL"] if release.istioctl.ztunnel_protocol_column else []
    return [["WORKLOAD", "DIRECTION", "LOCAL", "REMOTE", "REMOTE TARGET", *protocol]]
