"""Starts runs: enters them in the ledger with their lock, and hands them to the executor."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bot.catalog import Invocation
from bot.engine.runs.endings import RunEndings
from bot.engine.runs.error_messages import explain_post_error
from bot.engine.runs.executor import RunExecutor
from bot.engine.runs.fencing import check_not_fenced
from bot.engine.runs.tracker import RunTracker
from bot.engine.runs.undelivered import RunReplies
from bot.engine.world.context import ContextBuilder
from bot.engine.world.locks import RunLocks
from bot.errors import ClusterError, IstioError, SlackError
from bot.language import Localizer
from bot.ledger import DuplicateRequest, Ledger, NewRun, Run, ScopeLocked
from bot.messages import Command, Place, Reply
from bot.steps import Caller
from bot.text import Text
from bot.view import result_messages

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunStarter:
    """Starts the runs of callers who were checked before."""

    ledger: Ledger
    say: Localizer
    contexts: ContextBuilder
    locks: RunLocks
    tracker: RunTracker
    endings: RunEndings
    executor: RunExecutor
    replies: RunReplies

    async def start_run(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        """Enter the run of a command and carry it out; a second delivery does nothing.

        Raises ScopeLocked when another run is in the way.
        """
        new = self._build_new_run(invocation, asked)
        await self._check_options(invocation, caller)
        # A run whose end is not written holds its lock still. And while the database is away this
        # raises: no change begins that could not be kept.
        await self.endings.retry_unwritten()
        check_not_fenced(self.ledger.replicas)
        try:
            run = await self._enter_run(new)
        except DuplicateRequest:
            log.info("command %s was delivered twice", asked.key)
            return
        except ScopeLocked as locked:
            raise ScopeLocked(locked.run, wanted=invocation.text) from locked
        self.replies.remember(run.id, reply)
        if asked.away:
            title = invocation.step.title
            await reply.say(result_messages.render_run_elsewhere(self.say, title, asked.channel))
        # Entered before it is posted: a process that dies in between leaves a run that others take
        # up.
        with self.tracker.track_run(run.id):
            try:
                await self.executor.start(run, invocation, caller, Place(thread=asked.thread))
            except SlackError as problem:
                await self._record_post_error(run, problem)
                raise explain_post_error(problem) from problem

    async def _check_options(self, invocation: Invocation, caller: Caller) -> None:
        """Raise UserError for a mistake in the options, before there is a run or a message of it.

        What the cluster does not tell just now is left to the run, which says so to everybody.
        """
        if invocation.step.check is None:
            return
        context = self.contexts.build_context(invocation, caller)
        try:
            await invocation.step.check(context, invocation.options)
        except (ClusterError, IstioError) as problem:
            log.info("the options of %s are not checked: %s", invocation.step.id, problem)

    def _build_new_run(self, invocation: Invocation, asked: Command) -> NewRun:
        return NewRun(
            request_key=asked.key,
            step=invocation.step.id,
            arguments=invocation.text,
            options=invocation.options.model_dump(mode="json", by_alias=True),
            user=asked.user,
            channel=asked.channel,
            owner=self.ledger.replicas.owner,
            lock_key=self.locks.get_lock_key(invocation),
        )

    async def _enter_run(self, new: NewRun) -> Run:
        """Enter a run; end it again when it meets another.

        A change of what everyone shares and one in a namespace hold different locks, so both
        can be entered: whether they meet is checked afterwards.
        """
        run = await self.ledger.runs.begin_run(new)
        if (other := await self.locks.find_conflicting_run(run)) is not None:
            summary = Text("not started: run {id} was under way", id=other.id)
            await self.endings.record_end(run, "error", summary)
            raise ScopeLocked(other)
        return run

    async def _record_post_error(self, run: Run, problem: SlackError) -> None:
        summary = Text("could not post: {code}", code=problem.code)
        await self.endings.record_end(run, "error", summary)
        await self.endings.audit.record_run_end(run, "error", summary)
