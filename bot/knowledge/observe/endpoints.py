"""Addresses at which people reach what runs in the cluster: from the settings, a load balancer, or
a port-forward."""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, SERVICE, Object
from bot.knowledge.objects.workloads import get_image_tag, is_ready
from bot.knowledge.observe.kiali_links import Console
from bot.steps import Context
from bot.text import EMPTY, Text


@dataclass(frozen=True)
class WebInterface:
    """Something with web pages: its Service and port, and the path of its first page.

    `local_port` is that of a port-forward, `setting` the field of `Workshop` with its URL. `app`
    tells that it runs in the application's namespace, not in the mesh's.
    """

    title: str
    service: str
    port: int
    local_port: int
    path: str
    deployment: str
    setting: str
    app: bool = False


KIALI = WebInterface("Kiali", "kiali", 20001, 20001, "/kiali", "kiali", "kiali_url")
JAEGER = WebInterface("Jaeger", "tracing", 80, 16686, "/jaeger", "jaeger", "jaeger_url")
GRAFANA = WebInterface("Grafana", "grafana", 3000, 3000, "", "grafana", "grafana_url")
APP = WebInterface(
    "Bookinfo",
    "bookinfo-gateway-istio",
    80,
    8080,
    "/productpage",
    "bookinfo-gateway-istio",
    "app_url",
    app=True,
)
WEB_INTERFACES = (KIALI, JAEGER, GRAFANA, APP)


@dataclass(frozen=True)
class WebAddress:
    """Address of a web interface, or why there is none.

    `line` is a port-forward's command line, to be typed first where nothing else leads there.
    `installed` tells whether its Deployment is in the cluster.
    """

    interface: WebInterface
    base: str = ""
    line: str = ""
    why_not: Text = EMPTY
    version: str = ""
    installed: bool = True


async def find_web_address(context: Context, interface: WebInterface) -> WebAddress:
    """Find the address of one web interface; `why_not` says why there is none."""
    namespace = context.workshop.app_namespace if interface.app else context.workshop.mesh_namespace
    deployment = await context.cluster.get(DEPLOYMENT, interface.deployment, namespace)
    version = get_image_tag(deployment) if deployment else ""
    configured = get_configured_url(context, interface)
    if configured:
        there = deployment is not None
        return WebAddress(interface, configured, version=version, installed=there)
    service = await context.cluster.get(SERVICE, interface.service, namespace)
    if service is None or deployment is None:
        why = Text("not installed yet")
        return WebAddress(interface, why_not=why, installed=deployment is not None)
    if not is_ready(deployment):
        return WebAddress(interface, why_not=Text("installed, not ready yet"), version=version)
    given = get_load_balancer_address(service)
    if given:
        port = "" if interface.port == 80 else f":{interface.port}"
        return WebAddress(interface, f"http://{given}{port}{interface.path}", version=version)
    ports = f"{interface.local_port}:{interface.port}"
    line = f"kubectl port-forward -n {namespace} svc/{interface.service} {ports}"
    return WebAddress(interface, build_local_url(interface), line, version=version)


def get_configured_url(context: Context, interface: WebInterface) -> str:
    """Return the URL that the settings give a web interface, without a slash at its end, or ""."""
    return str(getattr(context.workshop, interface.setting)).rstrip("/")


def build_local_url(interface: WebInterface) -> str:
    """Return the URL of a web interface behind a port-forward."""
    return f"http://localhost:{interface.local_port}{interface.path}"


def get_load_balancer_address(service: Object) -> str:
    """Return the address that a load balancer gave a Service, or ""."""
    for ingress in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
        given = ingress.get("hostname") or ingress.get("ip")
        if given:
            return str(given)
    return ""


def build_console(reached: WebAddress) -> Console:
    """Return Kiali's console at the address where it was found."""
    return Console(reached.base, reached.version)
