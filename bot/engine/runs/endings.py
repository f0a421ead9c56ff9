"""Ends runs: writes the end into the ledger, shows it, and adds it to the audit and the Events."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace

from bot.engine.comparisons import LateComparisons
from bot.engine.document_upload import DocumentPoster
from bot.engine.pictures import PictureAttacher
from bot.engine.runs.audit_writer import Auditor
from bot.engine.runs.error_messages import Failure
from bot.engine.runs.events import EventWriter
from bot.engine.runs.progress_message import ProgressMessage
from bot.engine.runs.run_messages import RunMessages
from bot.engine.runs.tracker import RunTracker
from bot.engine.world.context import RunChanges
from bot.errors import MeshbotError
from bot.ledger import Ledger, Run, RunState
from bot.messages import Message
from bot.steps import Verdict
from bot.text import EMPTY, Text, to_json
from bot.view import result_messages

log = logging.getLogger(__name__)

VerdictJson = dict[str, object]


@dataclass(frozen=True)
class RunEndings:
    """Ends runs.

    An end is written into the ledger first, together with the run's last message, and shown
    after: a process that is killed in between leaves a message that the next one completes.
    """

    ledger: Ledger
    messages: RunMessages
    tracker: RunTracker
    pictures: PictureAttacher
    documents: DocumentPoster
    comparisons: LateComparisons
    audit: Auditor
    events: EventWriter
    ended: Counter[tuple[str, str]] = field(default_factory=Counter, init=False)
    """Runs that ended, by step and state."""
    _unwritten: dict[str, tuple[str, Text, VerdictJson | None]] = field(
        default_factory=dict, init=False
    )

    async def finish_with_verdict(
        self, run: Run, progress: ProgressMessage, verdict: Verdict, changes: RunChanges
    ) -> None:
        """End a run with the verdict of its step."""
        message = result_messages.render_verdict(
            self.messages.say, progress.heading, verdict, command=self.messages.command
        )
        state, summary = verdict.state.value, verdict.summary
        if not await self.record_end(
            run, state, summary, serialize_verdict(verdict), shown=message
        ):
            return
        # Before audit, Events and picture: people wait for it, and each of those may take seconds.
        shown = await self.messages.show_end(run, progress, message)
        # The run is over: what follows must not be announced as cut off, nor be dropped.
        self.tracker.close_message(run.id)
        await self._write_audit_and_events(run, changes, state, summary)
        if shown is not None:
            await self.pictures.attach(shown, message, verdict.picture)
            await self.documents.attach(shown, verdict.document)
            self.comparisons.follow(
                run,
                shown,
                verdict,
                lambda later: result_messages.render_verdict(
                    self.messages.say, progress.heading, later, command=self.messages.command
                ),
            )

    async def finish_with_failure(
        self,
        run: Run,
        progress: ProgressMessage,
        state: RunState,
        failure: Failure,
        changes: RunChanges | None = None,
    ) -> None:
        """End a run without a verdict."""
        message = self._render_failure(run, progress, state, failure)
        if await self.record_end(run, state, failure.summary, shown=message):
            await self.messages.show_end(run, progress, message)
            await self._write_audit_and_events(
                run, changes or RunChanges(run.id), state, failure.summary
            )

    async def withdraw_run(self, run: Run, state: RunState, summary: Text, *, by: str = "") -> None:
        """End a run that still waits for its confirmation; do nothing when it was confirmed.

        `by` is who cancelled it.
        """
        progress = self.messages.build_progress(run)
        message = self._render_failure(run, progress, state, Failure(summary, EMPTY))
        if await self.ledger.runs.withdraw_run(run.id, state, summary, shown=message):
            self.ended[run.step, str(state)] += 1
            self.messages.notify(replace(run, state=state, summary=summary))
            await self.messages.show_end(run, progress, message)
            await self.audit.record_run_end(run, state, summary, by=by)

    async def record_end(
        self,
        run: Run,
        state: str,
        summary: Text,
        verdict: VerdictJson | None = None,
        *,
        shown: Message | None = None,
    ) -> bool:
        """Write an end into the ledger; `shown` is what the run's message is to show.

        Return False when the run has another owner by now, or has ended, and nothing is to
        be shown of it. While the ledger is away the message is ended all the same, and the
        end is written later.
        """
        try:
            written = await self.ledger.runs.finish_run(
                run.id, state, summary, verdict, shown=shown, owner=self.ledger.replicas.owner
            )
        except MeshbotError as problem:
            log.error("the end of run %s (%s) is not written yet: %s", run.id, state, problem)
            # The person is told now; the run counts as running until the database is back.
            self._unwritten[run.id] = (state, summary, verdict)
            written = True
        self.ended[run.step, str(state)] += written
        if written:
            self.messages.notify(replace(run, state=RunState(state), summary=summary))
        return written

    def is_unwritten(self, run: Run) -> bool:
        """Tell whether the run has ended here, and the ledger did not take its end yet."""
        return run.id in self._unwritten

    async def retry_unwritten(self) -> None:
        """Write the ends that the ledger did not take before.

        Raises LedgerError while it is still away.
        """
        for run_id, (state, summary, verdict) in list(self._unwritten.items()):
            await self.ledger.runs.finish_run(
                run_id, state, summary, verdict, owner=self.ledger.replicas.owner
            )
            self._unwritten.pop(run_id, None)
        await self.audit.retry_unwritten()

    def _render_failure(
        self, run: Run, progress: ProgressMessage, state: RunState, failure: Failure
    ) -> Message:
        return result_messages.render_failure(
            self.messages.say,
            progress.heading,
            failure.summary,
            state=state,
            turn=failure.turn,
            command=self.messages.command,
            again=failure.again or run.arguments,
        )

    async def _write_audit_and_events(
        self, run: Run, changes: RunChanges, state: str, summary: Text
    ) -> None:
        """Write the audit row and the Events of an end, once it is shown."""
        try:
            await self.audit.record_run_end(run, state, summary)
            await self.events.write_events(run, changes.objects, state, summary)
        except Exception:
            # The run has ended and that is shown; whatever goes wrong here must not read as its
            # failure.
            log.exception("the end of run %s was not written down", run.id)


def serialize_verdict(verdict: Verdict) -> VerdictJson:
    """Return a verdict as the ledger stores it."""
    return {
        "state": verdict.state.value,
        "summary": to_json(verdict.summary),
        "because": to_json(verdict.because),
        "evidence": [to_json(line) for line in verdict.evidence],
        "next": list(verdict.next),
    }
