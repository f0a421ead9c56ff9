"""Carries out what people ask: understands it, checks who may, runs the step in its own message, and survives restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from bot import blocks
from bot.blocks import Heading
from bot.catalog import Catalog, Invocation
from bot.errors import MeshbotError, SlackError, UserError
from bot.jobs import Jobs
from bot.ledger import Busy, Duplicate, Ledger, NewRun, Run
from bot.messages import Asked, Board, Message, Posted, Pressed, Whisper
from bot.roles import Roles
from bot.runs import Session, explain, with_heartbeat
from bot.steps import Asker, Cluster, Context, Mesh, Role, Shape, Shared, Verdict, Workshop

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Times that a run is taken up again after the bot was killed in it."""


@dataclass(frozen=True)
class House:
    """What the engine works with; `owner` names this process in the ledger."""

    catalog: Catalog
    cluster: Cluster
    mesh: Mesh
    ledger: Ledger
    board: Board
    roles: Roles
    workshop: Workshop
    namespaces: tuple[str, ...]
    owner: str
    confirm_seconds: float = 300.0


class Silent:
    """Progress of a step that answers one person: nothing is shown until it ends."""

    def say(self, text: str) -> None:
        """Not shown."""

    def part(self, part: object) -> None:
        """Not shown."""


class Engine:
    """The bot's desk: takes commands and buttons, each in a task of its own."""

    def __init__(self, house: House, jobs: Jobs) -> None:
        self._house, self._jobs = house, jobs
        self._sessions: dict[str, Session] = {}
        self.draining = False

    # What arrives

    def command(self, asked: Asked, whisper: Whisper) -> None:
        """A command; returns at once."""
        self._jobs.spawn(self._guard(lambda: self._command(asked, whisper), whisper), f"command {asked.key}")

    def pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        """A button; returns at once."""
        self._jobs.spawn(self._guard(lambda: self._pressed(pressed, whisper), whisper), f"button {pressed.key}")

    async def _guard(self, work: Callable[[], Awaitable[None]], whisper: Whisper) -> None:
        """Nothing is lost without a word to the one who asked."""
        try:
            if self.draining:
                raise UserError("I am being restarted.", "Type it again in a minute.")
            await work()
        except Exception as problem:  # noqa: BLE001 - the last place before an error would vanish in a task
            failure = explain(problem)
            await whisper.say(blocks.mistake(failure.summary, failure.turn))

    async def _command(self, asked: Asked, whisper: Whisper) -> None:
        invocation = self._house.catalog.parse(asked.text)
        step, asker = invocation.step, await self._house.roles.of(asked.user)
        if not asker.role.covers(step.role):
            await whisper.say(
                blocks.denied(step.title, asker.role, step.role, asker.hosts, self._house.catalog.command)
            )
            return
        workshop = self._workshop(invocation)
        if step.shape is Shape.ANSWER:
            await self._answer(invocation, asker, asked, whisper)
            return
        lock = workshop.mesh_namespace if step.changes else None
        new = NewRun(
            request_key=asked.key,
            step=step.id,
            arguments=invocation.text,
            options=invocation.options.model_dump(mode="json", by_alias=True),
            user=asked.user,
            channel=asked.channel,
            lock_key=lock,
            owner=self._house.owner,
        )
        try:
            run = await self._house.ledger.begin(new)
        except Duplicate:
            log.info("command %s was delivered twice", asked.key)
            return
        except Busy as busy:
            await whisper.say(await self._busy(busy.run))
            return
        await self._start(run, invocation, asker, whisper)

    async def _answer(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        context = self._context(invocation, asker, Silent())
        verdict: Verdict = await invocation.step.run(context, invocation.options)
        message = blocks.answer(invocation.step.title, verdict, command=self._house.catalog.command)
        if isinstance(invocation.options, Shared) and invocation.options.share:
            await self._house.board.post(asked.channel, message)
        else:
            await whisper.say(message)

    async def _start(self, run: Run, invocation: Invocation, asker: Asker, whisper: Whisper) -> None:
        try:
            posted = await self._house.board.post(run.channel, blocks.running(self._heading(run), blocks.Doing()))
        except SlackError as problem:
            await self._house.ledger.finish(run.id, "error", f"could not post: {problem.code}", None)
            hint = "Invite me with `/invite @meshbot`, then type it again." if "channel" in problem.code else ""
            raise UserError(f"I cannot post in this channel ({problem.code}); nothing was started.", hint) from problem
        await self._house.ledger.posted(run.id, posted.channel, posted.ts)
        await self._carry_out(replace(run, ts=posted.ts), invocation, asker, confirmed=False)

    # A run

    async def _carry_out(self, run: Run, invocation: Invocation, asker: Asker, *, confirmed: bool) -> None:
        assert run.ts is not None
        session = Session(
            self._house.board, Posted(run.channel, run.ts), self._heading(run), started=run.created_at.timestamp()
        )
        self._sessions[run.id] = session
        context = self._context(invocation, asker, session)
        try:
            if not confirmed and await self._asks(run, invocation, context, session):
                return
            verdict = await with_heartbeat(session, lambda: invocation.step.run(context, invocation.options))
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its message
            failure = explain(problem)
            await self._end(run, session, "error", failure.summary, turn=failure.turn)
        else:
            message = blocks.ended(session.heading, verdict, command=self._house.catalog.command)
            await self._house.ledger.finish(run.id, verdict.state.value, verdict.summary, recorded(verdict))
            await session.settle(message)
        self._sessions.pop(run.id, None)

    async def _asks(self, run: Run, invocation: Invocation, context: Context, session: Session) -> bool:
        """True when the step's plan needs a confirmation, which is then waited for outside of any task."""
        if invocation.step.plan is None:
            return False
        plan = await invocation.step.plan(context, invocation.options)
        if plan is None:
            return False
        expires = datetime.now(UTC) + timedelta(seconds=self._house.confirm_seconds)
        await self._house.ledger.ask(run.id, plan.digest, expires)
        await session.settle(blocks.asks(session.heading, plan, self._house.confirm_seconds / 60))
        self._sessions.pop(run.id, None)
        return True

    async def _end(self, run: Run, session: Session, state: str, summary: str, *, turn: str = "") -> None:
        await self._house.ledger.finish(run.id, state, summary, None)
        command = self._house.catalog.command
        message = blocks.failed(session.heading, summary, state=state, turn=turn, command=command, again=run.arguments)
        await session.settle(message)

    # Buttons

    async def _pressed(self, pressed: Pressed, whisper: Whisper) -> None:
        if pressed.action.startswith(blocks.TYPE):
            text = pressed.value.removeprefix(self._house.catalog.command).strip()
            await self._command(Asked(pressed.user, pressed.channel, text, pressed.key), whisper)
            return
        run = await self._house.ledger.get(pressed.value)
        if run is None or run.state != "asks":
            raise UserError("This question was answered before.", "Type the command again to ask anew.")
        if pressed.action == blocks.CANCEL:
            await self._cancel(run, pressed, whisper)
        else:
            await self._confirm(run, pressed, whisper)

    async def _cancel(self, run: Run, pressed: Pressed, whisper: Whisper) -> None:
        asker = await self._house.roles.of(pressed.user)
        if pressed.user != run.user and not asker.role.covers(Role.HOST):
            await whisper.say(blocks.denied("Cancel", asker.role, Role.HOST, asker.hosts, self._house.catalog.command))
            return
        await self._end(run, self._session(run), "cancelled", "Nothing was changed.")

    async def _confirm(self, run: Run, pressed: Pressed, whisper: Whisper) -> None:
        asker = await self._house.roles.of(pressed.user)
        if not asker.role.covers(Role.HOST):
            await whisper.say(blocks.denied("Confirm", asker.role, Role.HOST, asker.hosts, self._house.catalog.command))
            return
        if run.expires_at is not None and run.expires_at <= datetime.now(UTC):
            await self._expire(run)
            return
        invocation = self._house.catalog.parse(run.arguments)
        try:
            if not await self._house.ledger.confirm(run.id):
                raise UserError("This question was answered before.", "Type the command again to ask anew.")
        except Busy as busy:
            await whisper.say(await self._busy(busy.run))
            return
        await self._confirmed(run, invocation, asker)

    async def _confirmed(self, run: Run, invocation: Invocation, asker: Asker) -> None:
        """Goes on only when what would be done is still what was shown; else asks again."""
        session = self._session(run)
        session.say("confirmed; looking once more")
        context = self._context(invocation, asker, session)
        try:
            plan = await invocation.step.plan(context, invocation.options) if invocation.step.plan else None
        except MeshbotError as problem:
            failure = explain(problem)
            await self._end(run, session, "error", failure.summary, turn=failure.turn)
            return
        if plan is not None and plan.digest != run.digest:
            changed = replace(
                plan, warnings=("This has changed since it was shown. Please look again.", *plan.warnings)
            )
            expires = datetime.now(UTC) + timedelta(seconds=self._house.confirm_seconds)
            await self._house.ledger.ask(run.id, plan.digest, expires)
            await session.settle(blocks.asks(session.heading, changed, self._house.confirm_seconds / 60))
            return
        await self._carry_out(run, invocation, asker, confirmed=True)

    async def _expire(self, run: Run) -> None:
        await self._end(run, self._session(run), "expired", "Nobody confirmed in time; nothing was changed.")

    # Restarts

    async def recover(self) -> None:
        """Takes up, or ends in words, each run that another life of the bot left unfinished."""
        for run in await self._house.ledger.unfinished():
            if run.id not in self._sessions:
                self._jobs.spawn(self._recover(run), f"recover {run.id}")

    async def _recover(self, run: Run) -> None:
        if run.state == "asks":
            if run.expires_at is not None and run.expires_at <= datetime.now(UTC):
                await self._expire(run)
            return
        try:
            invocation = self._house.catalog.parse(run.arguments)
        except UserError:
            invocation = None
        if run.ts is None:
            run = await self._repost(run)
        resumable = invocation is not None and invocation.step.resumable and run.attempt < MOST_ATTEMPTS
        if invocation is None or not resumable:
            await self._end(
                run,
                self._session(run),
                "interrupted",
                "the bot was restarted in the middle of this.",
                turn="Type it again.",
            )
            return
        run = await self._house.ledger.resume(run.id, self._house.owner)
        self._session(run).say("taken up again after a restart of the bot")
        await self._carry_out(run, invocation, await self._house.roles.of(run.user), confirmed=run.digest is not None)

    async def _repost(self, run: Run) -> Run:
        posted = await self._house.board.post(run.channel, blocks.running(self._heading(run), blocks.Doing()))
        await self._house.ledger.posted(run.id, posted.channel, posted.ts)
        return replace(run, ts=posted.ts)

    async def expire_questions(self) -> None:
        """Ends each question whose time is over; to be called now and then."""
        now = datetime.now(UTC)
        for run in await self._house.ledger.unfinished():
            if run.state == "asks" and run.expires_at is not None and run.expires_at <= now:
                await self._expire(run)

    async def drain(self, grace: float) -> None:
        """Takes nothing new, waits for what runs, and says in each message left over that it will go on."""
        self.draining = True
        await self._jobs.drain(grace)
        for session in list(self._sessions.values()):
            await session.settle(
                blocks.failed(
                    session.heading,
                    "the bot is being restarted; this goes on when it is back.",
                    state="interrupted",
                    command=self._house.catalog.command,
                    again="status",
                )
            )

    # Small things

    def _session(self, run: Run) -> Session:
        started = run.created_at.timestamp()
        return Session(self._house.board, Posted(run.channel, run.ts or ""), self._heading(run), started=started)

    def _heading(self, run: Run) -> Heading:
        step = self._house.catalog.get(run.step)
        title = step.title if step is not None else run.step
        typed = f"{self._house.catalog.command} {run.arguments}"
        return Heading(run.id, title, run.user, typed=typed)

    def _context(self, invocation: Invocation, asker: Asker, progress: Session | Silent) -> Context:
        house = self._house
        return Context(
            cluster=house.cluster,
            mesh=house.mesh,
            progress=progress,
            workshop=self._workshop(invocation),
            asker=asker,
            command=house.catalog.command,
            steps=house.catalog.steps,
        )

    def _workshop(self, invocation: Invocation) -> Workshop:
        """The workshop's settings with the namespace that was asked for; refuses namespaces that are not the workshop's."""
        wanted = invocation.options.namespace
        if not wanted:
            return self._house.workshop
        if not any(fnmatchcase(wanted, pattern) for pattern in self._house.namespaces):
            allowed = ", ".join(self._house.namespaces)
            raise UserError(f"{wanted} is not a namespace of this workshop.", f"These are: {allowed}.")
        return replace(self._house.workshop, app_namespace=wanted)

    async def _busy(self, run: Run) -> Message:
        link = await self._house.board.permalink(Posted(run.channel, run.ts)) if run.ts else ""
        return blocks.busy(self._heading(run).title, run.user, time.time() - run.created_at.timestamp(), link)


def recorded(verdict: Verdict) -> dict[str, object]:
    """A verdict as the ledger keeps it."""
    return {
        "state": verdict.state.value,
        "summary": verdict.summary,
        "because": verdict.because,
        "evidence": list(verdict.evidence),
        "next": list(verdict.next),
    }
