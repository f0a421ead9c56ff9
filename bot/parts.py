"""Builders of the bot's parts from the settings.

`bot.app` puts the parts together; the command line uses some alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.catalog import Catalog
from bot.cluster import KubernetesCluster, RetryPolicy, connect, find_kubeconfig
from bot.engine import AccessPolicy, SlotExecutor
from bot.engine.access.policy import OwnNamespaces, assign_roles, find_reserved_steps
from bot.engine.access.protected import find_protected_namespaces
from bot.engine.runs.fencing import check_not_fenced
from bot.errors import SettingsError
from bot.istio import Istioctl
from bot.istio.plugin_variables import select_plugin_environment
from bot.language import Localizer
from bot.ledger import Ledger, RetentionTimes
from bot.ports import Identity
from bot.roles import Members, Roles
from bot.schedule import (
    Limits,
    ScheduleMessages,
    ScheduleService,
    SlotCallbacks,
    SlotRunner,
    Streams,
)
from bot.settings import Settings
from bot.slack.inbound.http_mode import HttpReceiver
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.outbound.files import SlackFiles
from bot.slack.webapi.client import BotIdentity
from bot.slack.webapi.people import SlackPeople
from bot.steps import Role, Workshop
from bot.traffic import Generator
from bot.traffic.visitor import find_entry_point
from handlers import STEPS


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
    responder: EphemeralResponder
    files: SlackFiles
    people: SlackPeople
    members: Members
    say: Localizer


async def open_cluster(settings: Settings, stack: AsyncExitStack) -> KubernetesCluster:
    """Open the cluster's adapter; no request is sent to the cluster yet."""
    chosen = settings.cluster
    api = await connect(
        kubeconfig=chosen.kubeconfig,
        context=chosen.context,
        in_cluster=chosen.in_cluster,
        seconds=chosen.request_timeout,
        retry_policy=RetryPolicy(total=chosen.patience),
        strict=chosen.strict_certificates,
    )
    stack.push_async_callback(api.close)
    return KubernetesCluster(api)


async def open_mesh(settings: Settings) -> Istioctl:
    """Open the Istio release. Raises SettingsError when none is set."""
    if settings.istio.home is None:
        raise SettingsError(
            "istio.home: name the directory of an unpacked Istio release (MESHBOT_ISTIO__HOME); "
            "scripts/fetch-istio DIRECTORY fetches one"
        )
    chosen = settings.cluster
    extra: dict[str, str] = {}
    if not chosen.in_cluster:
        place = find_kubeconfig(chosen.kubeconfig)
        extra = {} if chosen.kubeconfig else {"KUBECONFIG": place}
        files = [Path(each) for each in place.split(os.pathsep)]
        extra |= await asyncio.to_thread(
            select_plugin_environment, files, chosen.context, os.environ
        )
    mesh = Istioctl(
        settings.istio.home,
        settings.cluster.kubeconfig,
        settings.cluster.context,
        settings.istio.gateway_api,
        extra=extra,
    )
    await mesh.open()
    return mesh


def build_traffic(cluster: KubernetesCluster, ledger: Ledger) -> Streams:
    """Return the traffic generator; streams that go on are kept in the ledger."""
    owner = ledger.replicas.owner
    generator = Generator(cluster.web, partial(find_entry_point, cluster))
    return Streams(generator, ledger.streams, owner=owner, now=ledger.timetable.now)


def build_schedule_service(
    settings: Settings, ledger: Ledger, slack: SlackSide, catalog: Catalog
) -> ScheduleService:
    """Return the service that creates schedules, within the limits of the settings."""
    chosen = settings.schedules
    return ScheduleService(
        ledger.timetable,
        ScheduleMessages(ledger.timetable, slack.channel_messages, catalog, slack.say),
        owner=ledger.replicas.owner,
        zone=settings.workshop.timezone,
        limits=Limits(chosen.most, chosen.least_seconds, chosen.longest_hours * 3600),
    )


