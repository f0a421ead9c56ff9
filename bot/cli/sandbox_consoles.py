"""Where the links that the bot gives lead in the sandbox: the application through its gateway, and
a plain page for each console, on a port beside the channel's page.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bot.settings import Settings
from sandbox.consoles.cluster_web import ClusterWeb
from sandbox.consoles.console_server import ConsoleServer
from sandbox.istio.ctl.kubeconfig import ClusterAccess


@dataclass(frozen=True)
class Consoles:
    """The programs in the cluster that have web pages: `web` reaches them, `server` knows where
    they are, and `links` are the bot's settings that lead to pages of ours, where these are served.
    """

    access: ClusterAccess
    web: ClusterWeb
    server: ConsoleServer
    links: dict[str, str] = field(default_factory=dict)


def find_consoles(access: ClusterAccess, settings: Settings, stack: AsyncExitStack) -> Consoles:
    """Return the consoles of a cluster; their pages are not served yet."""
    cluster = ClusterWeb(access)
    stack.push_async_callback(cluster.close)
    workshop = settings.workshop
    server = ConsoleServer(
        cluster, mesh_namespace=workshop.mesh_namespace, app_namespace=workshop.app_namespace
    )
    return Consoles(access, cluster, server)


async def serve_consoles(consoles: Consoles, page_url: str, stack: AsyncExitStack) -> None:
    """Serve the pages while the stack lasts, on the port after the channel's page if it is free."""
    beside = int(page_url.rpartition(":")[2]) + 1
    try:
        origin = await consoles.server.start(beside)
    except (OSError, OverflowError):
        origin = await consoles.server.start(0)
    stack.push_async_callback(consoles.server.stop)
    consoles.links.update(
        {
            "MESHBOT_WORKSHOP__APP_URL": f"{origin}/productpage",
            "MESHBOT_WORKSHOP__KIALI_URL": f"{origin}/kiali",
            "MESHBOT_WORKSHOP__JAEGER_URL": f"{origin}/jaeger",
            "MESHBOT_WORKSHOP__GRAFANA_URL": f"{origin}/grafana",
        }
    )
