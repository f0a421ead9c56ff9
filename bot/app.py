"""Builds the bot from its settings, runs it until it is told to stop, and takes it down in the
right order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from bot import parts
from bot.bot_health import BotHealth
from bot.catalog import Catalog
from bot.cluster import KubernetesCluster
from bot.engine import (
    ClientSelector,
    ClusterClients,
    CommandRouter,
    Maintenance,
    PictureAttacher,
)
from bot.engine.greeter import Rehearsal
from bot.health import HealthServer
from bot.impersonation import ImpersonatedClients
from bot.istio import Istioctl
from bot.language import Localizer
from bot.ledger import Ledger, generate_owner
from bot.parts import Backends, SlackSide
from bot.pictures import DrawingProcess
from bot.schedule import SlotRunner, Streams
from bot.settings import Settings, require_complete
from bot.slack.inbound.http_mode import HttpReceiver
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.outbound.files import SlackFiles
from bot.slack.webapi.client import build_client, build_session, fetch_identity
from bot.slack.webapi.people import SlackPeople
from bot.slack.webapi.usergroups import build_member_lookup
from bot.wiring import EngineInputs, build_engine

log = logging.getLogger(__name__)

MESSAGE_GRACE = 5.0
"""Seconds that messages which wait get to be sent when the bot is stopped."""

SLOT_GRACE = 5.0
"""Seconds that slots of schedules get to end when the bot is stopped; the next process takes up
what is left."""


@dataclass(frozen=True)
class Bot:
    """A running bot, for whoever started it."""

    router: CommandRouter
    link: SocketModeReceiver | HttpReceiver
    channel_messages: SlackChannelMessages
    cluster: KubernetesCluster
    mesh: Istioctl
    ledger: Ledger
    slot_runner: SlotRunner
    health: HealthServer | None = None


@asynccontextmanager
async def run_bot(settings: Settings, rehearsal: Rehearsal | None = None) -> AsyncIterator[Bot]:
    """Run the bot while the context lasts: it is connected and takes commands.

    `rehearsal` plays the whole workshop in a channel, where that is possible.
    Leaving the context drains it. Raises MeshbotError when it cannot start.
    """
    require_complete(settings)
    async with AsyncExitStack() as stack:
        backends = await open_backends(settings, stack)
        slack = await sign_in_to_slack(settings, backends.ledger, stack)
        ledger, channel_messages = backends.ledger, slack.channel_messages
        inputs, traffic = prepare_engine(settings, backends, slack, stack)
        engine = build_engine(replace(inputs, rehearsal=rehearsal))
        router = engine.router
        maintenance = prepare_maintenance(settings, router, ledger, channel_messages)
        # Whoever stops is taken down in the opposite order: first nothing new comes in, then the
        # runs end, then their messages are sent, and the ledger is left last.
        await maintenance.join_replicas()
        stack.push_async_callback(maintenance.leave_replicas)
        stack.push_async_callback(maintenance.stop)
        stack.push_async_callback(channel_messages.aclose, MESSAGE_GRACE)
        stack.push_async_callback(router.drain, settings.drain_seconds)
        stack.push_async_callback(router.runs.endings.comparisons.close)
        slot_runner = parts.build_slot_runner(
            ledger, inputs.catalog, engine.slot_executor, inputs.schedule_service, traffic
        )
        stack.push_async_callback(slot_runner.close, min(SLOT_GRACE, settings.drain_seconds))
        slot_runner.start()
        listeners = Listeners(
            router=router,
            ways=slack.responder,
            identity=slack.identity,
            command=settings.slack.command,
            admitted=settings.slack.teams,
        )
        link = await parts.connect_to_slack(settings, listeners, slack.responder)
        stack.push_async_callback(link.close)
        cluster, mesh = backends.cluster, backends.mesh
        bot_health = BotHealth(
            router, maintenance, ledger, channel_messages, cluster, listeners, link, slot_runner
        )
        health = await start_health_server(settings, bot_health, stack)
        await maintenance.start()
        log.info(
            "ready: %s in %s, Istio %s", slack.identity.user_id, slack.identity.team, mesh.version
        )
        yield Bot(router, link, channel_messages, cluster, mesh, ledger, slot_runner, health)


def prepare_maintenance(
    settings: Settings,
    router: CommandRouter,
    ledger: Ledger,
    channel_messages: SlackChannelMessages,
) -> Maintenance:
    """Return what looks after runs, messages and the ledger; it is not started yet."""
    return Maintenance(
        router,
        ledger,
        deliver_kept=channel_messages.deliver_kept_messages,
        drop_kept=channel_messages.drop_kept_posts,
        kept=parts.build_retention_times(settings),
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
    assert settings.slack.bot_token is not None  # `require_complete` checked it
    client = build_client(
        token=settings.slack.bot_token.get_secret_value(),
        base_url=settings.slack.base_url,
        session=session,
    )
    identity = await fetch_identity(client)
    say = await asyncio.to_thread(Localizer, settings.language)  # reads a file
    return SlackSide(
        identity=identity,
        channel_messages=SlackChannelMessages(
            client,
            outbox=ledger.outbox,
            say=say,
            scopes=identity.scopes,
            is_fenced=lambda: ledger.replicas.is_fenced,
        ),
        responder=EphemeralResponder(client, session, say),
        files=SlackFiles(client, session),
        people=SlackPeople(client),
        members=build_member_lookup(client, identity.teams or (identity.team_id,)),
        say=say,
    )


def prepare_engine(
    settings: Settings, backends: Backends, slack: SlackSide, stack: AsyncExitStack
) -> tuple[EngineInputs, Streams]:
    """Return what the engine is built from, and the traffic generator."""
    cluster, mesh, ledger = backends.cluster, backends.mesh, backends.ledger
    policy = parts.build_access_policy(settings)
    catalog = Catalog(policy.steps, command=settings.slack.command)
    drawing = DrawingProcess()
    stack.push_async_callback(drawing.close)
    traffic = parts.build_traffic(cluster, ledger)
    stack.push_async_callback(traffic.close)
    impersonated = ImpersonatedClients(cluster, mesh, traffic)
    stack.push_async_callback(impersonated.close)
    own = ClusterClients(cluster, mesh, cluster.web, traffic)
    inputs = EngineInputs(
        settings=settings,
        backends=backends,
        slack=slack,
        catalog=catalog,
        policy=policy,
        clients=ClientSelector(own, policy, impersonated.get_clients),
        pictures=PictureAttacher(drawing, slack.files, slack.channel_messages, say=slack.say),
        schedule_service=parts.build_schedule_service(settings, ledger, slack, catalog),
    )
    return inputs, traffic


async def start_health_server(
    settings: Settings, bot_health: BotHealth, stack: AsyncExitStack
) -> HealthServer | None:
    """Start the server for probes and scrapes; return None when its port is 0."""
    if not settings.health.port:
        return None
    server = HealthServer(bot_health.checks, bot_health.sources)
    await server.start(settings.health.host, settings.health.port)
    stack.push_async_callback(server.close)
    return server
