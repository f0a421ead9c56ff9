"""`istioctl version` and the release's check of a finished installation, `verify-install`."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from bot.sandbox.istio.components.common import COMPONENT, at
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.ctl.prune import KINDS
from bot.sandbox.istio.errors import CtlError
from bot.sandbox.istio.render_values import to_yaml

_ABSENT = 'Istio is not present in the cluster: no running Istio pods in namespace "{}"'
_GO = "go1.26.8"


def version(run: Invocation) -> int:
    """Prints the client's version, and the control and data planes' unless told not to ask."""
    own = run.release.version
    form = run["output"]
    if form not in ("", "yaml", "json"):
        raise CtlError("--output must be 'yaml' or 'json'")
    client = {"version": own, "revision": "unknown", "golang_version": _GO, "status": "Clean", "tag": own}
    told: dict[str, Any] = {"clientVersion": client}
    if run["remote"]:
        told |= _remote(run)
    if form == "json":
        run.out(json.dumps(told, indent=2))
    elif form == "yaml":
        run.out(to_yaml(told) + "\n")
    else:
        run.out(_plain(run, told))
    return 0


def _remote(run: Invocation) -> dict[str, Any]:
    planes = run.control_planes()
    if not planes:
        run.err(_ABSENT.format(run["istioNamespace"]))
        return {}
    mesh = [{"Component": "pilot", "Revision": _revision(pod), "Info": info} for pod, info in planes]
    return {"meshVersion": mesh, "dataPlaneVersion": _proxies(run)}


def _revision(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get("istio.io/rev", "default"))


def _proxies(run: Invocation) -> list[dict[str, str]]:
    """Every proxy in the cluster with the version of its image."""
    found = []
    for pod in run.kube.find("v1", "Pod"):
        containers = (*pod["spec"].get("containers", []), *pod["spec"].get("initContainers", []))
        image = next((c["image"] for c in containers if c["name"] == "istio-proxy"), "")
        if "/proxyv2:" in image:
            metadata = pod["metadata"]
            tag = image.rpartition(":")[2].removesuffix("-distroless")
            router = not at(metadata, "annotations", {}).get("sidecar.istio.io/status")
            kind = "router" if router else "sidecar"
            found.append({"ID": f"{metadata['name']}.{metadata['namespace']}", "IstioVersion": tag, "Type": kind})
    return found


def _plain(run: Invocation, told: dict[str, Any]) -> str:
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


def verify(run: Invocation) -> int:
    """Names every installed object as checked; a Deployment that is not available is a failure."""
    revision = "default"
    run.out(f'1 Istio control planes detected, checking --revision "{revision}" only')
    definitions = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    deployments = crds = 0
    namespace = run["istioNamespace"]
    for api, kind in (*KINDS, definitions):
        for obj in run.kube.find(api, kind, selector=COMPONENT):
            name = obj["metadata"]["name"]
            if kind == "Deployment":
                deployments += 1
                _check_available(obj)
            crds += kind == "CustomResourceDefinition"
            run.out(f"✔ {kind}: {name}.{namespace} checked successfully")
    run.out(f"Checked {crds} custom resource definitions")
    run.out(f"Checked {deployments} Istio Deployments")
    if not deployments:
        raise CtlError("Istio present but verify-install failed: no Istio installation found")
    run.out("✔ Istio is installed and verified successfully")
    return 0


def _check_available(deployment: dict[str, Any]) -> None:
    name = deployment["metadata"]["name"]
    if not any(c["type"] == "Available" and c["status"] == "True" for c in at(deployment, "status.conditions", [])):
        raise CtlError(
            f"Istio installation failed, incomplete or does not match the revision: deployment {name} is not ready"
        )
