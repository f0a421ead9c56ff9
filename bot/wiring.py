"""Builds the engine: gives each of its parts the others that it works with, and no more.

Nothing is started here, and no request is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.catalog import Catalog
from bot.engine import (
    AccessPolicy,
    CallerResolver,
    ClientSelector,
    CommandRouter,
    PictureAttacher,
    SlotExecutor,
)
from bot.engine.access.protected import find_protected_namespaces
from bot.engine.commands.button_handler import ButtonHandler
from bot.engine.commands.command_handler import CommandHandler
from bot.engine.commands.error_replies import ErrorReplies
from bot.engine.commands.step_answers import Answers
from bot.engine.comparisons import LateComparisons
from bot.engine.details import DetailsWindow
from bot.engine.document_upload import DocumentPoster
from bot.engine.forms.step_forms import Forms
from bot.engine.greeter import Rehearsal, Welcome
from bot.engine.home.channel import HomeChannel
from bot.engine.home.content import HomeReader
from bot.engine.home.tabs import HomeTabs
from bot.engine.requests import RequestFilter
from bot.engine.runs.audit_writer import Auditor
from bot.engine.runs.confirmation_buttons import ConfirmationButtons
from bot.engine.runs.confirmations import Confirmations
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.events import EventWriter
from bot.engine.runs.executor import RunExecutor
from bot.engine.runs.recovery import RunRecovery
from bot.engine.runs.run_messages import RunMessages
from bot.engine.runs.run_services import Runs
from bot.engine.runs.starter import RunStarter
from bot.engine.runs.takeover_gate import TakeoverGate
from bot.engine.runs.tracker import RunTracker
from bot.engine.runs.undelivered import UndeliveredNotices
from bot.engine.schedules.schedule_commands import ScheduleCommands
from bot.engine.tour.buttons import TourButtons
from bot.engine.tour.guided_tour import Tour
from bot.engine.tour.pages import TourPages
from bot.engine.tour.tour_messages import TourMessages
from bot.engine.waiting_commands import WaitingCommands
from bot.engine.world.context import ContextBuilder
from bot.engine.world.locks import RunLocks
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.jobs import Jobs
from bot.ledger import Run
from bot.parts import Backends, SlackSide, build_roles, build_workshop, describe_cluster
from bot.schedule import ScheduleService, UnreachableSchedules
from bot.settings import Settings


@dataclass(frozen=True)
class EngineInputs:
    """What the engine is built from."""

    settings: Settings
    backends: Backends
    slack: SlackSide
    catalog: Catalog
    policy: AccessPolicy
    clients: ClientSelector
    pictures: PictureAttacher
    schedule_service: ScheduleService
    rehearsal: Rehearsal | None = None


@dataclass(frozen=True)
class Engine:
    """The engine: what takes commands, and what carries out the slots of schedules."""

    router: CommandRouter
    slot_executor: SlotExecutor


@dataclass(frozen=True)
class Rules:
    """Who asks, and what is decided before anything is carried out."""

    callers: CallerResolver
    namespaces: WorkshopNamespaces
    contexts: ContextBuilder
    locks: RunLocks


@dataclass(frozen=True)
class Surfaces:
    """What people use besides commands."""

    welcome: Welcome
    forms: Forms
    home_channel: HomeChannel
    home_tabs: HomeTabs
    tour: Tour


def build_engine(inputs: EngineInputs) -> Engine:
    """Return the engine."""
    jobs, ledger = Jobs(), inputs.backends.ledger
    rules = build_rules(inputs)
    surfaces = build_surfaces(inputs, rules, jobs)

    followers: list[Callable[[Run], None]] = []

    def notify(run: Run) -> None:
        for follow in followers:
            follow(run)
        surfaces.tour.messages.handle_run_change(run)
        surfaces.home_tabs.handle_run_change(run)

    runs = build_runs(inputs, rules, jobs, notify)
    commands = build_command_handler(inputs, rules, surfaces, runs)
    waiting = WaitingCommands(
        jobs=jobs,
        say=inputs.slack.say,
        catalog=inputs.catalog,
        ledger=ledger,
        callers=rules.callers,
        policy=inputs.policy,
        commands=commands,
        channel_messages=inputs.slack.channel_messages,
    )
    followers.append(waiting.handle_run_change)
    router = CommandRouter(
        jobs=jobs,
        say=inputs.slack.say,
        requests=RequestFilter(ledger, jobs),
        commands=commands,
        buttons=build_button_handler(inputs, rules, surfaces, runs, commands),
        error_replies=ErrorReplies(
            inputs.catalog, ledger, inputs.slack.channel_messages, inputs.slack.say
        ),
        forms=surfaces.forms,
        home_tabs=surfaces.home_tabs,
        welcome=surfaces.welcome,
        runs=runs,
        waiting=waiting,
    )
    slot_executor = SlotExecutor(
        inputs.catalog, rules.callers, rules.namespaces, rules.contexts, inputs.slack.say
    )
    return Engine(router, slot_executor)


def build_rules(inputs: EngineInputs) -> Rules:
    """Return what is decided before a command is carried out."""
    ledger, settings = inputs.backends.ledger, inputs.settings
    namespaces = WorkshopNamespaces(
        build_workshop(settings),
        settings.namespaces,
        find_protected_namespaces(settings.workshop.mesh_namespace),
    )
    contexts = ContextBuilder(
        catalog=inputs.catalog,
        clients=inputs.clients,
        namespaces=namespaces,
        history=ledger.journal,
        audit_trail=ledger.audit,
        schedules=inputs.schedule_service,
    )
    return Rules(
        callers=CallerResolver(build_roles(settings, inputs.slack.members), inputs.policy),
        namespaces=namespaces,
        contexts=contexts,
        locks=RunLocks(inputs.catalog, ledger, namespaces),
    )


def build_surfaces(inputs: EngineInputs, rules: Rules, jobs: Jobs) -> Surfaces:
    """Return the greeting, the forms, the Home tab and the tour."""
    catalog, slack, ledger = inputs.catalog, inputs.slack, inputs.backends.ledger
    contexts, views = rules.contexts, slack.responder.views
    forms = Forms(catalog, contexts, views, slack.say, rules.namespaces.are_several)
    channel = HomeChannel(ledger, inputs.settings.slack.home_channel, catalog.command)
    reader = HomeReader(catalog, contexts, inputs.schedule_service, channel)
    home_tabs = HomeTabs(jobs, catalog, rules.callers, reader, views, slack.say)
    pages = TourPages(catalog, contexts, forms, ledger, slack.channel_messages, slack.say)
    tour = Tour(inputs.policy, ledger, pages, TourMessages(jobs, pages))
    welcome = Welcome(catalog, inputs.policy, slack.channel_messages, slack.say, inputs.rehearsal)
    return Surfaces(welcome, forms, channel, home_tabs, tour)


def build_runs(
    inputs: EngineInputs, rules: Rules, jobs: Jobs, notify: Callable[[Run], None]
) -> Runs:
    """Return what carries out runs; `notify` is told of each that is shown, asks or has ended."""
    ledger, slack, catalog = inputs.backends.ledger, inputs.slack, inputs.catalog
    tracker = RunTracker(ledger.replicas)
    unreachable = UnreachableSchedules(ledger.timetable, inputs.schedule_service)
    undelivered = UndeliveredNotices(ledger, slack.channel_messages, slack.say, unreachable.pause)
    slack.channel_messages.refusals.undelivered = undelivered.handle_undelivered
    messages = RunMessages(slack.say, catalog, slack.channel_messages, ledger, notify, undelivered)
    audit = Auditor(
        catalog=catalog,
        ledger=ledger,
        channel_messages=slack.channel_messages,
        workshop=rules.namespaces.workshop,
        cluster=describe_cluster(inputs.settings, inputs.backends.cluster),
    )
    events = EventWriter(catalog, inputs.clients.own.cluster, ledger.journal, ledger.replicas.owner)
    documents = DocumentPoster(
        slack.files, slack.people, inputs.pictures, slack.channel_messages, slack.say
    )
    endings = RunEndings(
        ledger=ledger,
        messages=messages,
        tracker=tracker,
        pictures=inputs.pictures,
        documents=documents,
        comparisons=LateComparisons(ledger, catalog, inputs.pictures),
        audit=audit,
        events=events,
    )
    confirmations = Confirmations(
        ledger=ledger,
        messages=messages,
        endings=endings,
        policy=inputs.policy,
        namespaces=rules.namespaces,
        seconds=inputs.settings.confirm_seconds,
    )
    executor = RunExecutor(ledger, rules.contexts, messages, tracker, endings, confirmations)
    gate = TakeoverGate(catalog, rules.callers, inputs.policy, rules.namespaces)
    recovery = RunRecovery(ledger, jobs, gate, rules.locks, messages, tracker, endings, executor)
    return Runs(audit, tracker, endings, confirmations, executor, recovery)


def build_command_handler(
    inputs: EngineInputs, rules: Rules, surfaces: Surfaces, runs: Runs
) -> CommandHandler:
    """Return what handles commands."""
    ledger, slack, catalog = inputs.backends.ledger, inputs.slack, inputs.catalog
    return CommandHandler(
        catalog=catalog,
        ledger=ledger,
        namespaces=rules.namespaces,
        callers=rules.callers,
        policy=inputs.policy,
        forms=surfaces.forms,
        home_channel=surfaces.home_channel,
        answers=Answers(
            catalog, rules.contexts, slack.channel_messages, inputs.pictures, runs.audit, slack.say
        ),
        starter=RunStarter(
            ledger=ledger,
            say=slack.say,
            contexts=rules.contexts,
            locks=rules.locks,
            tracker=runs.tracker,
            endings=runs.endings,
            executor=runs.executor,
            replies=runs.executor.messages.undelivered.replies,
        ),
        tour=surfaces.tour,
        schedule_commands=ScheduleCommands(
            schedule_service=inputs.schedule_service,
            catalog=catalog,
            callers=rules.callers,
            policy=inputs.policy,
            contexts=rules.contexts,
            audit=runs.audit,
            now=ledger.timetable.now,
        ),
    )


def build_button_handler(
    inputs: EngineInputs, rules: Rules, surfaces: Surfaces, runs: Runs, commands: CommandHandler
) -> ButtonHandler:
    """Return what handles buttons."""
    return ButtonHandler(
        catalog=inputs.catalog,
        callers=rules.callers,
        say=inputs.slack.say,
        commands=commands,
        home_tabs=surfaces.home_tabs,
        tour_buttons=TourButtons(inputs.policy, surfaces.forms, surfaces.tour),
        welcome=surfaces.welcome,
        confirmation_buttons=ConfirmationButtons(
            catalog=inputs.catalog,
            ledger=inputs.backends.ledger,
            callers=rules.callers,
            policy=inputs.policy,
            namespaces=rules.namespaces,
            locks=rules.locks,
            tracker=runs.tracker,
            confirmations=runs.confirmations,
            executor=runs.executor,
            audit=runs.audit,
        ),
        details=DetailsWindow(
            inputs.backends.ledger.outbox, inputs.slack.responder.views, inputs.slack.say
        ),
    )
