"""Builds the bot from its settings, runs it until it is told to stop, and takes it down in the right order."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.catalog import Catalog
from bot.cluster import KubernetesCluster, Patience, connect
from bot.engine import Engine, House, Rounds
from bot.errors import SettingsError
from bot.health import HealthServer
from bot.istio import Istioctl
from bot.jobs import Jobs
from bot.ledger import Ledger, new_owner
from bot.roles import Members, Roles
from bot.settings import Settings, require
from bot.slack.board import SlackBoard
from bot.slack.client import build_client, build_session, identify
from bot.slack.groups import members_of
from bot.slack.http import HttpLink
from bot.slack.listeners import Listeners
from bot.slack.socket import SocketLink
from bot.slack.whisper import Ephemera
from bot.steps import Role, Workshop
from bot.traffic import Generator
from bot.traffic.visitor import door
from bot.vitals import Vitals
from handlers import STEPS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bot:
    """A running bot, for whoever started it."""

    engine: Engine
    link: SocketLink | HttpLink
    board: SlackBoard
    cluster: KubernetesCluster
    mesh: Istioctl
    ledger: Ledger
    health: HealthServer | None = None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Bot]:
    """The bot, connected and taking commands, while the context lasts; leaving it drains. Raises MeshbotError."""
    require(settings)
    async with AsyncExitStack() as stack:
        cluster = await open_cluster(settings, stack)
        mesh = await open_mesh(settings)
        owner = new_owner()
        ledger = await Ledger.open(settings.ledger.address, owner=owner)
        stack.push_async_callback(ledger.close)
        session = await stack.enter_async_context(build_session())
        assert settings.slack.bot_token is not None  # `require` saw to it
        client = build_client(
            token=settings.slack.bot_token.get_secret_value(), base_url=settings.slack.base_url, session=session
        )
        identity = await identify(client)
        board = SlackBoard(client, outbox=ledger.outbox)
        jobs = Jobs()
        traffic = Generator(cluster.web, partial(door, cluster))
        stack.push_async_callback(traffic.close)
        house = House(
            catalog=Catalog(STEPS, command=settings.slack.command),
            cluster=cluster,
            mesh=mesh,
            web=cluster.web,
            traffic=traffic,
            ledger=ledger,
            board=board,
            roles=roles(settings, members_of(client)),
            workshop=workshop(settings),
            namespaces=settings.workshop.allowed,
            owner=owner,
            confirm_seconds=settings.confirm_seconds,
        )
        engine = Engine(house, jobs)
        rounds = Rounds(engine, ledger, again=board.again, let_go=board.let_go)
        await rounds.join()
        stack.push_async_callback(rounds.leave)
        stack.push_async_callback(rounds.stop)
        stack.push_async_callback(board.aclose, 5.0)
        stack.push_async_callback(engine.drain, settings.drain_seconds)
        ways = Ephemera(client, session)
        listeners = Listeners(desk=engine, ways=ways, identity=identity, command=settings.slack.command)
        link = await open_link(settings, listeners, ways)
        stack.push_async_callback(link.close)
        vitals = Vitals(engine, rounds, ledger, board, cluster, listeners, link)
        health = await open_health(settings, vitals, stack)
        await rounds.start()
        log.info("ready: %s in %s, Istio %s", identity.user_id, identity.team, mesh.version)
        yield Bot(engine, link, board, cluster, mesh, ledger, health)


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


async def open_health(settings: Settings, vitals: Vitals, stack: AsyncExitStack) -> HealthServer | None:
    """The server for probes and scrapes, unless its port is 0."""
    if not settings.health.port:
        return None
    server = HealthServer(vitals.checks, vitals.sources)
    await server.start(settings.health.host, settings.health.port)
    stack.push_async_callback(server.close)
    return server


async def open_mesh(settings: Settings) -> Istioctl:
    """The Istio release; SettingsError when there is none."""
    if settings.istio.home is None:
        raise SettingsError("istio.home: name the directory of an unpacked Istio release (MESHBOT_ISTIO__HOME)")
    extra = {} if settings.cluster.kubeconfig or settings.cluster.in_cluster else {"KUBECONFIG": default_kubeconfig()}
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
        readiness_timeout=settings.istio.readiness_timeout,
        settings=settings.istio.set,
    )
