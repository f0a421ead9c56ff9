"""`istioctl waypoint`: creates, shows and deletes a namespace's waypoints."""

from __future__ import annotations

from typing import Any

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import ApiFailure, Object
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.render.chart_values import to_yaml

_API = "gateway.networking.k8s.io/v1"
_CLASS = "istio-waypoint"
_TRAFFIC = ("all", "none", "service", "workload")
_USE = "istio.io/use-waypoint"
_POLL = 1.0
_NONE = "No waypoints found."


def _build_waypoint(run: IstioctlInvocation, namespace: str) -> Object:
    name, traffic = run["name"] or "waypoint", run["for"]
    if name == "none":
        raise CtlError(
            "failed to create gateway: invalid name provided for waypoint, 'none' is a reserved "
            "value"
        )
    if traffic and traffic not in _TRAFFIC:
        raise CtlError(
            f"failed to create gateway: invalid traffic type: {traffic}. Valid options are: "
            f"[{' '.join(_TRAFFIC)}]"
        )
    labels = {"istio.io/waypoint-for": traffic, "istio.io/rev": run["revision"]}
    given = {key: value for key, value in labels.items() if value}
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if given:
        metadata["labels"] = given
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return {
        "apiVersion": _API,
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"gatewayClassName": _CLASS, "listeners": [listener]},
    }


def print_waypoint_manifest(run: IstioctlInvocation) -> int:
    """Print the waypoint as YAML."""
    run.write_out(to_yaml(_build_waypoint(run, run["namespace"])))
    return 0


def apply_waypoint(run: IstioctlInvocation) -> int:
    """Apply the waypoint; when asked, wait for it and enroll the namespace."""
    namespace, words = run.namespace, run.release.istioctl.words
    labels = _get_namespace(run, namespace)["metadata"].get("labels") or {}
    if run["enroll-namespace"]:
        if labels.get(_USE) and not run["overwrite"]:
            hint = "Consider adding the `--overwrite` flag to your apply command."
            run.write_out(
                f"{words.waypoint_warning}namespace ({namespace}) already has an enrolled "
                f"Waypoint. {hint}"
            )
            return 0
        if labels.get("istio.io/dataplane-mode") != "ambient":
            hint = (
                f"Consider running\t`kubectl label namespace {namespace} "
                f"istio.io/dataplane-mode=ambient`"
            )
            run.write_out(f"{words.waypoint_warning}namespace is not enrolled in ambient. {hint}")
    gateway = _build_waypoint(run, namespace)
    _apply_gateway(run, gateway)
    shown = f"{namespace}/{gateway['metadata']['name']}"
    run.write_out(f"{words.waypoint_done}waypoint {shown} applied")
    if run["wait"]:
        _wait_until_programmed(run, gateway)
        run.write_out(f"{words.waypoint_done}waypoint {shown} is ready!")
    if run["enroll-namespace"]:
        _enroll_namespace(run, namespace, gateway["metadata"]["name"])
    return 0


def _get_namespace(run: IstioctlInvocation, name: str) -> Object:
    found = run.kube.get("v1", "Namespace", name)
    if found is None:
        raise CtlError(f"namespace: {name} not found")
    return found


def _apply_gateway(run: IstioctlInvocation, gateway: Object) -> None:
    try:
        run.kube.apply(gateway, "istioctl", force=False)
    except ApiFailure as failure:
        if failure.status != 404:
            raise
        head = "missing Kubernetes Gateway CRDs need to be installed before applying a waypoint"
        raise CtlError(f"{head}: {failure.message}") from failure


def _wait_until_programmed(run: IstioctlInvocation, gateway: Object) -> None:
    name, namespace = gateway["metadata"]["name"], gateway["metadata"]["namespace"]
    deadline = run.now() + run["waypoint-timeout"]
    while not _is_programmed(run.kube.get(_API, "Gateway", name, namespace) or {}):
        if run.now() > deadline:
            raise CtlError(f"timed out while waiting for waypoint\t{namespace}/{name}")
        run.sleep(_POLL)


def _is_programmed(gateway: Object) -> bool:
    return any(
        c["type"] == "Programmed" and c["status"] == "True"
        for c in get_nested(gateway, "status.conditions", [])
    )


def _enroll_namespace(run: IstioctlInvocation, namespace: str, name: str) -> None:
    obj = _get_namespace(run, namespace)
    obj["metadata"].setdefault("labels", {})[_USE] = name
    try:
        run.kube.update({"apiVersion": "v1", "kind": "Namespace", **obj})
    except ApiFailure as failure:
        reason = f"failed to update namespace {namespace}: {failure.message}"
        raise CtlError(f"failed to label namespace with waypoint: {reason}") from failure
    run.write_out(
        f"{run.release.istioctl.words.waypoint_done}namespace {namespace} "
        f'labeled with "{_USE}: {name}"'
    )


