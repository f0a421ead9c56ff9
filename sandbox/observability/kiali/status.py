"""Kiali's answers about itself and the mesh: versions, components and add-ons, namespaces, mTLS,
tracing, Grafana."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sandbox.cluster.contract import Client, Object, Ref, Response
from sandbox.observability.kiali.answer_context import CLUSTER, AnswerContext, is_ambient
from sandbox.observability.kiali.lists import find_worst_health
from sandbox.observability.kiali.objects import PEER_AUTHENTICATION, Workload
from sandbox.observability.process_registry import ProcessRegistry, Unreachable

_NODES = Ref("", "nodes")
_TRACING_PORT, _GRAFANA_PORT, _PROMETHEUS_PORT = 16686, 3000, 9090
_DASHBOARDS = tuple(
    f"Istio {what} Dashboard"
    for what in ("Service", "Workload", "Mesh", "Control Plane", "Performance")
)
"""What Kiali looks for in Grafana by default."""


@dataclass(frozen=True)
class KialiEnvironment:
    """Environment of a Kiali: the Kubernetes API and the other programs; `version` is its own."""

    client: Client
    processes: ProcessRegistry
    version: str


async def build_status(moment: AnswerContext, around: KialiEnvironment) -> Object:
    """Build `/status`, and `/` of the API."""
    modern_keys = {"Kiali commit hash": "unknown", "Kiali container version": around.version}
    own = {
        "Disabled features": "",
        **modern_keys,
        "Kiali state": "running",
        "Kiali version": around.version,
    }
    nodes = await around.client.list(_NODES)
    kubelet = next(
        (
            n["status"]["nodeInfo"]["kubeletVersion"]
            for n in nodes
            if n.get("status", {}).get("nodeInfo")
        ),
        "",
    )
    services: list[Object] = [
        {"name": f"Kubernetes-{CLUSTER}", "version": kubelet, "tempoConfig": {}}
    ]
    services += await _list_external_services(moment, around)
    return {
        "status": own,
        "externalServices": services,
        "warningMessages": [],
        "istioEnvironment": {"istioAPIEnabled": moment.traits.istio_api},
    }


async def _list_external_services(moment: AnswerContext, around: KialiEnvironment) -> list[Object]:
    found: list[Object] = []
    settings = moment.settings
    for name, address in (
        ("Prometheus", settings.prometheus),
        ("Grafana", settings.grafana.internal_url),
    ):
        if name == "Grafana" and not settings.grafana.enabled:
            continue
        try:
            process = await around.processes.find_process(around.client, address)
        except Unreachable:
            continue
        url = (
            {"url": settings.grafana.external_url}
            if name == "Grafana" and settings.grafana.external_url
            else {}
        )
        found.append(
            {"name": name, "version": getattr(process, "version", ""), **url, "tempoConfig": {}}
        )
    if settings.tracing.enabled:
        found.append({"name": "jaeger", "url": settings.tracing.external_url, "tempoConfig": {}})
    return found


async def list_components(moment: AnswerContext, around: KialiEnvironment) -> list[Object]:
    """Build `/istio/status`: the control plane, then every add-on that is switched on, by
    name. A Kiali that does not ask istiod has one row for each control plane.
    """
    if not moment.traits.istio_api:
        return _list_control_planes(moment)
    rows = _list_configured_components(moment)
    core = "isCore" if moment.traits.by_gvk else "is_core"
    place: Object = {"cluster": CLUSTER} if moment.traits.by_gvk else {}
    for name, reach in _build_addon_probes(moment, around).items():
        try:
            state = "Healthy" if (await reach()).status < 400 else "Unreachable"
        except Unreachable:
            state = "Unreachable"
        rows.append({**place, "name": name, "status": state, core: False})
    return rows


def _build_addon_probes(
    moment: AnswerContext, around: KialiEnvironment
) -> dict[str, Callable[[], Awaitable[Response]]]:
    settings = moment.settings

    def asking(base: str, path: str, port: int) -> Callable[[], Awaitable[Response]]:
        parts = urlsplit(base)
        url = f"{parts.scheme}://{parts.netloc}{path}"
        return lambda: around.processes.fetch_url(around.client, url, port)

    prometheus = asking(settings.prometheus, "/-/healthy", _PROMETHEUS_PORT)
    found = {"prometheus": prometheus}
    if settings.grafana.enabled:
        found["grafana"] = asking(settings.grafana.internal_url, "/", _GRAFANA_PORT)
    if settings.tracing.enabled:
        found["tracing"] = asking(
            settings.tracing.internal_url, "/jaeger/api/services", _TRACING_PORT
        )
    if settings.custom_dashboards:
        found["custom dashboards"] = prometheus
    return found


def _list_configured_components(moment: AnswerContext) -> list[Object]:
    rows, here = [], moment.view.list_workloads(moment.settings.namespace)
    for app, core in moment.traits.configured_components:
        found = [each for each in here if each.labels.get("app") == app]
        rows += [
            {"name": each.name, "status": _judge_component(each), "is_core": core} for each in found
        ]
        if not found:
            rows.append({"name": app, "status": "NotFound", "is_core": core})
    return rows


def _list_control_planes(moment: AnswerContext) -> list[Object]:
    """Return one row for each istiod. Its status is the worst health of whatever is in its
    namespace: add-ons, ztunnel and istio-cni as well (Kiali's source).
    """
    here = moment.settings.namespace
    level = find_worst_health(moment, here)
    status = {"Not Ready": "NotReady", "Degraded": "Unhealthy", "Failure": "Unhealthy"}
    domain = str(moment.view.mesh_config.get("trustDomain") or "cluster.local")
    return [
        {
            "cluster": CLUSTER,
            "name": each.name,
            "status": status.get(level, "Healthy"),
            "isCore": True,
            "meshId": domain,
        }
        for each in moment.view.list_workloads(here)
        if each.labels.get("app") == "istiod"
    ]


def _judge_component(workload: Workload) -> str:
    if workload.desired == 0:
        return "NotReady"
    counts = (workload.available, workload.current)
    return "Healthy" if counts == (workload.desired, workload.desired) else "Unhealthy"


def list_namespaces(moment: AnswerContext) -> list[Object]:
    """Build `/namespaces`."""
    rows = []
    for name, each in moment.view.namespaces.items():
        labels = each["metadata"].get("labels") or {}
        row: Object = {"name": name, "cluster": CLUSTER, "isAmbient": is_ambient(each)}
        control = moment.traits.by_gvk and _has_istiod(moment, name)
        if moment.traits.by_gvk:
            row["isControlPlane"] = control
        row |= {"labels": labels, "annotations": each["metadata"].get("annotations")}
        revision = _find_revision(labels, control=control)
        rows.append(row | ({"revision": revision} if moment.traits.by_gvk and revision else {}))
    return rows


def _has_istiod(moment: AnswerContext, namespace: str) -> bool:
    return any(each.labels.get("app") == "istiod" for each in moment.view.list_workloads(namespace))


def _find_revision(labels: Mapping[str, str], *, control: bool) -> str:
    if control or labels.get("istio-injection") == "enabled":
        return "default"
    return labels.get("istio.io/rev", "")


def build_mesh_tls(moment: AnswerContext) -> Object:
    """Build `/mesh/tls`."""
    strict = _find_mtls_mode(moment, moment.settings.namespace) == "STRICT"
    config = moment.view.mesh_config
    return {
        "autoMTLSEnabled": config.get("enableAutoMtls", True),
        "minTLS": (config.get("meshMTLS") or {}).get("minProtocolVersion")
        or moment.traits.mesh_min_tls,
        "status": "MTLS_ENABLED" if strict else "MTLS_NOT_ENABLED",
    }


def build_namespace_tls(moment: AnswerContext, namespace: str) -> Object:
    """Build `/namespaces/NS/tls`, from the namespace's own PeerAuthentication."""
    mode = _find_mtls_mode(moment, namespace)
    named = {"STRICT": "MTLS_ENABLED", "DISABLE": "MTLS_DISABLED", "": moment.traits.namespace_tls}
    config = moment.view.mesh_config
    return {
        "autoMTLSEnabled": config.get("enableAutoMtls", True),
        "cluster": CLUSTER,
        "minTLS": "",
        "namespace": namespace,
        "status": named.get(mode, "MTLS_NOT_ENABLED"),
    }


def _find_mtls_mode(moment: AnswerContext, namespace: str) -> str:
    whole = [
        o
        for o in moment.view.list_configs(PEER_AUTHENTICATION, namespace)
        if not (o.get("spec") or {}).get("selector")
    ]
    modes = [str(((each.get("spec") or {}).get("mtls") or {}).get("mode", "")) for each in whole]
    return modes[0] if modes else ""


def build_tracing_info(moment: AnswerContext) -> Object:
    """Build `/tracing`."""
    found = moment.settings.tracing
    if not found.enabled:
        return {
            "enabled": False,
            "integration": False,
            "namespaceSelector": False,
            "provider": "",
            "url": "",
        }
    answer: Object = {
        "enabled": True,
        "integration": True,
        "provider": "jaeger",
        "url": found.external_url,
    }
    answer |= {
        "namespaceSelector": True,
        "whiteListIstioSystem": ["jaeger-query", "istio-ingressgateway"],
    }
    return answer | (
        {"internalURL": found.internal_url, "useWaypointName": False}
        if moment.traits.by_gvk
        else {}
    )


async def build_grafana_links(moment: AnswerContext, around: KialiEnvironment) -> Object | None:
    """Build `/grafana`: links to the dashboards that Grafana has; None when it is switched
    off.

    Raises Unreachable.
    """
    found = moment.settings.grafana
    if not found.enabled:
        return None
    parts = urlsplit(found.internal_url)
    answer = await around.processes.fetch_url(
        around.client, f"{parts.scheme}://{parts.netloc}/api/search", _GRAFANA_PORT
    )
    rows = {row["title"]: row["url"] for row in json.loads(answer.body)}
    base = found.external_url.rstrip("/")
    links = [
        {"name": title, "url": f"{base}{rows[title]}", "variables": {}}
        for title in _DASHBOARDS
        if title in rows
    ]
    return {"externalLinks": links}
