"""The workshop's live state in one pass: a fixed number of requests, however large the cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from bot.errors import ClusterError
from bot.kinds import (
    DAEMON_SET,
    DEPLOYMENT,
    DESTINATION_RULE,
    GATEWAY,
    HTTP_ROUTE,
    NAMESPACE,
    POD,
    VIRTUAL_SERVICE,
    Object,
)
from bot.knowledge.mesh_config import read_mesh_config, read_telemetries
from bot.knowledge.objects.workloads import get_labels, get_name, is_ready
from bot.knowledge.observe import jaeger
from bot.ports import Stream, TrafficReport
from bot.steps import Context

SENDERS_TIMEOUT = 2.0
"""Seconds that Jaeger gets to name the services that sent spans; after that they are not known."""


@dataclass(frozen=True)
class Snapshot:
    """Objects of the workshop, read at about the same moment.

    `senders` are services that sent spans, None when that is not known. `telemetries` are the
    Telemetry objects of the namespace, then of the mesh's.
    """

    mesh: dict[str, Object]
    app: dict[str, Object]
    namespace: Object | None
    pods: tuple[Object, ...]
    gateways: dict[str, Object]
    routes: dict[str, Object]
    virtual_services: dict[str, Object]
    destination_rules: dict[str, Object]
    config: Object
    streams: tuple[Stream, ...] = ()
    last: tuple[float, TrafficReport] | None = None
    senders: tuple[str, ...] | None = None
    telemetries: tuple[Object, ...] = ()

    @property
    def app_namespace(self) -> str:
        """The name of the application's namespace, "" while there is none."""
        return get_name(self.namespace) if self.namespace else ""

    @property
    def app_labels(self) -> dict[str, str]:
        """The labels of the application's namespace."""
        return get_labels(self.namespace) if self.namespace else {}

    @property
    def app_pods(self) -> list[Object]:
        """The application's own pods: no gateways, no waypoints, none that is being deleted."""
        return [
            pod
            for pod in self.pods
            if "gateway.networking.k8s.io/gateway-name" not in get_labels(pod)
            and "deletionTimestamp" not in pod["metadata"]
        ]


async def take_snapshot(context: Context) -> Snapshot:
    """Read all objects of the workshop at once."""
    from_mesh, from_app = context.workshop.mesh_namespace, context.workshop.app_namespace
    find = context.cluster.find
    read = await asyncio.gather(
        find(DEPLOYMENT, from_mesh),
        find(DAEMON_SET, from_mesh),
        find(DEPLOYMENT, from_app),
        find(POD, from_app),
        find(GATEWAY, from_app),
        find(HTTP_ROUTE, from_app),
        find(VIRTUAL_SERVICE, from_app),
        find(DESTINATION_RULE, from_app),
    )
    namespace, config, telemetries = await asyncio.gather(
        context.cluster.get(NAMESPACE, from_app),
        read_mesh_config(context),
        read_telemetries(context),
    )
    streams = await context.traffic.streams()
    deployments, daemons, app, pods, *rest = read
    gateways, routes, virtual, rules = (index_by_name(objects) for objects in rest)
    return Snapshot(
        index_by_name([*deployments, *daemons]),
        index_by_name(app),
        namespace,
        tuple(pods),
        gateways,
        routes,
        virtual,
        rules,
        config,
        tuple(stream for stream in streams if stream.namespace == from_app),
        context.traffic.last(from_app),
        telemetries=telemetries,
    )


async def add_senders(context: Context, now: Snapshot) -> Snapshot:
    """Return a snapshot with the services that have sent spans, where Jaeger is ready.

    That is one request more.
    """
    if "jaeger" not in now.mesh or not is_ready(now.mesh["jaeger"]):
        return now
    try:
        async with asyncio.timeout(SENDERS_TIMEOUT):
            services = await jaeger.list_services(context)
    except (ClusterError, TimeoutError):
        return now
    suffix = f".{context.workshop.app_namespace}"
    return replace(
        now, senders=tuple(s.removesuffix(suffix) for s in services if s.endswith(suffix))
    )


def index_by_name(objects: list[Object]) -> dict[str, Object]:
    """Return objects of one namespace by their names."""
    return {get_name(obj): obj for obj in objects}
