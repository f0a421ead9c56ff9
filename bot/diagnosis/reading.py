"""Reading the state of the cluster once, for one namespace or for many.

Every kind is one request for each namespace, or one for the whole cluster where many namespaces
are asked about. What may not be read, or cannot be just now, is noted and is no reason to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bot.diagnosis.mesh_state import CLUSTER_DOMAIN, ClusterState, Unread
from bot.diagnosis.program_settings import list_asked_hosts
from bot.errors import ClusterError, Forbidden, NotFound, Unavailable
from bot.kinds import (
    AUTHORIZATION_POLICY,
    CONFIG_MAP,
    CRD,
    DAEMON_SET,
    DEPLOYMENT,
    DESTINATION_RULE,
    EVENT,
    GATEWAY,
    GATEWAY_CLASS,
    GRPC_ROUTE,
    HTTP_ROUTE,
    ISTIO_GATEWAY,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    PEER_AUTHENTICATION,
    POD,
    SERVICE,
    SERVICE_ENTRY,
    SIDECAR,
    TELEMETRY,
    VALIDATING_WEBHOOK,
    VIRTUAL_SERVICE,
    Kind,
    Object,
)
from bot.knowledge.mesh_config import read_mesh_config
from bot.knowledge.objects.workloads import get_name
from bot.steps import Context
from bot.text import Text

NAMESPACED = (
    POD,
    DEPLOYMENT,
    DAEMON_SET,
    SERVICE,
    EVENT,
    NETWORK_POLICY,
    PEER_AUTHENTICATION,
    AUTHORIZATION_POLICY,
    TELEMETRY,
    SIDECAR,
)
"""Kinds that matter in the namespaces asked about and in the mesh's."""
EVERYWHERE = (
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    HTTP_ROUTE,
    GRPC_ROUTE,
    GATEWAY,
    ISTIO_GATEWAY,
    SERVICE_ENTRY,
)
"""Kinds that reach across namespaces: a rule elsewhere may be for a Service here."""
CLUSTER_WIDE = (NODE, GATEWAY_CLASS, MUTATING_WEBHOOK, VALIDATING_WEBHOOK)
CONFIG_MAPS = ("istio", "kiali")
GATEWAY_CRD = "gateways.gateway.networking.k8s.io"
MANY = 5
"""Namespaces from which one list of the whole cluster is less than a list for each."""


class Reader:
    """Reads kinds side by side, and notes those that it could not."""

    def __init__(self, context: Context, namespaces: Sequence[str]) -> None:
        self._cluster = context.cluster
        self._namespaces = tuple(dict.fromkeys((*namespaces, context.workshop.mesh_namespace)))
        self.unread: dict[Kind, Unread] = {}

    async def read(self) -> dict[Kind, list[Object]]:
        """Return all objects by kind. Raises Unavailable when not even pods can be read."""
        kinds = (*NAMESPACED, *EVERYWHERE, *CLUSTER_WIDE)
        lists = await asyncio.gather(
            *(self._list_in_namespaces(kind) for kind in NAMESPACED),
            *(self._list_everywhere(kind) for kind in EVERYWHERE),
            *(self._list(kind, "") for kind in CLUSTER_WIDE),
        )
        return dict(zip(kinds, lists, strict=True))

    async def _list_in_namespaces(self, kind: Kind) -> list[Object]:
        places = ("",) if len(self._namespaces) > MANY else self._namespaces
        found = await asyncio.gather(*(self._list(kind, place) for place in places))
        return [obj for objects in found for obj in objects]

    async def _list_everywhere(self, kind: Kind) -> list[Object]:
        """List a kind in the whole cluster; where that is forbidden, in the namespaces alone."""
        try:
            return await self._cluster.find(kind)
        except Forbidden:
            return await self._list_in_namespaces(kind)
        except ClusterError as problem:
            return self._note(kind, problem)

    async def _list(self, kind: Kind, namespace: str) -> list[Object]:
        try:
            return await self._cluster.find(kind, namespace)
        except ClusterError as problem:
            # Without pods there is nothing to say: the cluster is away, and the caller says so.
            if kind is POD and isinstance(problem, Unavailable):
                raise
            return self._note(kind, problem)

    def _note(self, kind: Kind, problem: ClusterError) -> list[Object]:
        self.unread[kind] = Unread(Text("{kinds}", kinds=kind.plural), problem.message)
        return []

    async def get(self, kind: Kind, name: str, namespace: str = "") -> list[Object]:
        """Return one object as a list, empty when it is not there or may not be read."""
        try:
            found = await self._cluster.get(kind, name, namespace)
        except ClusterError as problem:
            return self._note(kind, problem)
        return [] if found is None else [found]

    async def list_named(self, kind: Kind, names: Iterable[tuple[str, str]]) -> list[Object]:
        """Return those of some objects, given as (namespace, name), that exist."""
        found = await asyncio.gather(*(self.get(kind, name, place) for place, name in names))
        return [{**obj, "kind": kind.kind} for each in found for obj in each]

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are read, the mesh's too."""
        return self._namespaces