def build_slot_runner(
    ledger: Ledger,
    catalog: Catalog,
    slot_executor: SlotExecutor,
    schedule_service: ScheduleService,
    traffic: Streams,
) -> SlotRunner:
    """Return the runner of the schedules' slots; it is not started yet."""
    replicas = ledger.replicas

    async def list_gone() -> Collection[str]:
        check_not_fenced(replicas)
        return await replicas.list_gone()

    callbacks = SlotCallbacks(
        catalog.get_recurrence, slot_executor.execute_slot, list_gone, on_pass=traffic.reconcile
    )
    return SlotRunner(
        ledger.timetable, ledger.slots, schedule_service, callbacks, owner=replicas.owner
    )


async def connect_to_slack(
    settings: Settings, listeners: Listeners, responder: EphemeralResponder
) -> SocketModeReceiver | HttpReceiver:
    """Connect to Slack in the mode that the settings choose, and return the connection."""
    chosen = settings.slack
    if chosen.mode == "http":
        assert chosen.signing_secret is not None  # `require_complete` checked it
        http = HttpReceiver(listeners, signing_secret=chosen.signing_secret.get_secret_value())
        await http.start(chosen.http_host, chosen.http_port)
        return http
    assert chosen.app_token is not None
    link = SocketModeReceiver(
        listeners, client=responder.client, app_token=chosen.app_token.get_secret_value()
    )
    await link.start()
    return link


def build_roles(settings: Settings, members: Members) -> Roles:
    """Return the roles of users and user groups from the settings."""
    chosen = settings.roles
    return Roles(
        users={Role.HOST: chosen.hosts, Role.ADMIN: chosen.admins},
        groups={Role.HOST: chosen.host_groups, Role.ADMIN: chosen.admin_groups},
        members=members,
    )


def build_access_policy(settings: Settings) -> AccessPolicy:
    """Return the access rules from the settings.

    Raises SettingsError for a step that does not exist, when the rules contradict each
    other, and when they give away a namespace that is not the workshop's.
    """
    chosen, workshop = settings.roles, settings.workshop
    find_protected_namespaces(workshop.mesh_namespace).check_settings(
        workshop.app_namespace, chosen.own_namespaces, chosen.namespace_of
    )
    rules = AccessPolicy(
        steps=assign_roles(STEPS, chosen.steps),
        command=settings.slack.command,
        channels=settings.slack.channels,
        own=OwnNamespaces(chosen.own_namespaces, chosen.namespace_of),
        reserved=find_reserved_steps(STEPS, chosen.steps),
        acting={
            Role(role): Identity(one.user, one.groups)
            for role, one in settings.cluster.impersonate.items()
        },
    )
    rules.check_consistency()
    return rules


def describe_cluster(settings: Settings, cluster: KubernetesCluster) -> str:
    """Return the name of the cluster for the audit.

    That is the kubeconfig's context, where one is named, and the server.
    """
    return (
        f"{settings.cluster.context} ({cluster.host})" if settings.cluster.context else cluster.host
    )


def build_retention_times(settings: Settings) -> RetentionTimes:
    """Return how long what is over is kept in the ledger."""
    chosen = settings.ledger
    return RetentionTimes(
        runs=timedelta(days=chosen.keep_runs_days), audit=timedelta(days=chosen.keep_audit_days)
    )


def build_workshop(settings: Settings) -> Workshop:
    """Return the part of the settings that steps may know."""
    chosen = settings.workshop
    return Workshop(
        mesh_namespace=chosen.mesh_namespace,
        app_namespace=chosen.app_namespace,
        shared_namespace=chosen.app_namespace,
        kiali_url=chosen.kiali_url,
        jaeger_url=chosen.jaeger_url,
        grafana_url=chosen.grafana_url,
        app_url=chosen.app_url,
        timezone=chosen.timezone,
        readiness_timeout=settings.istio.readiness_timeout,
        settings=settings.istio.set,
    )
