"""Builds the bot from its settings, runs it until it is told to stop, and takes it down in the
right order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bot import parts
from bot.bot_health import BotHealth
from bot.catalog import Catalog
from bot.cluster import KubernetesCluster
from bot.engine import CommandRouter, Maintenance, PictureAttacher, ScheduleCommands, Services
from bot.health import HealthServer
from bot.impersonation import ImpersonatedClients
from bot.istio import Istioctl
from bot.jobs import Jobs
from bot.language import Localizer
from bot.ledger import Ledger, generate_owner
from bot.pictures import DrawingProcess
from bot.roles import Members
from bot.schedule import ScheduleService, SlotRunner, Streams
from bot.settings import Settings, require_complete
from bot.slack.inbound.http_mode import HttpReceiver
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.outbound.files import SlackFiles
from bot.slack.webapi.client import BotIdentity, build_client, build_session, fetch_identity
from bot.slack.webapi.usergroups import build_member_lookup

log = logging.getLogger(__name__)

SLOT_GRACE = 5.0
"""Seconds that slots of schedules get to end when the bot is stopped; the next process takes up
what is left."""


@dataclass(frozen=True)
class Bot:
    """A running bot, for whoever started it."""

    engine: CommandRouter
    link: SocketModeReceiver | HttpReceiver
    channel_messages: SlackChannelMessages
    cluster: KubernetesCluster
    mesh: Istioctl
    ledger: Ledger
    slot_runner: SlotRunner
    health: HealthServer | None = None


@dataclass(frozen=True)
class Backends:
    """The backends of the bot: the cluster, the Istio release and the ledger."""

    cluster: KubernetesCluster
    mesh: Istioctl
    ledger: Ledger


@dataclass(frozen=True)
class SlackSide:
    """The Slack side of the bot, signed in."""

    identity: BotIdentity
    channel_messages: SlackChannelMessages
    ways: EphemeralResponder
    files: SlackFiles
    members: Members
    say: Localizer


@dataclass(frozen=True)
class Runtime:
    """The parts that carry out commands, schedules and traffic."""

    services: Services
    schedule_service: ScheduleService
    traffic: Streams


@asynccontextmanager
async def run_bot(settings: Settings) -> AsyncIterator[Bot]:
    """Run the bot while the context lasts: it is connected and takes commands.

    Leaving the context drains it. Raises MeshbotError when it cannot start.
    """
    require_complete(settings)
    async with AsyncExitStack() as stack:
        backends = await open_backends(settings, stack)
        chat = await sign_in_to_slack(settings, backends.ledger, stack)
        work = build_runtime(settings, backends, chat, stack)
        ledger, channel_messages = backends.ledger, chat.channel_messages
        engine = CommandRouter(
            work.services, Jobs(), ScheduleCommands(work.schedule_service, now=ledger.timetable.now)
        )
        rounds = Maintenance(
            engine,
            ledger,
            again=channel_messages.deliver_kept_messages,
            let_go=channel_messages.drop_kept_posts,
        )
        await rounds.join_replicas()
        stack.push_async_callback(rounds.leave_replicas)
        stack.push_async_callback(rounds.stop)
        stack.push_async_callback(channel_messages.aclose, 5.0)
        stack.push_async_callback(engine.drain, settings.drain_seconds)
        slot_runner = parts.build_slot_runner(work.services, work.schedule_service, work.traffic)
        stack.push_async_callback(slot_runner.close, min(SLOT_GRACE, settings.drain_seconds))
        slot_runner.start()
        listeners = Listeners(
            router=engine, ways=chat.ways, identity=chat.identity, command=settings.slack.command
        )
        link = await parts.connect_to_slack(settings, listeners, chat.ways)
        stack.push_async_callback(link.close)
        vitals = BotHealth(
            engine, rounds, ledger, channel_messages, backends.cluster, listeners, link, slot_runner
        )
        health = await start_health_server(settings, vitals, stack)
        await rounds.start()
        log.info(
            "ready: %s in %s, Istio %s",
            chat.identity.user_id,
            chat.identity.team,
            backends.mesh.version,
        )
        yield Bot(
            engine,
            link,
            channel_messages,
            backends.cluster,
            backends.mesh,
            ledger,
            slot_runner,
            health,
        )


async def open_backends(settings: Settings, stack: AsyncExitStack) -> Backends:
    """Open the cluster, the Istio release and the ledger."""
    cluster = await parts.open_cluster(settings, stack)
    mesh = await parts.open_mesh(settings)
    ledger = await Ledger.open(settings.ledger.address, owner=generate_owner())
    stack.push_async_callback(ledger.close)
    return Backends(cluster, mesh, ledger)


async def sign_in_to_slack(settings: Settings, ledger: Ledger, stack: AsyncExitStack) -> SlackSide:
    """Sign in to Slack; commands are not taken yet."""
    session = await stack.enter_async_context(build_session())
    assert settings.slack.bot_token is not None  # `require` saw to it
    client = build_client(
        token=settings.slack.bot_token.get_secret_value(),
        base_url=settings.slack.base_url,
        session=session,
    )
    identity = await fetch_identity(client)
    say = await asyncio.to_thread(Localizer, settings.language)  # reads a file
    channel_messages = SlackChannelMessages(client, outbox=ledger.outbox, say=say)
    ways, files = EphemeralResponder(client, session, say), SlackFiles(client, session)
    return SlackSide(identity, channel_messages, ways, files, build_member_lookup(client), say)


def build_runtime(
    settings: Settings, backends: Backends, chat: SlackSide, stack: AsyncExitStack
) -> Runtime:
    """Build everything that is needed to carry out commands."""
    rules, ledger, owner = (
        parts.build_access_policy(settings),
        backends.ledger,
        backends.ledger.replicas.owner,
    )
    catalog = Catalog(rules.steps, command=settings.slack.command)
    studio = DrawingProcess()
    stack.push_async_callback(studio.close)
    traffic = parts.build_traffic(backends.cluster, ledger, owner)
    stack.push_async_callback(traffic.close)
    actors = ImpersonatedClients(backends.cluster, backends.mesh, traffic)
    stack.push_async_callback(actors.close)
    schedule_service = parts.build_schedule_service(
        settings, ledger, chat.channel_messages, catalog, owner, chat.say
    )
    services = Services(
        catalog=catalog,
        cluster=backends.cluster,
        mesh=backends.mesh,
        web=backends.cluster.web,
        traffic=traffic,
        ledger=ledger,
        channel_messages=chat.channel_messages,
        picture_attacher=PictureAttacher(studio, chat.files, chat.channel_messages, say=chat.say),
        views=chat.ways.views,
        roles=parts.build_roles(settings, chat.members),
        schedules=schedule_service,
        workshop=parts.build_workshop(settings),
        namespaces=settings.namespaces,
        gate=rules,
        say=chat.say,
        acting=actors.get_clients,
        place=parts.describe_cluster(settings, backends.cluster),
        owner=owner,
        confirm_seconds=settings.confirm_seconds,
        home_channel=settings.slack.home_channel,
    )
    return Runtime(services, schedule_service, traffic)


async def start_health_server(
    settings: Settings, vitals: BotHealth, stack: AsyncExitStack
) -> HealthServer | None:
    """Start the server for probes and scrapes; return None when its port is 0."""
    if not settings.health.port:
        return None
    server = HealthServer(vitals.checks, vitals.sources)
    await server.start(settings.health.host, settings.health.port)
    stack.push_async_callback(server.close)
    return server
