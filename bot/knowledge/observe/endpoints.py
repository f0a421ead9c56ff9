"""Addresses at which people reach what runs in the cluster: from the settings, a load
balancer, or a port-forward.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, SERVICE, Object
from bot.knowledge.objects.workloads import get_image_tag, is_ready
from bot.knowledge.observe.kiali_links import Console
from bot.steps import Context
from bot.text import EMPTY, Text


@dataclass(frozen=True)
class WebInterface:
    """Something with web pages: its Service and port, the path of its first page, and the
    local port of a port-forward.
    """

    title: str
    service: str
    port: int
    local: int
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
FACES = (KIALI, JAEGER, GRAFANA, APP)


@dataclass(frozen=True)
class WebAddress:
    """Address of a web interface; `line` must be typed first when only a port-forward leads
    there.
    """

    face: WebInterface
    base: str = ""
    line: str = ""
    why_not: Text = EMPTY
    version: str = ""


async def find_web_address(context: Context, face: WebInterface) -> WebAddress:
    """Find the address of one web interface; `why_not` says why there is none."""
    namespace = context.workshop.app_namespace if face.app else context.workshop.mesh_namespace
    deployment = await context.cluster.get(DEPLOYMENT, face.deployment, namespace)
    version = get_image_tag(deployment) if deployment else ""
    settled = str(getattr(context.workshop, face.setting)).rstrip("/")
    if settled:
        return WebAddress(face, settled, version=version)
    service = await context.cluster.get(SERVICE, face.service, namespace)
    if service is None or deployment is None:
        return WebAddress(face, why_not=Text("not installed yet"))
    if not is_ready(deployment):
        return WebAddress(face, why_not=Text("installed, not ready yet"), version=version)
    given = get_load_balancer_address(service)
    if given:
        port = "" if face.port == 80 else f":{face.port}"
        return WebAddress(face, f"http://{given}{port}{face.path}", version=version)
    line = f"kubectl port-forward -n {namespace} svc/{face.service} {face.local}:{face.port}"
    return WebAddress(face, f"http://localhost:{face.local}{face.path}", line, version=version)


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
