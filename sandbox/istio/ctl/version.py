"""`istioctl version` and `verify-install`, the check of a finished installation."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sandbox.istio.components.common import COMPONENT, get_nested
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.prune import KINDS
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.render.chart_values import to_yaml

_ABSENT = 'Istio is not present in the cluster: no running Istio pods in namespace "{}"'
_GO = "go1.26.8"


def print_version(run: IstioctlInvocation) -> int:
    """Print the client's version, and those of the control and data planes unless told not to."""
    own = run.release.version
    form = run["output"]
    if form not in ("", "yaml", "json"):
        raise CtlError("--output must be 'yaml' or 'json'")
    client = {
        "version": own,
        "revision": "unknown",
        "golang_version": _GO,
        "status": "Clean",
        "tag": own,
    }
    told: dict[str, Any] = {"clientVersion": client}
    if run["remote"]:
        told |= _describe_mesh_versions(run)
    if form == "json":
        run.write_out(json.dumps(told, indent=2))
    elif form == "yaml":
        run.write_out(to_yaml(told) + "\n")
    else:
        run.write_out(_format_plain(run, told))
    return 0


def _describe_mesh_versions(run: IstioctlInvocation) -> dict[str, Any]:
    planes = run.list_control_planes()
    if not planes:
        run.write_err(_ABSENT.format(run["istioNamespace"]))
        return {}
    mesh = [
        {"Component": "pilot", "Revision": _get_revision(pod), "Info": info} for pod, info in planes
    ]
    return {"meshVersion": mesh, "dataPlaneVersion": _list_proxies(run)}


def _get_revision(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get("istio.io/rev", "default"))


def _list_proxies(run: IstioctlInvocation) -> list[dict[str, str]]:
    """Return every proxy in the cluster with the version of its image."""
    found = []
    for pod in run.kube.list_objects("v1", "Pod"):
        containers = (*pod["spec"].get("containers", []), *pod["spec"].get("initContainers", []))
        image = next((c["image"] for c in containers if c["name"] == "istio-proxy"), "")
        if "/proxyv2:" in image:
            metadata = pod["metadata"]
            tag = image.rpartition(":")[2].removesuffix("-distroless")
            router = not get_nested(metadata, "annotations", {}).get("sidecar.istio.io/status")
            kind = "router" if router else "sidecar"
            found.append(
                {
                    "ID": f"{metadata['name']}.{metadata['namespace']}",
                    "IstioVersion": tag,
                    "Type": kind,
                }
            )
    return found


def _format_plain(run: IstioctlInvocation, told: dict[str, Any]) -> str:
    if run["short"] and not run["remote"]:
        return f"client version: {run.release.version}"
    lines = [f"client version: {run.release.version}"]
    planes = sorted({plane["Info"]["version"] for plane in told.get("meshVersion", [])})
    if planes:
        lines.append(f"control plane version: {', '.join(planes)}")
        proxies = Counter(proxy["IstioVersion"] for proxy in told["dataPlaneVersion"])
        shown = [f"{name} ({count} proxies)" for name, count in sorted(proxies.items())]
        lines.append(f"data plane version: {', '.join(shown) or 'none'}")
    return "\n".join(lines)


def verify_installation(run: IstioctlInvocation) -> int:
    """Print every installed object as checked.

    Raises CtlError for a Deployment that is not available, or when nothing is installed.
    """
    revision = "default"
    run.write_out(f'1 Istio control planes detected, checking --revision "{revision}" only')
    definitions = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    deployments = crds = 0
    namespace = run["istioNamespace"]
    for api, kind in (*KINDS, definitions):
        for obj in run.kube.list_objects(api, kind, selector=COMPONENT):
            name = obj["metadata"]["name"]
            if kind == "Deployment":
                deployments += 1
                _check_available(obj)
            crds += kind == "CustomResourceDefinition"
            run.write_out(f"✔ {kind}: {name}.{namespace} checked successfully")
    run.write_out(f"Checked {crds} custom resource definitions")
    run.write_out(f"Checked {deployments} Istio Deployments")
    if not deployments:
        raise CtlError("Istio present but verify-install failed: no Istio installation found")
    run.write_out("✔ Istio is installed and verified successfully")
    return 0


def _check_available(deployment: dict[str, Any]) -> None:
    name = deployment["metadata"]["name"]
    if not any(
        c["type"] == "Available" and c["status"] == "True"
        for c in get_nested(deployment, "status.conditions", [])
    ):
        raise CtlError(
            f"Istio installation failed, incomplete or does not match the revision: deployment "
            f"{name} is not ready"
        )
