"""Watches over HTTP: a stream of JSON lines, from the start, from a resourceVersion, or with the initial list in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from aiohttp import web

from bot.sandbox.clock import Clock
from bot.sandbox.cluster import selectors, tables
from bot.sandbox.cluster.contract import ApiError, Object
from bot.sandbox.cluster.operations import Target
from bot.sandbox.cluster.refusals import status_of
from bot.sandbox.cluster.store import Change, Record, Store, Watcher, encode
from bot.sandbox.cluster.wire import Form, as_version, flag, number

_LONGEST = 1800
BOOKMARK_SECONDS = 10.0
"""Wall seconds between bookmarks of a watch that asked for them; Kubernetes takes about a minute."""


class Stream:
    """What one client is told: its selectors, its form, and how its events look."""

    def __init__(self, target: Target, form: Form, query: Mapping[str, str], clock: Clock) -> None:
        self._target, self._form, self._clock = target, form, clock
        self._matches = selectors.matcher(
            query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind.plural
        )
        self._name = target.name
        self._include = query.get("includeObject", "Metadata")
        self._headers = True

    def _wants(self, record: Record | None) -> bool:
        if record is None or (self._target.namespace and record.key[0] != self._target.namespace):
            return False
        if self._name and record.key[1] != self._name:
            return False
        return self._matches is None or self._matches(record.obj)

    def initial(self, records: Iterable[Record]) -> Iterator[bytes]:
        """What exists, as ADDED."""
        return (self._line("ADDED", record) for record in records if self._wants(record))

    def lines(self, changes: Iterable[Change]) -> Iterator[bytes]:
        """Changes as this client sees them: what stops matching its selector is DELETED to it."""
        for change in changes:
            before = change.old is not None and self._wants(change.old)
            after = change.type != "DELETED" and self._wants(change.record)
            if after:
                yield self._line("MODIFIED" if before else "ADDED", change.record)
            elif before:
                yield self._line("DELETED", change.record)

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """Says how far the client has come."""
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: Object = {"kind": self._target.kind.kind, "apiVersion": self._target.api_version, "metadata": metadata}
        if self._form.name == "Table":
            obj = self._table(obj)
        elif self._form.name:
            obj = tables.partial(obj)
        return encode({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _line(self, kind: str, record: Record) -> bytes:
        if self._form.name == "Table":
            body = encode(self._table(record.obj))
        elif self._form.name:
            body = encode(tables.partial(record.obj))
        else:
            body = as_version(self._target, record)
        return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"

    def _table(self, obj: Object) -> Object:
        now: datetime = self._clock.now()
        bookmark = "name" not in obj["metadata"]
        rows = [] if bookmark else [obj]
        table = tables.table(self._target, rows, now, include=self._include, headers=self._headers)
        self._headers = self._headers and bookmark
        if bookmark:
            table["rows"] = [{"cells": [], "object": tables.partial(obj)}]
        table["metadata"] = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return table


def _error_line(error: ApiError) -> bytes:
    return encode({"type": "ERROR", "object": status_of(error)}) + b"\n"


async def serve(request: web.Request, store: Store, target: Target, form: Form, clock: Clock) -> web.StreamResponse:
    """Streams until the time is up, the client leaves, or the server cuts it."""
    query = request.query
    stream = Stream(target, form, query, clock)
    since = number(query, "resourceVersion") or 0
    initial = flag(query, "sendInitialEvents") or (since == 0 and query.get("sendInitialEvents") is None)
    response = web.StreamResponse(headers={"Content-Type": form.media_type, "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    try:
        watcher = store.watch(target.kind.stored, None if initial or not since else since)
    except ApiError as error:
        await response.prepare(request)
        await response.write(_error_line(error))
        return response
    first = list(stream.initial(list(store.all(target.kind.stored, target.namespace)))) if initial else []
    if flag(query, "sendInitialEvents"):
        first.append(stream.bookmark(store.revision, initial_end=True))
    try:
        await response.prepare(request)
        if first:
            await response.write(b"".join(first))
        await _follow(response, stream, watcher, store, query)
    except (ConnectionResetError, ConnectionAbortedError):
        return response
    finally:
        watcher.close()
    return response


async def _follow(
    response: web.StreamResponse, stream: Stream, watcher: Watcher, store: Store, query: Mapping[str, str]
) -> None:
    loop = asyncio.get_running_loop()
    limit = number(query, "timeoutSeconds") or random.randint(_LONGEST, 2 * _LONGEST)  # noqa: S311 (spreads clients)
    end = loop.time() + limit
    bookmarks = flag(query, "allowWatchBookmarks")
    told = store.revision
    while not watcher.closed and (left := end - loop.time()) > 0:
        lines = b"".join(stream.lines(watcher.take()))
        if lines:
            await response.write(lines)
            continue
        if not await watcher.wait(min(left, BOOKMARK_SECONDS)) and bookmarks and store.revision != told:
            told = store.revision
            await response.write(stream.bookmark(told))
