"""Tracks the runs that this process carries out, their tasks and their messages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bot.engine.runs.fencing import check_not_fenced
from bot.engine.runs.progress_message import ProgressMessage
from bot.errors import LedgerError
from bot.ledger import Replicas, Run


class RunTracker:
    """The runs of this process: their tasks, and their messages while these still change."""

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._tasks: dict[str, asyncio.Task[object]] = {}
        self._messages: dict[str, ProgressMessage] = {}
        self._dropped: set[str] = set()

    @contextmanager
    def track_run(self, run_id: str) -> Iterator[None]:
        """Track this task as the one that carries the run out, while the context lasts.

        The task is cancelled when the run must be left to other processes. Raises
        LedgerError when it must be left to them now.
        """
        task = asyncio.current_task()
        assert task is not None, "runs are carried out in tasks"
        try:
            # Others may take it over at any moment; noted as dropped, it is taken back if none
            # does.
            check_not_fenced(self._replicas)
        except LedgerError:
            self._dropped.add(run_id)
            raise
        self._tasks[run_id] = task
        self._dropped.discard(run_id)
        try:
            yield
        finally:
            # Another task of this process may have taken the run over meanwhile.
            if self._tasks.get(run_id) is task:
                del self._tasks[run_id]

    def release_runs(self) -> None:
        """Cancel every run without writing its end, so that another process can take it over."""
        for run_id, task in list(self._tasks.items()):
            self._dropped.add(run_id)
            message = self._messages.pop(run_id, None)
            if message is not None:
                message.abandon()
            task.cancel()

    def can_take_back(self, run: Run) -> bool:
        """Tell whether this process dropped the run, and nobody has taken it over yet."""
        is_own = run.owner == self._replicas.owner
        return is_own and run.id in self._dropped and run.id not in self._tasks

    def is_lost(self, run: Run) -> bool:
        """Tell whether the run is this process's, and no task of it carries the run out."""
        return run.owner == self._replicas.owner and run.id not in self._tasks

    def open_message(self, run_id: str, message: ProgressMessage) -> None:
        """Note the message of a run that is being carried out."""
        self._messages[run_id] = message

    def close_message(self, run_id: str) -> None:
        """Forget the message of a run, because its end is shown."""
        self._messages.pop(run_id, None)

    def list_unfinished_messages(self) -> list[ProgressMessage]:
        """Return the messages of runs whose end is not shown yet."""
        return [message for message in self._messages.values() if not message.over]
