"""Routes commands, buttons and forms, each in a task of its own, and answers every one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from bot.engine.access.policy import AccessDenied
from bot.engine.commands.button_handler import ButtonHandler
from bot.engine.commands.command_handler import CommandHandler
from bot.engine.commands.error_replies import ErrorReplies
from bot.engine.forms.retry_reply import RetryReply
from bot.engine.forms.step_forms import Forms
from bot.engine.greeter import Welcome
from bot.engine.home.tabs import HomeTabs
from bot.engine.requests import RequestFilter
from bot.engine.runs.run_services import Runs
from bot.engine.waiting_commands import WaitingCommands
from bot.errors import UserError
from bot.jobs import Jobs
from bot.language import Localizer
from bot.messages import ButtonPress, Command, FormSubmission, Reply
from bot.metrics import Metric, counter
from bot.text import Text
from bot.view.denials import build_stranger_denial
from bot.view.origins import FILLED
from bot.view.waiting_messages import LEAVE, NEXT


@dataclass
class CommandRouter:
    """Implements `bot.messages.CommandRouter`; `draining` makes it decline what comes."""

    jobs: Jobs
    say: Localizer
    requests: RequestFilter
    commands: CommandHandler
    buttons: ButtonHandler
    error_replies: ErrorReplies
    forms: Forms
    home_tabs: HomeTabs
    welcome: Welcome
    runs: Runs
    waiting: WaitingCommands
    draining: bool = field(default=False, init=False)

    def command(self, asked: Command, reply: Reply) -> None:
        """Take a command; returns at once."""
        work = self._run_guarded(lambda: self.commands.handle_command(asked, reply), reply, asked)
        self.jobs.spawn(work, f"command {asked.key}")

    def pressed(self, pressed: ButtonPress, reply: Reply) -> None:
        """Take a button; returns at once."""
        handle = self._find_waiting_handler(pressed, reply) or (
            lambda: self.buttons.handle_button(pressed, reply)
        )
        work = self._run_guarded(handle, reply, pressed)
        self.jobs.spawn(work, f"button {pressed.key}")

    def _find_waiting_handler(
        self, pressed: ButtonPress, reply: Reply
    ) -> Callable[[], Awaitable[None]] | None:
        """Return what handles the buttons of commands that wait; None for other buttons."""
        return {
            NEXT: lambda: self.waiting.let_wait(pressed, reply),
            LEAVE: lambda: self.waiting.leave(pressed),
        }.get(pressed.action)

    def opened(self, user: str) -> None:
        """Show the Home tab to someone who opened it; returns at once."""
        if not self.draining:
            self.jobs.spawn(self.home_tabs.show_tab(user), f"home of {user}")

    def joined(self, channel: str, key: str) -> None:
        """Greet a channel that the bot was invited to; returns at once."""
        if not self.draining:
            self.jobs.spawn(self.welcome.greet(channel, key), f"greeting in {channel}")

    def faults(self, submitted: FormSubmission) -> dict[str, str]:
        """Return the faults of a form's inputs, by block_id."""
        found = self.forms.find_faults(submitted)
        return {name: self.say(fault) for name, fault in found.items()}

    def submitted(self, submitted: FormSubmission, reply: Reply) -> None:
        """Take a form without faults as the command that it stands for; returns at once."""
        text = self.forms.build_command(submitted)
        retry = RetryReply(self.say, reply, text, self.forms.catalog.command)
        # The note is the place in a tour from which the form was opened; in the key it comes back
        # with the run.
        origin, key = submitted.origin, f"{submitted.origin.note}{FILLED}{submitted.key}"
        asked = Command(
            submitted.user,
            origin.channel,
            text,
            key,
            origin.thread,
            away=not origin.channel,
            stranger=submitted.stranger,
        )
        work = self._run_guarded(lambda: self.commands.handle_command(asked, retry), retry, asked)
        self.jobs.spawn(work, f"form {submitted.key}")

    async def begin_waiting(self) -> None:
        """Begin the commands that wait and that nothing is in the way of any more."""
        await self.waiting.begin_waiting()

    async def recover_runs(self) -> None:
        """Recover each run that has lost its process, unless this one is about to end."""
        if not self.draining:
            await self.runs.recovery.recover_runs()

    def figures(self) -> Iterator[Metric]:
        """Yield the router's metrics."""
        yield counter(
            "duplicates",
            "Deliveries dropped because they came before.",
            self.requests.duplicates,
            seen_by="ledger",
        )
        yield Metric(
            "work_in_progress",
            "Commands, buttons and runs that are being carried out.",
            len(self.jobs),
        )

    async def drain(self, grace: float) -> None:
        """Stop taking requests, and wait `grace` seconds for the runs under way.

        The messages of runs that are left say that they go on after the restart.
        """
        self.draining = self.waiting.paused = True
        await self.jobs.drain(grace)
        # After the jobs: a run that has ended meanwhile has said so itself.
        await self.runs.recovery.announce_interruption()

    async def _run_guarded(
        self, work: Callable[[], Awaitable[None]], reply: Reply, what: Command | ButtonPress
    ) -> None:
        since = time.time()
        try:
            if self.draining:
                raise UserError(
                    Text("I am being restarted."), Text("Type it again when I am back.")
                )
            if what.stranger:
                raise AccessDenied(build_stranger_denial(what.stranger))
            if await self.requests.is_new(what.key):
                await work()
        # The last place before an error would vanish in a task. The person is answered before
        # the audit, which may have to wait for the database.
        except Exception as problem:  # noqa: BLE001
            await reply.say(await self.error_replies.build_message(problem))
            await self.runs.audit.record_refusal(what, problem, since)
