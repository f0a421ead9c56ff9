"""How people reach what runs in the cluster: an address that is settled or given, or a line to type."""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, SERVICE, Object
from bot.knowledge.kiali import Console
from bot.knowledge.workloads import image_tag, is_ready
from bot.steps import Context


@dataclass(frozen=True)
class Face:
    """One thing with a page: its Service and port, the path people start at, and where a port-forward puts it."""

    title: str
    service: str
    port: int
    local: int
    path: str
    deployment: str
    setting: str
    app: bool = False


KIALI = Face("Kiali", "kiali", 20001, 20001, "/kiali", "kiali", "kiali_url")
JAEGER = Face("Jaeger", "tracing", 80, 16686, "/jaeger", "jaeger", "jaeger_url")
GRAFANA = Face("Grafana", "grafana", 3000, 3000, "", "grafana", "grafana_url")
APP = Face(
    "Bookinfo", "bookinfo-gateway-istio", 80, 8080, "/productpage", "bookinfo-gateway-istio", "app_url", app=True
)
FACES = (KIALI, JAEGER, GRAFANA, APP)


@dataclass(frozen=True)
class Reached:
    """How a face is reached; `line` must be typed first when only a port-forward leads there."""

    face: Face
    base: str = ""
    line: str = ""
    why_not: str = ""
    version: str = ""


async def reach(context: Context, face: Face) -> Reached:
    """Looks one face up."""
    namespace = context.workshop.app_namespace if face.app else context.workshop.mesh_namespace
    deployment = await context.cluster.get(DEPLOYMENT, face.deployment, namespace)
    version = image_tag(deployment) if deployment else ""
    settled = str(getattr(context.workshop, face.setting)).rstrip("/")
    if settled:
        return Reached(face, settled, version=version)
    service = await context.cluster.get(SERVICE, face.service, namespace)
    if service is None or deployment is None:
        return Reached(face, why_not="not installed yet")
    if not is_ready(deployment):
        return Reached(face, why_not="installed, not ready yet", version=version)
    given = address(service)
    if given:
        port = "" if face.port == 80 else f":{face.port}"
        return Reached(face, f"http://{given}{port}{face.path}", version=version)
    line = f"kubectl port-forward -n {namespace} svc/{face.service} {face.local}:{face.port}"
    return Reached(face, f"http://localhost:{face.local}{face.path}", line, version=version)


def address(service: Object) -> str:
    """The address that a load balancer gave a Service, or ""."""
    for ingress in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
        given = ingress.get("hostname") or ingress.get("ip")
        if given:
            return str(given)
    return ""


def console(reached: Reached) -> Console:
    """Kiali's console at the place where it was found."""
    return Console(reached.base, reached.version)
