"""Builds the bot from its settings, runs it until it is told to stop, and takes it down in the right order."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.catalog import Catalog
from bot.cluster import KubernetesCluster, Patience, connect
from bot.engine import Counter, Engine, House, Slots
from bot.errors import MeshbotError, SettingsError
from bot.istio import Istioctl
from bot.jobs import Jobs
from bot.ledger import Ledger
from bot.roles import Members, Roles
from bot.schedule import Hands, Keeper, Limits, Office, Streams
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
from handlers import STEPS

log = logging.getLogger(__name__)

ROUND = 15.0
"""Seconds between looks for questions whose time is over."""


SLOT_GRACE = 5.0
"""Seconds that slots of schedules get to end when the bot is stopped; the next process takes up what is left."""


@dataclass(frozen=True)
class Bot:
    """A running bot, for whoever started it."""

    engine: Engine
    link: SocketLink | HttpLink
    board: SlackBoard
    cluster: KubernetesCluster
    mesh: Istioctl
    ledger: Ledger
    keeper: Keeper


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Bot]:
    """The bot, connected and taking commands, while the context lasts; leaving it drains. Raises MeshbotError."""
    require(settings)
    async with AsyncExitStack() as stack:
        cluster = await open_cluster(settings, stack)
        mesh = await open_mesh(settings)
        ledger = await Ledger.open(settings.ledger.address)
        stack.push_async_callback(ledger.close)
        session = await stack.enter_async_context(build_session())
        assert settings.slack.bot_token is not None  # `require` saw to it
        client = build_client(
            token=settings.slack.bot_token.get_secret_value(), base_url=settings.slack.base_url, session=session
        )
        identity = await identify(client)
        board = SlackBoard(client)
        stack.push_async_callback(board.aclose, 5.0)
        jobs = Jobs()
        owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        catalog = Catalog(STEPS, command=settings.slack.command)
        traffic = open_traffic(cluster, ledger, owner)
        stack.push_async_callback(traffic.close)
        office = open_office(settings, ledger, board, catalog, owner)
        house = House(
            catalog=catalog,
            cluster=cluster,
            mesh=mesh,
            web=cluster.web,
            traffic=traffic,
            ledger=ledger,
            board=board,
            roles=roles(settings, members_of(client)),
            schedules=office,
            workshop=workshop(settings),
            namespaces=settings.workshop.allowed,
            owner=owner,
            confirm_seconds=settings.confirm_seconds,
        )
        engine = Engine(house, jobs, Counter(office, now=ledger.timetable.now))
        stack.push_async_callback(engine.drain, settings.drain_seconds)
        keeper = await open_keeper(house, office, traffic)
        stack.push_async_callback(keeper.close, min(SLOT_GRACE, settings.drain_seconds))
        keeper.start()
        ways = Ephemera(client, session)
        listeners = Listeners(desk=engine, ways=ways, identity=identity, command=settings.slack.command)
        link = await open_link(settings, listeners, ways)
        stack.push_async_callback(link.close)
        await engine.recover()
        stack.push_async_callback(stop, asyncio.create_task(rounds(engine)))
        log.info("ready: %s in %s, Istio %s", identity.user_id, identity.team, mesh.version)
        yield Bot(engine, link, board, cluster, mesh, ledger, keeper)


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


async def open_keeper(house: House, office: Office, traffic: Streams) -> Keeper:
    """What fires the slots of schedules; not started yet."""
    gone = await departed(house.ledger, house.owner)
    hands = Hands(house.catalog.regular, Slots(house).carry_out, gone, beside=traffic.round)
    return Keeper(house.ledger.timetable, office, hands, owner=house.owner)


async def departed(ledger: Ledger, owner: str) -> Callable[[], Awaitable[Collection[str]]]:
    """Names the processes that are no more: whoever left something behind before this one started."""
    left = frozenset(await ledger.timetable.owners() | await ledger.streams.owners()) - {owner}

    async def gone() -> Collection[str]:
        return left

    return gone


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
        timezone=chosen.timezone,
        readiness_timeout=settings.istio.readiness_timeout,
        settings=settings.istio.set,
    )


async def rounds(engine: Engine) -> None:
    """Ends questions that nobody answered, until cancelled."""
    while True:
        await asyncio.sleep(ROUND)
        try:
            await engine.runner.expire_questions()
        except MeshbotError as problem:
            log.warning("questions could not be looked at: %s", problem)


async def stop(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits until it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
