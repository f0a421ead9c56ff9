"""Commands that wait for the change in their way, and are begun in their turn: hosts first.

They are kept in the ledger, so that a restart only delays them. Each has a message in the channel
that says its place, and afterwards that it was begun, or why not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.catalog import Catalog
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessPolicy
from bot.engine.commands.command_handler import CommandHandler
from bot.engine.runs.error_messages import get_message
from bot.errors import MeshbotError, UserError
from bot.jobs import Jobs
from bot.language import Localizer
from bot.ledger import Ledger, Run, RunState, ScopeLocked, WaitingCommand
from bot.messages import ButtonPress, ChannelMessages, Command, Message, Place, Posted, Reply
from bot.steps import Caller, Role
from bot.text import Text, verbatim
from bot.view.origins import CLICKED
from bot.view.waiting_messages import render_left, render_waiting

log = logging.getLogger(__name__)

LONGEST = timedelta(hours=1)
"""How long a command waits: what was meant for now may not be meant later."""
GONE = (
    Text("That command does not wait any more."),
    Text("Its message says what became of it."),
)
BEGUN = Text("its turn has come: it is begun.")
TOO_LONG = Text("it waited for an hour and was not begun. Type it again if it is still wanted.")
CANCELLED = Text("it waits no more; nothing was started.")


@dataclass(frozen=True)
class ChannelReply:
    """Answers in the thread of a waiting command's message, for whoever asked may be away by
    then.
    """

    channel_messages: ChannelMessages
    posted: Posted

    async def say(self, message: Message) -> None:
        """Post the message; a failure is logged."""
        try:
            place = Place(thread=self.posted.ts)
            await self.channel_messages.post(self.posted.channel, message, place)
        except MeshbotError as problem:
            log.warning("an answer to a command that waited is lost: %s", problem)


@dataclass
class WaitingCommands:
    """Lets commands wait, and begins them. `paused`: this process begins none any more."""

    jobs: Jobs
    say: Localizer
    catalog: Catalog
    ledger: Ledger
    callers: CallerResolver
    policy: AccessPolicy
    commands: CommandHandler
    channel_messages: ChannelMessages
    paused: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _begun: dict[str, asyncio.Event] = field(default_factory=dict, init=False)

    async def let_wait(self, pressed: ButtonPress, reply: Reply) -> None:
        """Begin the command in a button's value, or let it wait when something is in its way.

        Raises MeshbotError when it would not be carried out at all.
        """
        text = pressed.value.removeprefix(self.catalog.command).strip()
        key = f"{CLICKED}{pressed.key}"
        asked = Command(pressed.user, pressed.channel, text, key, pressed.thread)
        try:
            await self.commands.handle_command(asked, reply)
        except ScopeLocked:
            # By now it is known that this person may run it, and that its options can be meant.
            await self._enter(asked)

    async def leave(self, pressed: ButtonPress) -> None:
        """Let a command wait no more, for who asked for it or a host. Raises UserError."""
        found = [each for each in await self.ledger.waiting.list_all() if each.id == pressed.value]
        if not found:
            raise UserError(*GONE)
        if pressed.user != found[0].user:
            caller = await self.callers.resolve_caller(pressed.user)
            self.policy.require_role(Role.HOST, caller, what=self._get_title(found[0]))
        if await self.ledger.waiting.remove(pressed.value) is None:
            raise UserError(*GONE)
        await self._show_left(found[0], CANCELLED)
        await self._show_places()

    def handle_run_change(self, run: Run) -> None:
        """Begin what waits when a run has ended or waits itself; note the runs that were begun
        so.
        """
        if (begun := self._begun.get(run.request_key)) is not None:
            begun.set()
        if run.state is not RunState.RUNNING:
            self.jobs.spawn(self.begin_waiting(), f"what waits for {run.id}")

    async def begin_waiting(self) -> None:
        """Begin the commands that wait and that nothing is in the way of, in their order."""
        async with self._turn:
            waiting = [] if self._is_paused() else await self.ledger.waiting.list_all()
            for entry in waiting:
                if datetime.now(UTC) - entry.created_at > LONGEST:
                    await self._end(entry, TOO_LONG)
                elif (words := await self._begin(entry)) is not None:
                    await self._end(entry, words)
            if waiting:
                await self._show_places()

    def _is_paused(self) -> bool:
        return self.paused or self.ledger.replicas.is_fenced

    async def _begin(self, entry: WaitingCommand) -> Text | None:
        """Try to begin a command; return what became of it, None when it has to wait on.

        Its run goes on in a task of its own.
        """
        key = f"{CLICKED}waiting:{entry.id}"
        begun = self._begun[key] = asyncio.Event()
        try:
            work = self.jobs.spawn(self._carry_out(entry, key), f"waiting command {entry.id}")
            waits = asyncio.ensure_future(begun.wait())
            await asyncio.wait({work, waits}, return_when=asyncio.FIRST_COMPLETED)
            waits.cancel()
            return BEGUN if begun.is_set() else work.result()
        finally:
            del self._begun[key]

    async def _carry_out(self, entry: WaitingCommand, key: str) -> Text | None:
        """Carry a command out; return why it was not begun, None when it has to wait on."""
        posted = await self._find_message(entry)
        asked = Command(entry.user, entry.channel, entry.text, key, entry.thread)
        try:
            await self.commands.handle_command(asked, ChannelReply(self.channel_messages, posted))
        except ScopeLocked:
            return None
        except MeshbotError as problem:
            return Text("it was not begun: {why}", why=get_message(problem))
        # A run of this key was there before: another process began it, and died before it said so.
        return BEGUN

    async def _enter(self, asked: Command) -> None:
        invocation = self.catalog.parse(asked.text)
        caller = await self.callers.resolve_caller(asked.user)
        entry, earlier = await self.ledger.waiting.enter(
            asked.user,
            asked.text,
            step=invocation.step.id,
            channel=asked.channel,
            thread=asked.thread,
            rank=get_rank(caller),
        )
        if earlier is not None:
            await self._show_left(earlier, Text("it is replaced by what was asked for after it."))
        await self._show_places()
        # What was in the way may have ended meanwhile, before this waited.
        self.jobs.spawn(self.begin_waiting(), f"turn of {entry.id}")

    async def _end(self, entry: WaitingCommand, words: Text) -> None:
        if await self.ledger.waiting.remove(entry.id) is not None:
            await self._show_left(entry, words)

    async def _show_places(self) -> None:
        """Show each that waits its place."""
        waiting = await self.ledger.waiting.list_all()
        for place, entry in enumerate(waiting, 1):
            message = self._render_place(entry, place)
            posted = await self._find_message(entry, message)
            self.channel_messages.edit(posted, message)

    def _render_place(self, entry: WaitingCommand, place: int) -> Message:
        typed = f"{self.catalog.command} {entry.text}"
        return render_waiting(
            self.say, self._get_title(entry), entry.id, user=entry.user, typed=typed, place=place
        )

    async def _show_left(self, entry: WaitingCommand, words: Text) -> None:
        typed = f"{self.catalog.command} {entry.text}"
        title = self._get_title(entry)
        message = render_left(self.say, title, words, user=entry.user, typed=typed)
        await self.channel_messages.settle(await self._find_message(entry, message), message)

    async def _find_message(self, entry: WaitingCommand, message: Message | None = None) -> Posted:
        """Return where the message of a command stands; it is posted when there is none."""
        shown = message or self._render_place(entry, 1)
        place = Place(thread=entry.thread, key=f"waiting:{entry.id}")
        return await self.channel_messages.post(entry.channel, shown, place, keep=True)

    def _get_title(self, entry: WaitingCommand) -> Text:
        step = self.catalog.get(entry.step)
        return step.title if step is not None else verbatim(entry.step)


def get_rank(caller: Caller) -> int:
    """Return the rank of somebody's commands: that of their role."""
    roles: Sequence[Role] = list(Role)
    return roles.index(caller.role)
