"""Streams of requests that outlive the process; implements `bot.ports.Traffic`.

The ledger says which streams there are and who carries each. It is read every few
seconds, so that a stream is stopped wherever it runs.
"""

from __future__ import annotations

import copy
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.errors import LedgerError
from bot.ledger import SqlStreams, StreamRow
from bot.ports import Burst, LoadSpec, SentRequests, Stream, TrafficReport, Web
from bot.text import EMPTY, from_json, to_json
from bot.traffic import Generator
from bot.traffic.generator import MOST_SECONDS, FindEntryPoint

log = logging.getLogger(__name__)

NOTHING = TrafficReport(0, 0, 0.0)


@dataclass(frozen=True)
class CarriedStream:
    """A stream of this process: its row, and its results under the processes before."""

    row: StreamRow
    before: TrafficReport


class Streams:
    """Implements `bot.ports.Traffic`; `owner` names this process."""

    def __init__(
        self, generator: Generator, store: SqlStreams, *, owner: str, now: Callable[[], datetime]
    ) -> None:
        self._generator, self._store, self._owner, self._now = generator, store, owner, now
        self._carried: dict[tuple[str, str], CarriedStream] = {}

    def send_through(self, web: Web, find: FindEntryPoint) -> Streams:
        """Return a copy that sends by another web client from now on.

        It shares the streams and the ledger with this one.
        """
        other = copy.copy(self)
        other._generator = self._generator.with_web(web, find)
        return other

    async def send(self, namespace: str, load: LoadSpec) -> TrafficReport:
        """Send that load and wait for its end."""
        return await self._generator.send(namespace, load)

    def sent(self, namespace: str, since: float, *, proof: bool) -> SentRequests:
        """Return what the requests of this process met since then, to the minute."""
        return self._generator.request_log.sum_since(namespace, since, proof=proof)

    def last_burst(self, namespace: str) -> Burst | None:
        """Return the newest burst for a namespace that this process sent."""
        return self._generator.get_last_burst(namespace)

    def last(self, namespace: str) -> tuple[float, TrafficReport] | None:
        """Return when (epoch seconds) the newest load for a namespace ended, and its result.

        Only loads that this process sent count.
        """
        return self._generator.get_last_report(namespace)

    async def start(
        self, namespace: str, *, every: float, user: str = "", seconds: float = MOST_SECONDS
    ) -> Stream:
        """Keep the stream in the ledger, then start it; it replaces the same user's."""
        now = self._now()
        until = now + timedelta(seconds=min(seconds, MOST_SECONDS))
        row = StreamRow(namespace, user, every, now, until, self._owner)
        await self._store.save(row)
        return self._start_stream(row, (until - now).total_seconds())

    async def stop(self, namespace: str) -> list[Stream]:
        """Stop all streams of a namespace, whichever process carries them.

        Another process stops its own within seconds.
        """
        mine = {s.user: s for s in self._list_own_streams() if s.namespace == namespace}
        # First here, so that nothing is sent for a stream that is gone from the ledger.
        self._generator.stop(namespace)
        rows = await self._store.remove_from_namespace(namespace)
        for user in mine:
            self._carried.pop((namespace, user), None)
        return [mine.get(row.user) or build_stream(row) for row in rows]

    async def streams(self) -> list[Stream]:
        """Return the streams that go on now; only this process's while the ledger is away."""
        mine = {(s.namespace, s.user): s for s in self._list_own_streams()}
        try:
            rows = await self._store.list_all()
        except LedgerError as problem:
            log.warning("streams of other processes are not known: %s", problem)
            return list(mine.values())
        now = self._now()
        return [
            mine.get((row.namespace, row.user)) or build_stream(row)
            for row in rows
            if row.until > now
        ]

    async def reconcile(self, gone: Collection[str]) -> None:
        """Bring the streams of this process in line with the ledger.

        It stops streams that were stopped elsewhere, keeps the results, and takes over the
        streams of processes that are gone.
        """
        rows = {(row.namespace, row.user): row for row in await self._store.list_all()}
        local = {(s.namespace, s.user): s for s in self._list_own_streams()}
        for key, carried in list(self._carried.items()):
            row = rows.get(key)
            if row is None or (row.owner, row.since) != (self._owner, carried.row.since):
                # Stopped, replaced or taken over elsewhere: `since` tells one stream of a user from
                # the next.
                self._generator.stop_stream(*key)
                self._carried.pop(key, None)
            elif key not in local:
                await self._store.remove_ended(row)
                self._carried.pop(key, None)
            else:
                await self._store.save_traffic(row, format_report(local[key].seen))
        for row in rows.values():
            if row.owner != self._owner:
                await self._take_over_stream(row, gone)

    async def close(self) -> None:
        """Stop sending, and leave the streams to another process."""
        for stream in self._list_own_streams():
            row = self._carried[stream.namespace, stream.user].row
            try:
                await self._store.save_traffic(row, format_report(stream.seen))
            except LedgerError as problem:
                log.warning("results of a stream were not saved: %s", problem)
        await self._generator.close()

    async def _take_over_stream(self, row: StreamRow, gone: Collection[str]) -> None:
        left = (row.until - self._now()).total_seconds()
        if left <= 0:
            await self._store.remove_ended(row)
        elif (
            row.owner in gone
            and (mine := await self._store.take_over(row, self._owner)) is not None
        ):
            log.info("carrying on the traffic for %s that %s left", row.namespace, row.owner)
            self._start_stream(mine, left)

    def _start_stream(self, row: StreamRow, seconds: float) -> Stream:
        self._carried[row.namespace, row.user] = CarriedStream(row, parse_report(row.seen))
        self._generator.start(row.namespace, every=row.every, user=row.user, seconds=seconds)
        return next(
            s
            for s in self._list_own_streams()
            if (s.namespace, s.user) == (row.namespace, row.user)
        )

    def _list_own_streams(self) -> list[Stream]:
        """Return the streams that this process carries, each with its results from before."""
        return [
            replace(
                stream,
                since=carried.row.since.timestamp(),
                until=carried.row.until.timestamp(),
                seen=merge_reports(carried.before, stream.seen),
            )
            for stream in self._generator.list_streams()
            if (carried := self._carried.get((stream.namespace, stream.user))) is not None
        ]


