"""Before-images of the objects that each run changed.

With them a change can be undone after any restart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, func, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.kinds import Kind
from bot.ledger.database import READS, execute
from bot.ledger.database_tables import images, runs
from bot.ledger.run_records import RunState
from bot.ledger.texts import clean_text, convert_row_to_utc
from bot.records import BeforeImage, Change, DoneRun, MetCause, RunSummary
from bot.text import from_json, verbatim

UNDO_REACH = 50
"""Changes of a namespace that undo looks back on."""


class SqlHistory:
    """Implements `bot.records.History`, and keeps it.

    Everything raises `bot.errors.LedgerError` when the database is away, so that nothing is
    changed that could not be taken back.
    """

    def __init__(self, engine: AsyncEngine, *, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now
        self._reader = engine.execution_options(**READS)

    async def save_image(self, run: str, image: BeforeImage) -> bool:
        """Save an object's image unless this run has one already; return whether it was saved.

        The first image is the object as it stood before the run.
        """
        kind = image.kind
        before = select(func.coalesce(func.max(images.c.position), 0) + 1).where(
            images.c.run == run
        )
        values: dict[str, Any] = {
            **{"run": run, "position": before.scalar_subquery()},
            **{
                "group": kind.group,
                "version": kind.version,
                "plural": kind.plural,
                "kind": kind.kind,
            },
            **{"namespaced": kind.namespaced, "namespace": image.namespace, "name": image.name},
            **{"before": image.before, "after": image.after},
        }
        try:
            await execute(self._engine, images.insert().values(**values))
        except IntegrityError:
            # Written twice by one run: the image from before the run stands, what was sent is the
            # newest.
            await execute(
                self._engine,
                update(images).where(_match_image(run, image)).values(after=image.after),
            )
            return False
        return True

    async def delete_image(self, run: str, image: BeforeImage) -> None:
        """Delete an image: the object was not changed after all."""
        await execute(self._engine, delete(images).where(_match_image(run, image)))

    async def changes(self, namespace: str, *, most: int = UNDO_REACH) -> list[Change]:
        """Return runs that changed something in that namespace, the newest first.

        A change of the namespace's labels counts; runs that were undone do not.
        """
        itself = (images.c.plural == "namespaces") & (images.c.name == namespace)
        here = ((images.c.namespace == namespace) | itself) & images.c.undone_at.is_(None)
        newest = (
            select(images.c.run).where(here).distinct().order_by(images.c.run.desc()).limit(most)
        )
        query = (
            select(images, runs.c.step, runs.c.arguments)
            .join(runs, runs.c.id == images.c.run)
            .where(images.c.run.in_(newest), images.c.undone_at.is_(None))
            .order_by(images.c.run.desc(), images.c.position, images.c.name)
        )
        rows = await execute(self._reader, query)
        return [
            _build_change(list(group)) for _, group in groupby(rows, key=lambda row: row["run"])
        ]

    async def list_images(self, run: str) -> list[BeforeImage]:
        """Return the images of what that run changed, in the order in which it did."""
        query = select(images).where(images.c.run == run).order_by(images.c.position, images.c.name)
        return [_build_image(row) for row in await execute(self._reader, query)]

    async def run_summaries(self, since: float, *, most: int = 50) -> list[RunSummary]:
        """Return what was asked for since then (epoch seconds), the newest first."""
        begun = datetime.fromtimestamp(since, UTC)
        wanted = (runs.c.user, runs.c.arguments, runs.c.state, runs.c.created_at)
        query = (
            select(*wanted)
            .where(runs.c.created_at >= begun)
            .order_by(runs.c.created_at.desc())
            .limit(most)
        )
        rows = map(convert_row_to_utc, await execute(self._reader, query))
        return [
            RunSummary(row["user"], row["arguments"], row["state"], row["created_at"].timestamp())
            for row in rows
        ]

    async def met_causes(self, since: float, *, channel: str = "") -> list[MetCause]:
        """Return the causes that runs met since then (epoch seconds), the oldest first."""
        begun = datetime.fromtimestamp(since, UTC)
        wanted = (runs.c.step, runs.c.arguments, runs.c.user, runs.c.created_at, runs.c.verdict)
        met = runs.c.state.in_((RunState.NOT_YET, RunState.NORMAL)) & (runs.c.created_at >= begun)
        here = (runs.c.channel == clean_text(channel)) if channel else true()
        query = select(*wanted).where(met & here).order_by(runs.c.created_at)
        rows = map(convert_row_to_utc, await execute(self._reader, query))
        return [cause for row in rows if (cause := _build_cause(row)) is not None]

    async def done_runs(
        self, *, most: int = 1000, or_normal: Collection[str] = ()
    ) -> list[DoneRun]:
        """Return the runs that ended done, the newest first; of the steps `or_normal` also those
        that found what is normal.
        """
        normal = (runs.c.state == RunState.NORMAL) & runs.c.step.in_(or_normal)
        query = (
            select(runs.c.step, runs.c.options, runs.c.created_at)
            .where((runs.c.state == RunState.DONE) | normal)
            .order_by(runs.c.created_at.desc(), runs.c.id.desc())
            .limit(most)
        )
        rows = map(convert_row_to_utc, await execute(self._reader, query))
        return [
            DoneRun(row["step"], row["options"] or {}, row["created_at"].timestamp())
            for row in rows
        ]

    async def undone(self, run: str) -> None:
        """Record that the run's change was taken back, or can be taken back no more."""
        await execute(
            self._engine,
            update(images).where(images.c.run == run).values(undone_at=self._now().astimezone(UTC)),
        )


def _build_cause(row: Mapping[str, Any]) -> MetCause | None:
    """Build the cause that a run met; None where its verdict named none."""
    kept = (row["verdict"] or {}).get("because")
    if not kept:
        return None
    try:
        because = from_json(kept)
    except ValueError:
        because = verbatim(str(kept))
    at = row["created_at"].timestamp()
    return MetCause(row["step"], row["arguments"], row["user"], at, because)


def _match_image(run: str, image: BeforeImage) -> ColumnElement[bool]:
    where = (images.c.group == image.kind.group) & (images.c.plural == image.kind.plural)
    return (
        (images.c.run == run)
        & where
        & (images.c.namespace == image.namespace)
        & (images.c.name == image.name)
    )


def _build_change(rows: list[RowMapping]) -> Change:
    return Change(
        rows[0]["run"], rows[0]["step"], rows[0]["arguments"], tuple(map(_build_image, rows))
    )


def _build_image(row: RowMapping) -> BeforeImage:
    kind = Kind(row["group"], row["version"], row["plural"], row["kind"], bool(row["namespaced"]))
    return BeforeImage(kind, row["namespace"], row["name"], row["before"], row["after"])