async def read_cluster_state(context: Context, *namespaces: str) -> ClusterState:
    """Read the state that causes are found in, for these namespaces and what all share.

    Raises ClusterError when the cluster cannot be reached.
    """
    reader, mesh = Reader(context, namespaces), context.workshop.mesh_namespace
    objects, own, crds, maps, config = await asyncio.gather(
        reader.read(),
        reader.list_named(NAMESPACE, (("", name) for name in reader.namespaces)),
        reader.list_named(CRD, [("", GATEWAY_CRD)]),
        reader.list_named(CONFIG_MAP, ((mesh, name) for name in CONFIG_MAPS)),
        read_config(context),
    )
    objects |= {NAMESPACE: own, CRD: crds, CONFIG_MAP: maps}
    missing = await find_missing_services(reader, objects, list_span_receivers(config))
    return ClusterState(
        objects,
        config,
        mesh_namespace=mesh,
        release=context.mesh.version,
        read_at=find_newest_moment(objects),
        unread=reader.unread,
        missing_services=missing,
    )


def list_span_receivers(config: Object) -> set[tuple[str, str]]:
    """Return the Services, as (namespace, name), to which the mesh's configuration sends spans."""
    tracing = (config.get("defaultConfig") or {}).get("tracing") or {}
    addresses = [str((tracing.get("zipkin") or {}).get("address") or "")]
    for provider in config.get("extensionProviders") or []:
        addresses += [str(v.get("service", "")) for v in provider.values() if isinstance(v, dict)]
    parts = [address.partition(":")[0].split(".") for address in addresses]
    return {(each[1], each[0]) for each in parts if len(each) > 1}


def list_hosts_elsewhere(reader: Reader, objects: dict[Kind, list[Object]]) -> set[tuple[str, str]]:
    """Return the Services of other namespaces, as (namespace, name), that rules here name."""
    hosts: set[str] = set()
    for rule in (*objects[VIRTUAL_SERVICE], *objects[DESTINATION_RULE]):
        spec, home = rule.get("spec") or {}, str(rule["metadata"].get("namespace", ""))
        named = {str(host) for host in (*(spec.get("hosts") or []), spec.get("host", ""))}
        # Rules of others matter where they are for a Service of a namespace that is read.
        if home not in reader.namespaces and not any(
            f".{place}.svc." in host for host in named for place in reader.namespaces
        ):
            continue
        named |= {
            str((route.get("destination") or {}).get("host", ""))
            for each in spec.get("http") or []
            for route in (
                *(each.get("route") or []),
                *(each.get("mirrors") or []),
                {"destination": each.get("mirror")},
            )
        }
        # A name without a dot belongs to the rule's own namespace.
        hosts |= {h if "." in h or not h else f"{h}.{home}.svc.{CLUSTER_DOMAIN}" for h in named}
    parts = [host.split(".") for host in hosts if host.count(".") > 1 and "*" not in host]
    places = {(each[1], each[0]) for each in parts if each[2] == "svc"}
    return {each for each in places if each[0] not in reader.namespaces}


def list_hosts_in_environments(reader: Reader, workloads: Iterable[Object]) -> set[tuple[str, str]]:
    """Return the Services of other namespaces that parts of Bookinfo are told to ask."""
    hosts = {asked.host for workload in workloads for asked in list_asked_hosts(workload)}
    parts = [host.split(".") for host in hosts if host.count(".")]
    return {(each[1], each[0]) for each in parts if each[1] not in ("svc", *reader.namespaces)}


def find_newest_moment(objects: dict[Kind, list[Object]]) -> datetime:
    """Return the time in the cluster: now, or the newest moment that its objects tell.

    The clocks of the cluster and of the bot may differ; ages are taken by the one that is ahead,
    since an object cannot be younger than nothing.
    """
    told = [
        str(moment)
        for each in (*objects[POD], *objects[EVENT])
        for moment in (
            each["metadata"].get("creationTimestamp"),
            each.get("lastTimestamp"),
            each.get("eventTime"),
        )
        if moment
    ]
    told += [
        str(condition["lastHeartbeatTime"])
        for node in objects[NODE]
        for condition in (node.get("status") or {}).get("conditions") or []
        if condition.get("lastHeartbeatTime")
    ]
    moments = (datetime.fromisoformat(moment.replace("Z", "+00:00")) for moment in told)
    return max([datetime.now(UTC), *moments])


async def read_config(context: Context) -> Object:
    """Return the mesh's configuration, empty when it may not be read."""
    try:
        return await read_mesh_config(context)
    except (Forbidden, NotFound):
        return {}


async def find_missing_services(
    reader: Reader, objects: dict[Kind, list[Object]], others: set[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return the Services, as (namespace, name), that webhooks or rules name and that do not exist.

    Services of namespaces that are not read are asked for one by one; they are few.
    """
    named = (
        others
        | list_hosts_elsewhere(reader, objects)
        | list_hosts_in_environments(reader, objects[DEPLOYMENT])
        | {
            (str(service["namespace"]), str(service["name"]))
            for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK)
            for configuration in objects[kind]
            for hook in configuration.get("webhooks") or []
            if (service := (hook.get("clientConfig") or {}).get("service"))
        }
    )
    read = {(s["metadata"].get("namespace", ""), get_name(s)) for s in objects[SERVICE]}
    elsewhere = {(place, name) for place, name in named if place not in reader.namespaces}
    found = await reader.list_named(SERVICE, elsewhere)
    read |= {(s["metadata"].get("namespace", ""), get_name(s)) for s in found}
    return frozenset(named - read) if SERVICE not in reader.unread else frozenset()
