"""Routes commands, buttons and forms, each in a task of its own, and answers every one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from bot.catalog import Invocation
from bot.engine.access.policy import AccessDenied
from bot.engine.forms.forms import Forms, RetryReply
from bot.engine.home.home import HomeTabs
from bot.engine.runs.error_messages import explain_error
from bot.engine.runs.runner import Runner
from bot.engine.schedules.commands import ScheduleCommands, get_button_command, get_scheduling_role
from bot.engine.services import NullProgress, Services
from bot.engine.tour.tour import Tour
from bot.errors import LedgerError, MeshbotError, SlackError, UserError
from bot.jobs import Jobs
from bot.ledger import DuplicateRequest, NewRun, Run, ScopeLocked
from bot.messages import ButtonPress, Command, FormSubmission, Message, Origin, Place, Posted, Reply
from bot.metrics import Metric, counter
from bot.steps import Caller, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text
from bot.view import messages
from bot.view.denials import render_denial
from bot.view.forms import OPEN
from bot.view.home import REFRESH
from bot.view.tour import TOUR

log = logging.getLogger(__name__)

ANSWERED = (Text("This question was answered before."), Text("Type the command again to ask anew."))

TRIES, BETWEEN = 10, 0.1
"""How often, and seconds between, a run that has just begun is asked where its message stands."""

PATIENCE = 1.0
"""Seconds that a person waits while it is found out whether their request was answered before."""

PASSING = {"ratelimited", "no_answer", "unreachable"}
"""Codes of a SlackError that say that Slack did not take it just now."""


UNEXPLAINED = Text("Something went wrong on my side. Tell the bot's administrator; the log has it.")
"""The answer when even the message about an error cannot be built."""


class CommandRouter:
    """Implements `bot.messages.CommandRouter`."""

    def __init__(self, services: Services, jobs: Jobs, counter: ScheduleCommands) -> None:
        self._services, self._jobs, self._counter = services, jobs, counter
        self.forms, self.homes = Forms(services), HomeTabs(services, jobs)
        self.tour = Tour(services, jobs, self.forms)
        self.runner = Runner(services, (self.tour.handle_run_change, self.homes.handle_run_change))
        self.draining = False
        self.duplicates = 0

    def command(self, asked: Command, reply: Reply) -> None:
        """Take a command; returns at once."""
        self._jobs.spawn(
            self._run_guarded(lambda: self._handle_command(asked, reply), reply, asked),
            f"command {asked.key}",
        )

    def pressed(self, pressed: ButtonPress, reply: Reply) -> None:
        """Take a button; returns at once."""
        work = self._run_guarded(lambda: self._handle_button(pressed, reply), reply, pressed)
        self._jobs.spawn(work, f"button {pressed.key}")

    def opened(self, user: str) -> None:
        """Show the Home tab to someone who opened it; returns at once."""
        if not self.draining:
            self._jobs.spawn(self.homes.show_tab(user), f"home of {user}")

    def faults(self, submitted: FormSubmission) -> dict[str, str]:
        """Return the faults of a form's inputs, by block_id."""
        found = self.forms.find_faults(submitted)
        return {name: self._services.say(fault) for name, fault in found.items()}

    def submitted(self, submitted: FormSubmission, reply: Reply) -> None:
        """Take a form without faults as the command that it stands for; returns at once."""
        text = self.forms.build_command(submitted)
        told = RetryReply(self._services.say, reply, text, self._services.catalog.command)
        origin, key = submitted.origin, f"{submitted.origin.note}{submitted.key}"
        asked = Command(
            submitted.user, origin.channel, text, key, origin.thread, away=not origin.channel
        )
        self._jobs.spawn(
            self._run_guarded(lambda: self._handle_command(asked, told), told, asked),
            f"form {submitted.key}",
        )

    async def recover_runs(self) -> None:
        """Resume, or end with a message, each run that has lost its process.

        These are runs of processes that are gone, and runs that this one dropped.
        """
        if self.draining or self._services.ledger.replicas.is_fenced:
            return
        unfinished = await self._services.ledger.list_unfinished_runs()
        left = [run for run in unfinished if self.runner.can_take_back(run)]
        for run in [*left, *await self._services.ledger.list_orphaned_runs()]:
            self._jobs.spawn(self.runner.recover_run(run), f"recover {run.id}")

    def release_runs(self) -> None:
        """Drop the runs under way, for another process may take them over."""
        self.runner.release_runs()

    def figures(self) -> Iterator[Metric]:
        """Yield the router's metrics."""
        yield counter(
            "duplicates",
            "Deliveries dropped because they came before.",
            self.duplicates,
            seen_by="ledger",
        )
        yield Metric(
            "work_in_progress",
            "Commands, buttons and runs that are being carried out.",
            len(self._jobs),
        )

    async def drain(self, grace: float) -> None:
        """Stop taking requests, and wait `grace` seconds for the runs under way.

        The messages of runs that are left say that they go on after the restart.
        """
        self.draining = True
        await self._jobs.drain(grace)
        await self.runner.announce_interruption()

    async def _run_guarded(
        self, work: Callable[[], Awaitable[None]], reply: Reply, what: Command | ButtonPress
    ) -> None:
        since = time.time()
        try:
            if self.draining:
                raise UserError(Text("I am being restarted."), Text("Type it again in a minute."))
            if await self._is_new_request(what.key):
                await work()
        # The last place before an error would vanish in a task.
        except Exception as problem:  # noqa: BLE001
            await reply.say(await self._explain_problem(problem))
            await self.runner.audit.record_refusal(what, problem, since)

    async def _is_new_request(self, key: str) -> bool:
        """Tell whether this request was not answered before, by whatever process.

        True as well while the ledger is away, for then nobody can tell.
        """
        asking = self._jobs.spawn(self._note_request(key), f"note {key}")
        await asyncio.wait({asking}, timeout=PATIENCE)
        if asking.done() and not asking.result():
            self.duplicates += 1
            log.info("request %s was delivered twice", key)
            return False
        return True

    async def _note_request(self, key: str) -> bool:
        try:
            return not key or await self._services.ledger.requests.claim_key(key)
        except MeshbotError as problem:
            log.warning("whether request %s was answered before is not known: %s", key, problem)
            return True

    async def _handle_command(self, asked: Command, reply: Reply) -> None:
        if (form := self.forms.find_requested_form(asked)) is not None:
            await self._open_form(form, asked, reply)
            return
        invocation = self._services.catalog.parse(asked.text)
        step, caller = invocation.step, await self._services.resolve_caller(asked.user)
        if step.shape is not StepKind.ANSWER or invocation.wish is not None:
            asked = replace(
                asked, channel=asked.channel or await self.homes.require_channel(asked.text)
            )
        invocation = self._services.gate.admit_command(invocation, caller, asked.channel)
        if invocation.wish is not None:
            await self._create_schedule(invocation, caller, asked)
        elif step.shape is StepKind.ANSWER:
            await self._answer_caller(invocation, caller, asked, reply)
        else:
            asked = replace(
                asked, channel=asked.channel or await self.homes.require_channel(asked.text)
            )
            carry_out = (
                self._handle_tour_command if step.shape is StepKind.TOUR else self._start_run
            )
            await carry_out(invocation, caller, asked, reply)

    async def _handle_tour_command(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        try:
            await self.tour.handle_command(invocation, caller, asked, reply)
        except SlackError as problem:
            raise explain_post_error(problem) from problem

    async def _open_form(self, step: Step, asked: Command, reply: Reply) -> None:
        caller, channel = await self._services.resolve_caller(asked.user), asked.channel
        if step.shape is not StepKind.ANSWER:
            channel = channel or await self.homes.require_channel(step.id)
        self._services.gate.check_step(step, caller, channel, what=step.title)
        await self.forms.open(step, asked.trigger, Origin(channel, asked.thread), over=asked.view)

    async def _create_schedule(
        self, invocation: Invocation, caller: Caller, asked: Command
    ) -> None:
        since, title = time.time(), invocation.step.title
        self._services.gate.require_role(
            get_scheduling_role(invocation), caller, what=Text("Scheduling {title}", title=title)
        )
        workshop = self._services.resolve_workshop(invocation)
        if invocation.step.check is not None:
            invocation.step.check(
                self._services.build_context(invocation, caller, NullProgress()), invocation.options
            )
        try:
            await self._counter.create_schedule(invocation, asked, workshop.app_namespace)
        except SlackError as problem:
            raise explain_post_error(problem) from problem
        await self.runner.audit.record_answer(
            asked, invocation, Verdict(State.DONE, Text("scheduled")), since
        )

    async def _answer_caller(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        since, context = (
            time.time(),
            self._services.build_context(invocation, caller, NullProgress()),
        )
        verdict = await invocation.step.run(context, invocation.options)
        message = messages.render_answer(
            self._services.say,
            invocation.step.title,
            verdict,
            command=self._services.catalog.command,
        )
        picture_attacher = self._services.picture_attacher
        if isinstance(invocation.options, Shared) and invocation.options.share:
            posted = await self._share_answer(asked, message)
            await picture_attacher.attach(posted, message, verdict.picture)
        else:
            await reply.say(await picture_attacher.add_to_message(message, verdict.picture))
        await self.runner.audit.record_answer(asked, invocation, verdict, since)

    async def _share_answer(self, asked: Command, message: Message) -> Posted:
        try:
            return await self._services.channel_messages.post(
                asked.channel, message, Place(thread=asked.thread)
            )
        except SlackError as problem:
            raise explain_post_error(problem) from problem

    async def _start_run(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        lock = self._services.get_lock_key(invocation)
        if invocation.step.check is not None:
            invocation.step.check(
                self._services.build_context(invocation, caller, NullProgress()), invocation.options
            )
        new = NewRun(
            request_key=asked.key,
            step=invocation.step.id,
            arguments=invocation.text,
            options=invocation.options.model_dump(mode="json", by_alias=True),
            user=asked.user,
            channel=asked.channel,
            owner=self._services.owner,
            lock_key=lock,
        )
        await self.runner.retry_unwritten()
        if self._services.ledger.replicas.is_fenced:
            raise LedgerError("this process has lost touch with the ledger")
        try:
            run = await self._services.ledger.begin_run(new)
            if (other := await self._services.find_conflicting_run(run)) is not None:
                await self.runner.record_end(
                    run, "error", Text("not started: run {id} was under way", id=other.id)
                )
                raise ScopeLocked(other)
        except DuplicateRequest:
            log.info("command %s was delivered twice", asked.key)
            return
        if asked.away:
            await reply.say(
                messages.render_run_elsewhere(
                    self._services.say, invocation.step.title, asked.channel
                )
            )
        with self.runner.track_run(run.id):
            try:
                await self.runner.start(run, invocation, caller, Place(thread=asked.thread))
            except SlackError as problem:
                await self.runner.record_end(
                    run, "error", Text("could not post: {code}", code=problem.code)
                )
                await self.runner.audit.record_run_end(
                    run, "error", Text("could not post: {code}", code=problem.code)
                )
                raise explain_post_error(problem) from problem

    async def _explain_problem(self, problem: Exception) -> Message:
        try:
            return (
                await self._explain_busy(problem.run)
                if isinstance(problem, ScopeLocked)
                else self._render_error(problem)
            )
        except MeshbotError as another:
            return self._render_error(another)

    def _render_error(self, problem: Exception) -> Message:
        """Return the message about an error; plain text when its blocks cannot be built."""
        say = self._services.say
        try:
            if isinstance(problem, AccessDenied):
                return render_denial(say, problem.denial, self._services.catalog.command)
            failure = explain_error(problem)
            return messages.render_user_error(say, failure.summary, failure.turn)
        except Exception:
            log.exception("an answer could not be built")
            return Message(say(UNEXPLAINED))

    async def _explain_busy(self, run: Run) -> Message:
        for _ in range(TRIES):
            if run.posted is not None:
                break
            await asyncio.sleep(BETWEEN)
            run = await self._services.ledger.get_run(run.id) or run
        link = await self._services.channel_messages.permalink(run.posted) if run.posted else ""
        return messages.render_busy(
            self._services.say,
            self._services.build_heading(run).title,
            run.user,
            time.time() - run.created_at.timestamp(),
            link,
        )

    async def _handle_button(self, pressed: ButtonPress, reply: Reply) -> None:
        if pressed.action == REFRESH:
            await self.homes.show_tab(pressed.user)
        elif pressed.action.startswith(TOUR):
            asked = await self.tour.handle_button(
                pressed, await self._services.resolve_caller(pressed.user), reply
            )
            if asked is not None:
                await self._handle_command(asked, reply)
        elif self._counter.is_schedule_action(pressed.action):
            await self._handle_schedule_button(pressed)
        elif pressed.action.startswith((messages.TYPE, OPEN)):
            await self._handle_command_button(pressed, reply)
        else:
            await self._handle_confirmation(pressed, reply)

    async def _handle_command_button(self, pressed: ButtonPress, reply: Reply) -> None:
        """Carry out the command in a button's value, or open the form of the step it names."""
        text = pressed.value.removeprefix(self._services.catalog.command).strip()
        channel = pressed.channel or (await self.homes.find_channel() if pressed.away else "")
        asked = Command(
            pressed.user,
            channel,
            text,
            pressed.key,
            pressed.thread,
            pressed.key,
            away=pressed.away,
            view=pressed.view,
        )
        form = self._services.catalog.get(text) if pressed.action.startswith(OPEN) else None
        if form is not None:
            await self._open_form(form, asked, reply)
            return
        if pressed.away and self.forms.find_requested_form(asked) is None:
            await reply.say(messages.render_loading(self._services.say))
        await self._handle_command(asked, reply)

    async def _handle_schedule_button(self, pressed: ButtonPress) -> None:
        """Carry out Pause, Resume or Remove of a schedule."""
        since = time.time()
        self._services.gate.require_role(
            Role.HOST,
            await self._services.resolve_caller(pressed.user),
            what=Text("Changing a schedule"),
        )
        await self._counter.change_schedule(pressed)
        asked = Command(pressed.user, pressed.channel, get_button_command(pressed), pressed.key)
        done = Verdict(State.DONE, Text("by its button"))
        await self.runner.audit.record_answer(
            asked, self._services.catalog.parse(asked.text), done, since
        )

    async def _handle_confirmation(self, pressed: ButtonPress, reply: Reply) -> None:
        """Carry out Confirm or Cancel of a run's question."""
        run = await self._services.ledger.get_run(pressed.value)
        if run is None or run.state != "asks":
            raise UserError(*ANSWERED)
        cancels = pressed.action == messages.CANCEL
        caller, invocation = (
            await self._services.resolve_caller(pressed.user),
            self._services.catalog.parse(run.arguments),
        )
        if not (cancels and pressed.user == run.user):
            title = invocation.step.title
            what = (
                Text("Cancelling {title}", title=title)
                if cancels
                else Text("Confirming {title}", title=title)
            )
            namespace = self._services.resolve_workshop(invocation).app_namespace
            self._services.gate.check_command(
                invocation, caller, pressed.channel, what=what, namespace=namespace
            )
        if cancels:
            await self.runner.withdraw_question(
                run, "cancelled", Text("Nothing was changed."), by=pressed.user
            )
        else:
            await self._confirm_run(run, invocation, caller, pressed)

    async def _confirm_run(
        self, run: Run, invocation: Invocation, caller: Caller, pressed: ButtonPress
    ) -> None:
        if self.runner.is_overdue(run):
            await self.runner.expire_run(run)
            return
        with self.runner.track_run(run.id):
            if not await self._services.ledger.confirm_run(run.id, owner=self._services.owner):
                raise UserError(*ANSWERED)
            if (other := await self._services.find_conflicting_run(run)) is not None:
                await self._services.ledger.ask_confirmation(
                    run.id, run.digest or "", run.expires_at or run.created_at
                )
                raise ScopeLocked(other)
            await self.runner.audit.record_confirmation(run, pressed)
            await self.runner.continue_confirmed(run, invocation, caller)


def explain_post_error(problem: SlackError) -> UserError:
    """Return the UserError for a channel that cannot be written to."""
    if "channel" in problem.code:
        hint = Text("Invite me with `/invite @meshbot`, then type it again.")
    elif problem.code in PASSING:
        hint = Text("Slack does not take it just now. Type it again in a minute.")
    else:
        hint = Text("Whoever runs the Slack app can tell why.")
    return UserError(
        Text("I cannot post in this channel ({code}); nothing was started.", code=problem.code),
        hint,
    )