def build_stream(row: StreamRow) -> Stream:
    """Return a stream that another process carries, with its last known results."""
    since, until = (moment.astimezone(UTC).timestamp() for moment in (row.since, row.until))
    return Stream(row.namespace, row.every, row.user, since, until, parse_report(row.seen))


def format_report(report: TrafficReport) -> dict[str, Any]:
    """Return a report as the ledger keeps it; `parse_report` reads it."""
    words = {"via": to_json(report.via), "trouble": to_json(report.trouble)}
    return asdict(replace(report, via=EMPTY, trouble=EMPTY)) | words


def parse_report(kept: Mapping[str, Any]) -> TrafficReport:
    """Return the results that the ledger kept; empty ones when it kept none."""
    if not kept:
        return NOTHING
    words = {name: from_json(kept.get(name, "")) for name in ("via", "trouble")}
    return TrafficReport(**(dict(kept) | words))


def merge_reports(before: TrafficReport, now: TrafficReport) -> TrafficReport:
    """Return both results as one; percentiles are those of the newer."""
    if not before.sent:
        return now
    newer = now if now.sent else replace(before, via=now.via or before.via)
    return replace(
        newer,
        asked=before.asked + now.asked,
        sent=before.sent + now.sent,
        seconds=before.seconds + now.seconds,
        codes=add_counts(before.codes, now.codes),
        versions=add_counts(before.versions, now.versions),
        ratings=add_counts(before.ratings, now.ratings),
        without_details=before.without_details + now.without_details,
    )


def add_counts(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Return the sums of counts by key, sorted by key."""
    return dict(sorted((Counter(before) + Counter(now)).items()))
