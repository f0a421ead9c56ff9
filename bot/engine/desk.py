"""The bot's desk: takes commands and buttons, each in a task of its own, and never leaves anyone without an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from bot import blocks
from bot.catalog import Invocation
from bot.engine.counter import Counter, needed_for
from bot.engine.failures import explain
from bot.engine.house import House, Silent
from bot.engine.runner import Runner
from bot.errors import SlackError, UserError
from bot.jobs import Jobs
from bot.ledger import Busy, Duplicate, NewRun, Run
from bot.messages import Asked, Message, Pressed, Whisper
from bot.steps import Asker, Role, Shape, Shared

log = logging.getLogger(__name__)

ANSWERED = ("This question was answered before.", "Type the command again to ask anew.")

TRIES, BETWEEN = 10, 0.1
"""How often, and seconds between, a run that has just begun is asked where its message stands."""

PASSING = {"ratelimited", "no_answer", "unreachable"}
"""Codes of a SlackError that say that Slack did not take it just now."""


class Engine:
    """Implements `bot.messages.Desk`."""

    def __init__(self, house: House, jobs: Jobs, counter: Counter) -> None:
        self._house, self._jobs, self._counter = house, jobs, counter
        self.runner = Runner(house)
        self.draining = False

    def command(self, asked: Asked, whisper: Whisper) -> None:
        """A command; returns at once."""
        self._jobs.spawn(self._guard(lambda: self._command(asked, whisper), whisper), f"command {asked.key}")

    def pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        """A button; returns at once."""
        self._jobs.spawn(self._guard(lambda: self._pressed(pressed, whisper), whisper), f"button {pressed.key}")

    async def recover(self) -> None:
        """Takes up, or ends in words, each run that another life of the bot left unfinished."""
        for run in await self._house.ledger.unfinished():
            if run.owner != self._house.owner:
                self._jobs.spawn(self.runner.recover(run), f"recover {run.id}")

    async def drain(self, grace: float) -> None:
        """Takes nothing new, waits `grace` seconds for what runs, and says in what is left over that it goes on."""
        self.draining = True
        await self._jobs.drain(grace)
        await self.runner.say_interrupted()

    async def _guard(self, work: Callable[[], Awaitable[None]], whisper: Whisper) -> None:
        try:
            if self.draining:
                raise UserError("I am being restarted.", "Type it again in a minute.")
            await work()
        except Exception as problem:  # noqa: BLE001 - the last place before an error would vanish in a task
            await whisper.say(answer_to(problem))

    async def _command(self, asked: Asked, whisper: Whisper) -> None:
        invocation = self._house.catalog.parse(asked.text)
        step, asker = invocation.step, await self._house.roles.of(asked.user)
        if not asker.role.covers(step.role):
            await whisper.say(self._denied(step.title, asker, step.role))
        elif invocation.wish is not None:
            await self._schedule(invocation, asker, asked, whisper)
        elif step.shape is Shape.ANSWER:
            await self._answer(invocation, asker, asked, whisper)
        else:
            await self._run(invocation, asker, asked, whisper)

    async def _schedule(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        needed = needed_for(invocation)
        if not asker.role.covers(needed):
            await whisper.say(self._denied(f"Scheduling {invocation.step.title}", asker, needed))
            return
        workshop = self._house.workshop_of(invocation)
        if invocation.step.check is not None:
            invocation.step.check(self._house.context(invocation, asker, Silent()), invocation.options)
        try:
            await self._counter.order(invocation, asked, workshop.app_namespace)
        except SlackError as problem:
            raise cannot_post(problem) from problem

    def _denied(self, what: str, asker: Asker, needed: Role) -> Message:
        return blocks.denied(what, asker.role, needed, asker.hosts, self._house.catalog.command)

    async def _answer(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        context = self._house.context(invocation, asker, Silent())
        verdict = await invocation.step.run(context, invocation.options)
        message = blocks.answer(invocation.step.title, verdict, command=self._house.catalog.command)
        if isinstance(invocation.options, Shared) and invocation.options.share:
            await self._share(asked.channel, message)
        else:
            await whisper.say(message)

    async def _share(self, channel: str, message: Message) -> None:
        try:
            await self._house.board.post(channel, message)
        except SlackError as problem:
            raise cannot_post(problem) from problem

    async def _run(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        workshop = self._house.workshop_of(invocation)
        if invocation.step.check is not None:
            invocation.step.check(self._house.context(invocation, asker, Silent()), invocation.options)
        new = NewRun(
            request_key=asked.key,
            step=invocation.step.id,
            arguments=invocation.text,
            options=invocation.options.model_dump(mode="json", by_alias=True),
            user=asked.user,
            channel=asked.channel,
            owner=self._house.owner,
            lock_key=workshop.mesh_namespace if invocation.step.changes else None,
        )
        await self.runner.keep_again()
        try:
            run = await self._house.ledger.begin(new)
        except Duplicate:
            log.info("command %s was delivered twice", asked.key)
            return
        except Busy as busy:
            await whisper.say(await self._busy(busy.run))
            return
        try:
            await self.runner.start(run, invocation, asker)
        except SlackError as problem:
            await self.runner.remember(run, "error", f"could not post: {problem.code}")
            raise cannot_post(problem) from problem

    async def _busy(self, run: Run) -> Message:
        for _ in range(TRIES):
            if run.posted is not None:
                break
            await asyncio.sleep(BETWEEN)
            run = await self._house.ledger.get(run.id) or run
        link = await self._house.board.permalink(run.posted) if run.posted else ""
        return blocks.busy(self._house.heading(run).title, run.user, time.time() - run.created_at.timestamp(), link)

    async def _pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        if pressed.action.startswith(blocks.TYPE):
            text = pressed.value.removeprefix(self._house.catalog.command).strip()
            await self._command(Asked(pressed.user, pressed.channel, text, pressed.key), whisper)
            return
        if self._counter.knows(pressed.action):
            await self._turn(pressed, whisper)
            return
        run = await self._house.ledger.get(pressed.value)
        if run is None or run.state != "asks":
            raise UserError(*ANSWERED)
        asker = await self._house.roles.of(pressed.user)
        mine = pressed.action == blocks.CANCEL and pressed.user == run.user
        if not mine and not asker.role.covers(Role.HOST):
            await whisper.say(
                self._denied("Cancel" if pressed.action == blocks.CANCEL else "Confirm", asker, Role.HOST)
            )
        elif pressed.action == blocks.CANCEL:
            await self.runner.withdraw(run, "cancelled", "Nothing was changed.")
        else:
            await self._confirm(run, asker, whisper)

    async def _turn(self, pressed: Pressed, whisper: Whisper) -> None:
        asker = await self._house.roles.of(pressed.user)
        if not asker.role.covers(Role.HOST):
            await whisper.say(self._denied("Changing a schedule", asker, Role.HOST))
            return
        await self._counter.press(pressed)

    async def _confirm(self, run: Run, asker: Asker, whisper: Whisper) -> None:
        if self.runner.overdue(run):
            await self.runner.expire(run)
            return
        invocation = self._house.catalog.parse(run.arguments)
        try:
            if not await self._house.ledger.confirm(run.id, owner=self._house.owner):
                raise UserError(*ANSWERED)
        except Busy as busy:
            await whisper.say(await self._busy(busy.run))
            return
        await self.runner.confirmed(run, invocation, asker)


def answer_to(problem: Exception) -> Message:
    """What the person is told of an error; plain words when even that cannot be built."""
    try:
        failure = explain(problem)
        return blocks.mistake(failure.summary, failure.turn)
    except Exception:
        log.exception("an answer could not be built")
        return Message("Something went wrong on my side. Tell whoever runs the bot; the log has it.")


def cannot_post(problem: SlackError) -> UserError:
    """What is said when the channel cannot be written to."""
    if "channel" in problem.code:
        hint = "Invite me with `/invite @meshbot`, then type it again."
    elif problem.code in PASSING:
        hint = "Slack does not take it just now. Type it again in a minute."
    else:
        hint = "Whoever runs the Slack app can tell why."
    return UserError(f"I cannot post in this channel ({problem.code}); nothing was started.", hint)
