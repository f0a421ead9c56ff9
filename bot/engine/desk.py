"""The bot's desk: takes commands and buttons, each in a task of its own, and never leaves anyone without an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from bot import blocks
from bot.catalog import Invocation
from bot.engine.counter import Counter, needed_for, typed
from bot.engine.failures import explain
from bot.engine.forms import OPEN, Forms, Retold
from bot.engine.gate import Denied
from bot.engine.home import Homes
from bot.engine.homeview import REFRESH
from bot.engine.house import House, Silent
from bot.engine.pages import TOUR
from bot.engine.runner import Runner
from bot.engine.tour import Tour
from bot.errors import LedgerError, MeshbotError, SlackError, UserError
from bot.figures import Figure, counter
from bot.jobs import Jobs
from bot.ledger import Busy, Duplicate, NewRun, Run
from bot.messages import Asked, Message, Origin, Place, Posted, Pressed, Submitted, Whisper
from bot.steps import Asker, Role, Shape, Shared, State, Step, Verdict

log = logging.getLogger(__name__)

ANSWERED = ("This question was answered before.", "Type the command again to ask anew.")

TRIES, BETWEEN = 10, 0.1
"""How often, and seconds between, a run that has just begun is asked where its message stands."""

PATIENCE = 1.0
"""Seconds that a person waits while it is found out whether their request was answered before."""

PASSING = {"ratelimited", "no_answer", "unreachable"}
"""Codes of a SlackError that say that Slack did not take it just now."""


class Engine:
    """Implements `bot.messages.Desk`."""

    def __init__(self, house: House, jobs: Jobs, counter: Counter) -> None:
        self._house, self._jobs, self._counter = house, jobs, counter
        self.forms, self.homes = Forms(house), Homes(house, jobs)
        self.tour = Tour(house, jobs, self.forms)
        self.runner = Runner(house, (self.tour.heard, self.homes.heard))
        self.draining = False
        self.duplicates = 0

    def command(self, asked: Asked, whisper: Whisper) -> None:
        """A command; returns at once."""
        self._jobs.spawn(self._guard(lambda: self._command(asked, whisper), whisper, asked), f"command {asked.key}")

    def pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        """A button; returns at once."""
        work = self._guard(lambda: self._pressed(pressed, whisper), whisper, pressed)
        self._jobs.spawn(work, f"button {pressed.key}")

    def opened(self, user: str) -> None:
        """Someone opened the Home tab; returns at once."""
        if not self.draining:
            self._jobs.spawn(self.homes.show(user), f"home of {user}")

    def faults(self, submitted: Submitted) -> dict[str, str]:
        """What is wrong with which input of a form."""
        return self.forms.faults(submitted)

    def submitted(self, submitted: Submitted, whisper: Whisper) -> None:
        """A form without faults is typed like a command; returns at once."""
        text = self.forms.command(submitted)
        told = Retold(whisper, text, self._house.catalog.command)
        origin, key = submitted.origin, f"{submitted.origin.note}{submitted.key}"
        asked = Asked(submitted.user, origin.channel, text, key, origin.thread, away=not origin.channel)
        self._jobs.spawn(self._guard(lambda: self._command(asked, told), told, asked), f"form {submitted.key}")

    async def recover(self) -> None:
        """Takes up, or ends in words, each run that a process which is gone left, or that this one dropped."""
        if self.draining or self._house.ledger.replicas.fenced:
            return
        unfinished = await self._house.ledger.unfinished()
        left = [run for run in unfinished if self.runner.mine_to_take_up(run)]
        for run in [*left, *await self._house.ledger.orphans()]:
            self._jobs.spawn(self.runner.recover(run), f"recover {run.id}")

    def let_go(self) -> None:
        """Drops what runs, for others may count this process as gone and take it over."""
        self.runner.let_go()

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        yield counter("duplicates", "Deliveries dropped because they came before.", self.duplicates, seen_by="ledger")
        yield Figure("work_in_progress", "Commands, buttons and runs that are being carried out.", len(self._jobs))

    async def drain(self, grace: float) -> None:
        """Takes nothing new, waits `grace` seconds for what runs, and says in what is left over that it goes on."""
        self.draining = True
        await self._jobs.drain(grace)
        await self.runner.say_interrupted()

    async def _guard(self, work: Callable[[], Awaitable[None]], whisper: Whisper, what: Asked | Pressed) -> None:
        since = time.time()
        try:
            if self.draining:
                raise UserError("I am being restarted.", "Type it again in a minute.")
            if await self._first(what.key):
                await work()
        except Exception as problem:  # noqa: BLE001 - the last place before an error would vanish in a task
            await whisper.say(await self._explained(problem))
            await self.runner.audit.refused(what, problem, since)

    async def _first(self, key: str) -> bool:
        """False when this request was answered before, by whatever process. With the ledger away, nobody can tell."""
        asking = self._jobs.spawn(self._noted(key), f"note {key}")
        await asyncio.wait({asking}, timeout=PATIENCE)
        if asking.done() and not asking.result():
            self.duplicates += 1
            log.info("request %s was delivered twice", key)
            return False
        return True

    async def _noted(self, key: str) -> bool:
        try:
            return not key or await self._house.ledger.requests.first(key)
        except MeshbotError as problem:
            log.warning("whether request %s was answered before is not known: %s", key, problem)
            return True

    async def _command(self, asked: Asked, whisper: Whisper) -> None:
        if (form := self.forms.wanted(asked)) is not None:
            await self._form(form, asked, whisper)
            return
        invocation = self._house.catalog.parse(asked.text)
        step, asker = invocation.step, await self._house.asker(asked.user)
        if step.shape is not Shape.ANSWER or invocation.wish is not None:
            asked = replace(asked, channel=asked.channel or await self.homes.needed_channel(asked.text))
        invocation = self._house.gate.admit(invocation, asker, asked.channel)
        if invocation.wish is not None:
            await self._schedule(invocation, asker, asked)
        elif step.shape is Shape.ANSWER:
            await self._answer(invocation, asker, asked, whisper)
        else:
            asked = replace(asked, channel=asked.channel or await self.homes.needed_channel(asked.text))
            carry_out = self._tour if step.shape is Shape.TOUR else self._run
            await carry_out(invocation, asker, asked, whisper)

    async def _tour(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        try:
            await self.tour.typed(invocation, asker, asked, whisper)
        except SlackError as problem:
            raise cannot_post(problem) from problem

    async def _form(self, step: Step, asked: Asked, whisper: Whisper) -> None:
        asker, channel = await self._house.asker(asked.user), asked.channel
        if step.shape is not Shape.ANSWER:
            channel = channel or await self.homes.needed_channel(step.id)
        self._house.gate.allow_step(step, asker, channel, what=step.title)
        await self.forms.open(step, asked.trigger, Origin(channel, asked.thread), over=asked.view)

    async def _schedule(self, invocation: Invocation, asker: Asker, asked: Asked) -> None:
        since, title = time.time(), invocation.step.title
        self._house.gate.require(needed_for(invocation), asker, what=f"Scheduling {title}")
        workshop = self._house.workshop_of(invocation)
        if invocation.step.check is not None:
            invocation.step.check(self._house.context(invocation, asker, Silent()), invocation.options)
        try:
            await self._counter.order(invocation, asked, workshop.app_namespace)
        except SlackError as problem:
            raise cannot_post(problem) from problem
        await self.runner.audit.answered(asked, invocation, Verdict(State.DONE, "scheduled"), since)

    async def _answer(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        since, context = time.time(), self._house.context(invocation, asker, Silent())
        verdict = await invocation.step.run(context, invocation.options)
        message = blocks.answer(invocation.step.title, verdict, command=self._house.catalog.command)
        gallery = self._house.gallery
        if isinstance(invocation.options, Shared) and invocation.options.share:
            posted = await self._share(asked, message)
            await gallery.hang(posted, message, verdict.picture)
        else:
            await whisper.say(await gallery.illustrate(message, verdict.picture))
        await self.runner.audit.answered(asked, invocation, verdict, since)

    async def _share(self, asked: Asked, message: Message) -> Posted:
        try:
            return await self._house.board.post(asked.channel, message, Place(thread=asked.thread))
        except SlackError as problem:
            raise cannot_post(problem) from problem

    async def _run(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        lock = self._house.lock(invocation)
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
            lock_key=lock,
        )
        await self.runner.keep_again()
        if self._house.ledger.replicas.fenced:
            raise LedgerError("this process has lost touch with the ledger")
        try:
            run = await self._house.ledger.begin(new)
            if (other := await self._house.in_the_way(run)) is not None:
                await self.runner.remember(run, "error", f"not started: run {other.id} was under way")
                raise Busy(other)
        except Duplicate:
            log.info("command %s was delivered twice", asked.key)
            return
        if asked.away:
            await whisper.say(blocks.elsewhere(invocation.step.title, asked.channel))
        with self.runner.carrying(run.id):
            try:
                await self.runner.start(run, invocation, asker, Place(thread=asked.thread))
            except SlackError as problem:
                await self.runner.remember(run, "error", f"could not post: {problem.code}")
                await self.runner.audit.ended(run, "error", f"could not post: {problem.code}")
                raise cannot_post(problem) from problem

    async def _explained(self, problem: Exception) -> Message:
        try:
            return await self._busy(problem.run) if isinstance(problem, Busy) else answer_to(problem)
        except MeshbotError as another:
            return answer_to(another)

    async def _busy(self, run: Run) -> Message:
        for _ in range(TRIES):
            if run.posted is not None:
                break
            await asyncio.sleep(BETWEEN)
            run = await self._house.ledger.get(run.id) or run
        link = await self._house.board.permalink(run.posted) if run.posted else ""
        return blocks.busy(self._house.heading(run).title, run.user, time.time() - run.created_at.timestamp(), link)

    async def _pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        if pressed.action == REFRESH:
            await self.homes.show(pressed.user)
        elif pressed.action.startswith(TOUR):
            asked = await self.tour.pressed(pressed, await self._house.asker(pressed.user), whisper)
            if asked is not None:
                await self._command(asked, whisper)
        elif self._counter.knows(pressed.action):
            await self._turn(pressed)
        elif pressed.action.startswith((blocks.TYPE, OPEN)):
            await self._typed(pressed, whisper)
        else:
            await self._answered(pressed, whisper)

    async def _typed(self, pressed: Pressed, whisper: Whisper) -> None:
        """A button that types its value, or opens the form of the step that it names."""
        text = pressed.value.removeprefix(self._house.catalog.command).strip()
        channel = pressed.channel or (await self.homes.channel() if pressed.away else "")
        asked = Asked(
            pressed.user, channel, text, pressed.key, pressed.thread, pressed.key, away=pressed.away, view=pressed.view
        )
        form = self._house.catalog.get(text) if pressed.action.startswith(OPEN) else None
        if form is not None:
            await self._form(form, asked, whisper)
            return
        if pressed.away and self.forms.wanted(asked) is None:
            await whisper.say(blocks.loading())
        await self._command(asked, whisper)

    async def _turn(self, pressed: Pressed) -> None:
        """Pause, Resume or Remove under a schedule."""
        since = time.time()
        self._house.gate.require(Role.HOST, await self._house.asker(pressed.user), what="Changing a schedule")
        await self._counter.press(pressed)
        asked = Asked(pressed.user, pressed.channel, typed(pressed), pressed.key)
        done = Verdict(State.DONE, "by its button")
        await self.runner.audit.answered(asked, self._house.catalog.parse(asked.text), done, since)

    async def _answered(self, pressed: Pressed, whisper: Whisper) -> None:
        """Confirm or Cancel under a run's question."""
        run = await self._house.ledger.get(pressed.value)
        if run is None or run.state != "asks":
            raise UserError(*ANSWERED)
        cancels = pressed.action == blocks.CANCEL
        asker, invocation = await self._house.asker(pressed.user), self._house.catalog.parse(run.arguments)
        if not (cancels and pressed.user == run.user):
            what = f"{'Cancel' if cancels else 'Confirm'} {invocation.step.title}"
            namespace = self._house.workshop_of(invocation).app_namespace
            self._house.gate.allow(invocation, asker, pressed.channel, what=what, namespace=namespace)
        if cancels:
            await self.runner.withdraw(run, "cancelled", "Nothing was changed.", by=pressed.user)
        else:
            await self._confirm(run, invocation, asker, pressed)

    async def _confirm(self, run: Run, invocation: Invocation, asker: Asker, pressed: Pressed) -> None:
        if self.runner.overdue(run):
            await self.runner.expire(run)
            return
        with self.runner.carrying(run.id):
            if not await self._house.ledger.confirm(run.id, owner=self._house.owner):
                raise UserError(*ANSWERED)
            if (other := await self._house.in_the_way(run)) is not None:
                await self._house.ledger.ask(run.id, run.digest or "", run.expires_at or run.created_at)
                raise Busy(other)
            await self.runner.audit.confirmed(run, pressed)
            await self.runner.confirmed(run, invocation, asker)


def answer_to(problem: Exception) -> Message:
    """What the person is told of an error; plain words when even that cannot be built."""
    if isinstance(problem, Denied):
        return problem.message
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
