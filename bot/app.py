"""Builds the bot from its settings, runs it until it is told to stop, and takes it down in the right order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bot import parts
from bot.acting import Actors
from bot.catalog import Catalog
from bot.cluster import KubernetesCluster
from bot.engine import Counter, Engine, Gallery, House, Rounds
from bot.health import HealthServer
from bot.istio import Istioctl
from bot.jobs import Jobs
from bot.language import tongue
from bot.ledger import Ledger, new_owner
from bot.pictures import Studio
from bot.roles import Members
from bot.schedule import Keeper, Office, Streams
from bot.settings import Settings, require
from bot.slack.board import SlackBoard
from bot.slack.client import Identity, build_client, build_session, identify
from bot.slack.files import SlackFiles
from bot.slack.groups import members_of
from bot.slack.http import HttpLink
from bot.slack.listeners import Listeners
from bot.slack.socket import SocketLink
from bot.slack.whisper import Ephemera
from bot.vitals import Vitals

log = logging.getLogger(__name__)

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
    health: HealthServer | None = None


@dataclass(frozen=True)
class Ground:
    """What the bot stands on: the cluster, the Istio release, and what is remembered."""

    cluster: KubernetesCluster
    mesh: Istioctl
    ledger: Ledger


@dataclass(frozen=True)
class Chat:
    """Slack, reached and known."""

    identity: Identity
    board: SlackBoard
    ways: Ephemera
    files: SlackFiles
    members: Members


@dataclass(frozen=True)
class Work:
    """What is carried out, and what goes on."""

    house: House
    office: Office
    traffic: Streams


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Bot]:
    """The bot, connected and taking commands, while the context lasts; leaving it drains. Raises MeshbotError."""
    require(settings)
    async with AsyncExitStack() as stack:
        ground = await stand(settings, stack)
        chat = await reach(settings, ground.ledger, stack)
        work = set_up(settings, ground, chat, stack)
        ledger, board = ground.ledger, chat.board
        engine = Engine(work.house, Jobs(), Counter(work.office, now=ledger.timetable.now))
        rounds = Rounds(engine, ledger, again=board.again, let_go=board.let_go)
        await rounds.join()
        stack.push_async_callback(rounds.leave)
        stack.push_async_callback(rounds.stop)
        stack.push_async_callback(board.aclose, 5.0)
        stack.push_async_callback(engine.drain, settings.drain_seconds)
        keeper = parts.open_keeper(work.house, work.office, work.traffic)
        stack.push_async_callback(keeper.close, min(SLOT_GRACE, settings.drain_seconds))
        keeper.start()
        listeners = Listeners(desk=engine, ways=chat.ways, identity=chat.identity, command=settings.slack.command)
        link = await parts.open_link(settings, listeners, chat.ways)
        stack.push_async_callback(link.close)
        vitals = Vitals(engine, rounds, ledger, board, ground.cluster, listeners, link, keeper)
        health = await open_health(settings, vitals, stack)
        await rounds.start()
        log.info("ready: %s in %s, Istio %s", chat.identity.user_id, chat.identity.team, ground.mesh.version)
        yield Bot(engine, link, board, ground.cluster, ground.mesh, ledger, keeper, health)


async def stand(settings: Settings, stack: AsyncExitStack) -> Ground:
    """Opens the cluster, the release and the ledger."""
    cluster = await parts.open_cluster(settings, stack)
    mesh = await parts.open_mesh(settings)
    ledger = await Ledger.open(settings.ledger.address, owner=new_owner())
    stack.push_async_callback(ledger.close)
    return Ground(cluster, mesh, ledger)


async def reach(settings: Settings, ledger: Ledger, stack: AsyncExitStack) -> Chat:
    """Signs in to Slack; commands are not taken yet."""
    session = await stack.enter_async_context(build_session())
    assert settings.slack.bot_token is not None  # `require` saw to it
    client = build_client(
        token=settings.slack.bot_token.get_secret_value(), base_url=settings.slack.base_url, session=session
    )
    identity = await identify(client)
    spoken = await asyncio.to_thread(tongue, settings.language)
    board = SlackBoard(client, outbox=ledger.outbox, tongue=spoken)
    ways, files = Ephemera(client, session, spoken), SlackFiles(client, session)
    return Chat(identity, board, ways, files, members_of(client))


def set_up(settings: Settings, ground: Ground, chat: Chat, stack: AsyncExitStack) -> Work:
    """Everything that commands need to be carried out."""
    rules, ledger, owner = parts.gate(settings), ground.ledger, ground.ledger.replicas.owner
    catalog = Catalog(rules.steps, command=settings.slack.command)
    studio = Studio()
    stack.push_async_callback(studio.close)
    traffic = parts.open_traffic(ground.cluster, ledger, owner)
    stack.push_async_callback(traffic.close)
    actors = Actors(ground.cluster, ground.mesh, traffic)
    stack.push_async_callback(actors.close)
    office = parts.open_office(settings, ledger, chat.board, catalog, owner)
    house = House(
        catalog=catalog,
        cluster=ground.cluster,
        mesh=ground.mesh,
        web=ground.cluster.web,
        traffic=traffic,
        ledger=ledger,
        board=chat.board,
        gallery=Gallery(studio, chat.files, chat.board),
        screens=chat.ways.screens,
        roles=parts.roles(settings, chat.members),
        schedules=office,
        workshop=parts.workshop(settings),
        namespaces=settings.namespaces,
        gate=rules,
        acting=actors.hands,
        place=parts.place(settings, ground.cluster),
        owner=owner,
        confirm_seconds=settings.confirm_seconds,
        home_channel=settings.slack.home_channel,
    )
    return Work(house, office, traffic)


async def open_health(settings: Settings, vitals: Vitals, stack: AsyncExitStack) -> HealthServer | None:
    """The server for probes and scrapes, unless its port is 0."""
    if not settings.health.port:
        return None
    server = HealthServer(vitals.checks, vitals.sources)
    await server.start(settings.health.host, settings.health.port)
    stack.push_async_callback(server.close)
    return server
