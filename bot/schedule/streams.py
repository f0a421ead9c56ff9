"""`bot.ports.Traffic`: streams of requests that outlive the process. The ledger says which there are and who carries
each; what it says is looked at every few seconds, so that a stream is stopped wherever it runs."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.errors import LedgerError
from bot.ledger import StreamBook, StreamRow
from bot.ports import Load, Seen, Stream, Web
from bot.traffic import Generator
from bot.traffic.generator import MOST_SECONDS, FindDoor

log = logging.getLogger(__name__)

NOTHING = Seen(0, 0, 0.0)


@dataclass(frozen=True)
class Carried:
    """A stream of this process: its row, and what it met under those that carried it before."""

    row: StreamRow
    before: Seen


class Streams:
    """Implements `bot.ports.Traffic`; `owner` names this process."""

    def __init__(self, generator: Generator, book: StreamBook, *, owner: str, now: Callable[[], datetime]) -> None:
        self._generator, self._book, self._owner, self._now = generator, book, owner, now
        self._carried: dict[tuple[str, str], Carried] = {}

    def through(self, web: Web, find: FindDoor) -> Streams:
        """The same streams and memory, with what this process sends from now on going another way."""
        other = copy.copy(self)
        other._generator = self._generator.through(web, find)
        return other

    async def send(self, namespace: str, load: Load) -> Seen:
        """Sends that load and waits for its end."""
        return await self._generator.send(namespace, load)

    def last(self, namespace: str) -> tuple[float, Seen] | None:
        """When the newest requests that this process sent to a namespace ended, and what they met."""
        return self._generator.last(namespace)

    async def start(
        self, namespace: str, *, every: float, user: str = "", seconds: float = MOST_SECONDS
    ) -> Stream:  # fmt: skip
        """Remembers the stream first, and starts it then; it replaces the same user's."""
        now = self._now()
        until = now + timedelta(seconds=min(seconds, MOST_SECONDS))
        row = StreamRow(namespace, user, every, now, until, self._owner)
        await self._book.put(row)
        return self._carry(row, (until - now).total_seconds())

    async def stop(self, namespace: str) -> list[Stream]:
        """Stops all streams of a namespace, whichever process carries them: another one does so within seconds."""
        mine = {s.user: s for s in self._local() if s.namespace == namespace}
        self._generator.stop(namespace)
        rows = await self._book.remove(namespace)
        for user in mine:
            self._carried.pop((namespace, user), None)
        return [mine.get(row.user) or as_stream(row) for row in rows]

    async def streams(self) -> list[Stream]:
        """What goes on now; what this process carries, when the ledger is away."""
        mine = {(s.namespace, s.user): s for s in self._local()}
        try:
            rows = await self._book.all()
        except LedgerError as problem:
            log.warning("streams of other processes are not known: %s", problem)
            return list(mine.values())
        now = self._now()
        return [mine.get((row.namespace, row.user)) or as_stream(row) for row in rows if row.until > now]

    async def round(self, gone: Collection[str]) -> None:
        """Stops what was stopped elsewhere, keeps what was seen, and carries on what processes that are gone left."""
        rows = {(row.namespace, row.user): row for row in await self._book.all()}
        local = {(s.namespace, s.user): s for s in self._local()}
        for key, carried in list(self._carried.items()):
            row = rows.get(key)
            if row is None or (row.owner, row.since) != (self._owner, carried.row.since):
                self._generator.end(*key)
                self._carried.pop(key, None)
            elif key not in local:
                await self._book.drop(row)
                self._carried.pop(key, None)
            else:
                await self._book.note(row, asdict(local[key].seen))
        for row in rows.values():
            if row.owner != self._owner:
                await self._inherit(row, gone)

    async def close(self) -> None:
        """Stops sending, and leaves the streams to whoever comes next."""
        for stream in self._local():
            row = self._carried[stream.namespace, stream.user].row
            try:
                await self._book.note(row, asdict(stream.seen))
            except LedgerError as problem:
                log.warning("what a stream met is not kept: %s", problem)
        await self._generator.close()

    async def _inherit(self, row: StreamRow, gone: Collection[str]) -> None:
        left = (row.until - self._now()).total_seconds()
        if left <= 0:
            await self._book.drop(row)
        elif row.owner in gone and (mine := await self._book.take_over(row, self._owner)) is not None:
            log.info("carrying on the traffic for %s that %s left", row.namespace, row.owner)
            self._carry(mine, left)

    def _carry(self, row: StreamRow, seconds: float) -> Stream:
        self._carried[row.namespace, row.user] = Carried(row, as_seen(row.seen))
        self._generator.start(row.namespace, every=row.every, user=row.user, seconds=seconds)
        return next(s for s in self._local() if (s.namespace, s.user) == (row.namespace, row.user))

    def _local(self) -> list[Stream]:
        """What this process carries, each with what it met before."""
        return [
            replace(
                stream,
                since=carried.row.since.timestamp(),
                until=carried.row.until.timestamp(),
                seen=together(carried.before, stream.seen),
            )
            for stream in self._generator.streams()
            if (carried := self._carried.get((stream.namespace, stream.user))) is not None
        ]


def as_stream(row: StreamRow) -> Stream:
    """A stream that another process carries, as it last told."""
    since, until = (moment.astimezone(UTC).timestamp() for moment in (row.since, row.until))
    return Stream(row.namespace, row.every, row.user, since, until, as_seen(row.seen))


def as_seen(kept: Mapping[str, Any]) -> Seen:
    """What the ledger kept."""
    return Seen(**kept) if kept else NOTHING


def together(before: Seen, now: Seen) -> Seen:
    """Both, one after the other; times are those of the newer."""
    if not before.sent:
        return now
    newer = now if now.sent else replace(before, via=now.via or before.via)
    return replace(
        newer,
        asked=before.asked + now.asked,
        sent=before.sent + now.sent,
        seconds=before.seconds + now.seconds,
        codes=summed(before.codes, now.codes),
        versions=summed(before.versions, now.versions),
        ratings=summed(before.ratings, now.ratings),
    )


def summed(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Counts added up."""
    return dict(sorted((Counter(before) + Counter(now)).items()))
