"""What stands beside the channel on the sandbox's page: the cluster, the application, the mesh, and
the troubles that can be made.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from bot.cli.sandbox_consoles import Consoles
from bot.settings.groups import WorkshopSettings
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.dataplane.attach.client import HttpClient
from sandbox.istio.ctl.kubeconfig import ClusterAccess
from sandbox.panel import ApplicationPanel, ClusterPanel, MeshPanel, load_styles
from sandbox.troubles import (
    SLACK,
    FaultControls,
    InjectableFault,
    build_causes,
    build_cluster_faults,
    build_slack_faults,
    describe_connections,
)
from sandbox.workspace import Workspace


@dataclass(frozen=True)
class PanelTarget:
    """The cluster that is shown; `embedded` is there when it is the sandbox's own, else `name` says
    which it is.
    """

    access: ClusterAccess
    embedded: EmbeddedCluster | None
    name: str


async def add_panels(
    workspace: Workspace,
    consoles: Consoles,
    workshop: WorkshopSettings,
    *,
    target: PanelTarget,
    stack: AsyncExitStack,
) -> None:
    """Show all panels while the stack lasts."""
    workspace.side.styles = load_styles()
    await add_cluster_panel(workspace, target, workshop.app_namespace, stack)
    server, side = consoles.server, workspace.side
    ApplicationPanel(consoles.web, server.gateway, side, workshop.app_url).start()
    graph = f"/console/graph/namespaces?namespaces={workshop.app_namespace}"
    mesh = MeshPanel(
        consoles.web,
        server.kiali,
        side,
        namespace=workshop.app_namespace,
        url=f"{workshop.kiali_url}{graph}" if workshop.kiali_url else "",
    )
    stack.push_async_callback(mesh.stop)
    mesh.start()


async def add_cluster_panel(
    workspace: Workspace, target: PanelTarget, app_namespace: str, stack: AsyncExitStack
) -> None:
    """Show the cluster and the troubles, while the stack lasts."""
    client = HttpClient(target.access, "meshbot-sandbox-page")
    stack.push_async_callback(client.close)
    name = "Embedded cluster" if target.embedded is not None else target.name
    panel = ClusterPanel(client, workspace.side, name=name)
    troubles = build_slack_faults(workspace)
    causes: tuple[InjectableFault, ...] = ()
    if target.embedded is not None:
        troubles += build_cluster_faults(target.embedded, lambda: panel.pods)
        causes = build_causes(target.embedded, app_namespace)
    notes = {SLACK: lambda: describe_connections(workspace)}
    strip = FaultControls(workspace.side, troubles, notes, causes)
    workspace.connections.listeners.append(strip.update_sidebar)
    stack.push_async_callback(strip.stop)
    stack.push_async_callback(panel.stop)
    panel.add_listener(strip.update_sidebar)
    await panel.start()