def _list_waypoints(
    run: IstioctlInvocation, namespace: str, *, every: bool = False
) -> list[Object] | None:
    """Return the waypoints (with `every`, all Gateways).

    Return None where there is no Gateway of any class.
    """
    gateways = run.kube.list_served_objects(_API, "Gateway", namespace)
    if not gateways:
        return None
    return [g for g in gateways if every or get_nested(g, "spec.gatewayClassName") == _CLASS]


def _get_scope(run: IstioctlInvocation) -> str:
    return "" if run["all-namespaces"] else run.namespace


def print_waypoints(run: IstioctlInvocation) -> int:
    """Print the waypoints with revision, traffic type and whether they are programmed.

    The traffic type is shown from Istio 1.24 on.
    """
    scope = _get_scope(run)
    found = _list_waypoints(run, scope)
    if found is None:
        run.write_out(_NONE)
        return 0
    traffic = run.release.istioctl.waypoint_traffic_column
    head = (
        ["NAMESPACE"] * (not scope)
        + ["NAME", "REVISION"]
        + ["TRAFFIC TYPE"] * traffic
        + ["PROGRAMMED"]
    )
    rows = [head]
    for gateway in found:
        labels = gateway["metadata"].get("labels") or {}
        row = [gateway["metadata"]["namespace"]] * (not scope)
        row += [gateway["metadata"]["name"], labels.get("istio.io/rev") or "default"]
        row += [labels.get("istio.io/waypoint-for") or "none"] * traffic
        states = [
            c["status"]
            for c in get_nested(gateway, "status.conditions", [])
            if c["type"] == "Programmed"
        ]
        rows.append([*row, states[-1] if states else "False"])
    run.write_out(_format_table(rows))
    return 0


def _format_table(rows: list[list[str]]) -> str:
    """Format columns five blanks apart; the last one is not padded."""
    widths = [max(len(row[i]) for row in rows) + 5 for i in range(len(rows[0]) - 1)]
    return "\n".join(
        "".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)) + row[-1]
        for row in rows
    )


def print_waypoint_status(run: IstioctlInvocation) -> int:
    """Print each waypoint's condition.

    Wait until it is programmed, unless told not to.
    """
    scope = _get_scope(run)
    found = _list_waypoints(run, scope)
    if found is None:
        run.write_out(_NONE)
        return 0
    rows = [["NAMESPACE"] * (not scope) + ["NAME", "STATUS", "TYPE", "REASON", "MESSAGE"]]
    deadline = run.now() + run["waypoint-timeout"]
    for gateway in found:
        rows += _collect_status_rows(run, gateway, deadline, bool(scope))
    run.write_out(_format_table(rows))
    return 0


def _collect_status_rows(
    run: IstioctlInvocation, gateway: Object, deadline: float, scoped: bool
) -> list[list[str]]:
    name, namespace = gateway["metadata"]["name"], gateway["metadata"]["namespace"]
    rows = []
    while True:
        run.sleep(_POLL)
        now = run.kube.get(_API, "Gateway", name, namespace) or {}
        conditions = get_nested(now, "status.conditions", [])
        shown = next(
            (c for c in conditions if c["type"] == "Programmed" and c["status"] == "True"), None
        )
        last = shown or (conditions[-1] if conditions else {})
        cells = [str(last.get(key, "")) for key in ("status", "type", "reason", "message")]
        rows.append([namespace] * (not scoped) + [name, *cells])
        if shown or not run["wait"]:
            return rows
        if run.now() > deadline:
            raise CtlError(
                f"failed to print waypoint status: timed out while retrieving status for "
                f"waypoint\t{namespace}/{name}"
            )


def delete_waypoints(run: IstioctlInvocation) -> int:
    """Delete waypoints by name, or all of them.

    Up to Istio 1.23 the class of the Gateway is not checked.
    """
    names, every = run.parsed.arguments, bool(run["all"] or run["revision"])
    if every and names:
        raise CtlError("cannot specify waypoint names when deleting all waypoints")
    if not every and not names:
        raise CtlError(
            "must specify a waypoint name or delete all using --all or delete specific revision "
            "using --revision"
        )
    skips_class_check = not run.release.istioctl.waypoint_delete_checks_class
    found = {
        g["metadata"]["name"]: g
        for g in _list_waypoints(run, run.namespace, every=skips_class_check) or []
    }
    revision = run["revision"]
    chosen = [
        n
        for n, g in found.items()
        if not revision or (g["metadata"].get("labels") or {}).get("istio.io/rev") == revision
    ]
    for name in chosen if every else names:
        gone = name not in found or not run.kube.delete(found[name])
        run.write_out(f"waypoint {run.namespace}/{name} {'not found' if gone else 'deleted'}")
    return 0
