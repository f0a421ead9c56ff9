"""Where the links that the bot gives lead in the sandbox: the application through its gateway, and
a plain page for each console, on a port beside the channel's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from bot.settings import Settings
from sandbox.consoles.cluster_web import ClusterWeb
from sandbox.consoles.server import ConsoleServer
from sandbox.istio.ctl.kubeconfig import ClusterAccess


async def start_consoles(
    access: ClusterAccess, settings: Settings, *, page_url: str, stack: AsyncExitStack
) -> Mapping[str, str]:
    """Serve the application and the consoles while the stack lasts, on the port after the page's
    where that is free; return the bot's settings that lead there.
    """
    workshop = settings.workshop
    cluster = ClusterWeb(access)
    stack.push_async_callback(cluster.close)
    server = ConsoleServer(
        cluster, mesh_namespace=workshop.mesh_namespace, app_namespace=workshop.app_namespace
    )
    beside = int(page_url.rpartition(":")[2]) + 1
    try:
        origin = await server.start(beside)
    except (OSError, OverflowError):
        origin = await server.start(0)
    stack.push_async_callback(server.stop)
    return {
        "MESHBOT_WORKSHOP__APP_URL": f"{origin}/productpage",
        "MESHBOT_WORKSHOP__KIALI_URL": f"{origin}/kiali",
        "MESHBOT_WORKSHOP__JAEGER_URL": f"{origin}/jaeger",
        "MESHBOT_WORKSHOP__GRAFANA_URL": f"{origin}/grafana",
    }
