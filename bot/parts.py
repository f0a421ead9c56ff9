"""Parts of the bot, each made from the settings. `bot.app` puts them together; the command line uses some alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bot.catalog import Catalog
from bot.cluster import KubernetesCluster, Patience, connect
from bot.engine import Gate, House, Slots
from bot.engine.gate import OwnNamespaces, assigned, reserved
from bot.errors import LedgerError, SettingsError
from bot.istio import Istioctl
from bot.istio.plugins import for_plugins
from bot.ledger import Ledger
from bot.ports import Identity
from bot.roles import Members, Roles
from bot.schedule import Hands, Keeper, Limits, Office, Streams
from bot.settings import Settings
from bot.slack.board import SlackBoard
from bot.slack.http import HttpLink
from bot.slack.listeners import Listeners
from bot.slack.socket import SocketLink
from bot.slack.whisper import Ephemera
from bot.steps import Role, Workshop
from bot.traffic import Generator
from bot.traffic.visitor import door
from handlers import STEPS


async def open_cluster(settings: Settings, stack: AsyncExitStack) -> KubernetesCluster:
    """The cluster's adapter; nothing is asked of the cluster yet."""
    chosen = settings.cluster
    api = await connect(
        kubeconfig=chosen.kubeconfig,
        context=chosen.context,
        in_cluster=chosen.in_cluster,
        seconds=chosen.request_timeout,
        patience=Patience(total=chosen.patience),
    )
    stack.push_async_callback(api.close)
    return KubernetesCluster(api)


async def open_mesh(settings: Settings) -> Istioctl:
    """The Istio release; SettingsError when there is none."""
    if settings.istio.home is None:
        raise SettingsError("istio.home: name the directory of an unpacked Istio release (MESHBOT_ISTIO__HOME)")
    chosen = settings.cluster
    extra = {} if chosen.kubeconfig or chosen.in_cluster else {"KUBECONFIG": default_kubeconfig()}
    if not chosen.in_cluster:
        kubeconfig = chosen.kubeconfig or Path(default_kubeconfig())
        extra |= await asyncio.to_thread(for_plugins, kubeconfig, chosen.context, os.environ)
    mesh = Istioctl(
        settings.istio.home,
        settings.cluster.kubeconfig,
        settings.cluster.context,
        settings.istio.gateway_api,
        extra=extra,
    )
    await mesh.open()
    return mesh


def default_kubeconfig() -> str:
    """Where kubectl would look."""
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def open_traffic(cluster: KubernetesCluster, ledger: Ledger, owner: str) -> Streams:
    """The bot's own requests; those that go on are remembered."""
    generator = Generator(cluster.web, partial(door, cluster))
    return Streams(generator, ledger.streams, owner=owner, now=ledger.timetable.now)


def open_office(settings: Settings, ledger: Ledger, board: SlackBoard, catalog: Catalog, owner: str) -> Office:
    """Where schedules are made, within the limits of the settings."""
    chosen = settings.schedules
    limits = Limits(chosen.most, chosen.least_seconds, chosen.longest_hours * 3600)
    zone = settings.workshop.timezone
    return Office(ledger.timetable, board, catalog, owner=owner, zone=zone, limits=limits)


def open_keeper(house: House, office: Office, traffic: Streams) -> Keeper:
    """What fires the slots of schedules; not started yet."""
    replicas = house.ledger.replicas

    async def gone() -> Collection[str]:
        if replicas.fenced:
            raise LedgerError("this process has lost touch with the ledger")
        return await replicas.gone()

    hands = Hands(house.catalog.regular, Slots(house).carry_out, gone, beside=traffic.round)
    return Keeper(house.ledger.timetable, office, hands, owner=house.owner)


async def open_link(settings: Settings, listeners: Listeners, ways: Ephemera) -> SocketLink | HttpLink:
    """Connects to Slack in the chosen mode."""
    chosen = settings.slack
    if chosen.mode == "http":
        assert chosen.signing_secret is not None  # `require` saw to it
        http = HttpLink(listeners, signing_secret=chosen.signing_secret.get_secret_value())
        await http.start(chosen.http_host, chosen.http_port)
        return http
    assert chosen.app_token is not None
    link = SocketLink(listeners, client=ways.client, app_token=chosen.app_token.get_secret_value())
    await link.start()
    return link


def roles(settings: Settings, members: Members) -> Roles:
    """Who may do what, by the settings."""
    chosen = settings.roles
    return Roles(
        users={Role.HOST: chosen.hosts, Role.ADMIN: chosen.admins},
        groups={Role.HOST: chosen.host_groups, Role.ADMIN: chosen.admin_groups},
        members=members,
    )


def gate(settings: Settings) -> Gate:
    """The rules on who may do what, by the settings. Raises SettingsError for a step that there is not."""
    chosen = settings.roles
    rules = Gate(
        steps=assigned(STEPS, chosen.steps),
        command=settings.slack.command,
        channels=settings.slack.channels,
        own=OwnNamespaces(chosen.own_namespaces, chosen.namespace_of),
        reserved=reserved(STEPS, chosen.steps),
        acting={Role(role): Identity(one.user, one.groups) for role, one in settings.cluster.impersonate.items()},
    )
    rules.check()
    return rules


def place(settings: Settings, cluster: KubernetesCluster) -> str:
    """Which cluster it is, for whoever reads the audit: the context, where one is named, and the server."""
    return f"{settings.cluster.context} ({cluster.host})" if settings.cluster.context else cluster.host


def workshop(settings: Settings) -> Workshop:
    """What steps may know of the settings."""
    chosen = settings.workshop
    return Workshop(
        mesh_namespace=chosen.mesh_namespace,
        app_namespace=chosen.app_namespace,
        kiali_url=chosen.kiali_url,
        jaeger_url=chosen.jaeger_url,
        grafana_url=chosen.grafana_url,
        app_url=chosen.app_url,
        timezone=chosen.timezone,
        readiness_timeout=settings.istio.readiness_timeout,
        settings=settings.istio.set,
    )
