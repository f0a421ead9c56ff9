"""Watches over HTTP: a stream of JSON lines, from the start, from a resourceVersion, or with the
initial list in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from aiohttp import web

from sandbox.clock import Clock
from sandbox.cluster.api_refusals import build_error_status
from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.http.wire import ResponseFormat, encode_as_version, read_flag, read_number
from sandbox.cluster.machinery import selectors
from sandbox.cluster.operations import Target
from sandbox.cluster.printing import tables
from sandbox.cluster.store import Change, Record, Store, Watcher, encode_json

_LONGEST = 1800
BOOKMARK_SECONDS = 10.0
"""Wall seconds between bookmarks of a watch that asked for them; Kubernetes takes about a minute.
"""


class WatchStream:
    """One client's watch: its selectors, its response format, and the lines it is sent."""

    def __init__(
        self, target: Target, form: ResponseFormat, query: Mapping[str, str], clock: Clock
    ) -> None:
        self._target, self._form, self._clock = target, form, clock
        self._matches = selectors.make_matcher(
            query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind.plural
        )
        self._name = target.name
        self._include = query.get("includeObject", "Metadata")
        self._headers = True

    def _matches_record(self, record: Record | None) -> bool:
        if record is None or (self._target.namespace and record.key[0] != self._target.namespace):
            return False
        if self._name and record.key[1] != self._name:
            return False
        return self._matches is None or self._matches(record.obj)

    def render_initial(self, records: Iterable[Record]) -> Iterator[bytes]:
        """Return the lines of what exists, as ADDED."""
        return (
            self._render_line("ADDED", record) for record in records if self._matches_record(record)
        )

    def render_changes(self, changes: Iterable[Change]) -> Iterator[bytes]:
        """Yield changes as this client sees them.

        What stops matching its selector is DELETED to it.
        """
        for change in changes:
            before = change.old is not None and self._matches_record(change.old)
            after = change.type != "DELETED" and self._matches_record(change.record)
            if after:
                yield self._render_line("MODIFIED" if before else "ADDED", change.record)
            elif before:
                yield self._render_line("DELETED", change.record)

    def render_bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """Return a BOOKMARK line that says how far the client has come."""
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: Object = {
            "kind": self._target.kind.kind,
            "apiVersion": self._target.api_version,
            "metadata": metadata,
        }
        if self._form.name == "Table":
            obj = self._build_table(obj)
        elif self._form.name:
            obj = tables.build_partial_metadata(obj)
        return encode_json({"type": "BOOKMARK", "object": obj}) + b"\n"

    def _render_line(self, kind: str, record: Record) -> bytes:
        if self._form.name == "Table":
            body = encode_json(self._build_table(record.obj))
        elif self._form.name:
            body = encode_json(tables.build_partial_metadata(record.obj))
        else:
            body = encode_as_version(self._target, record)
        return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"

    def _build_table(self, obj: Object) -> Object:
        now: datetime = self._clock.now()
        bookmark = "name" not in obj["metadata"]
        rows = [] if bookmark else [obj]
        table = tables.build_table(
            self._target, rows, now, include=self._include, headers=self._headers
        )
        self._headers = self._headers and bookmark
        if bookmark:
            table["rows"] = [{"cells": [], "object": tables.build_partial_metadata(obj)}]
        table["metadata"] = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return table


def _render_error_line(error: ApiError) -> bytes:
    return encode_json({"type": "ERROR", "object": build_error_status(error)}) + b"\n"


async def serve_watch(
    request: web.Request, store: Store, target: Target, form: ResponseFormat, clock: Clock
) -> web.StreamResponse:
    """Stream changes until the time is up, the client leaves, or the server ends the watch."""
    query = request.query
    stream = WatchStream(target, form, query, clock)
    since = read_number(query, "resourceVersion") or 0
    initial = read_flag(query, "sendInitialEvents") or (
        since == 0 and query.get("sendInitialEvents") is None
    )
    response = web.StreamResponse(
        headers={"Content-Type": form.media_type, "Cache-Control": "no-cache, private"}
    )
    response.enable_chunked_encoding()
    try:
        watcher = store.watch(target.kind.stored, None if initial or not since else since)
    except ApiError as error:
        await response.prepare(request)
        await response.write(_render_error_line(error))
        return response
    first = (
        list(
            stream.render_initial(list(store.iterate_records(target.kind.stored, target.namespace)))
        )
        if initial
        else []
    )
    if read_flag(query, "sendInitialEvents"):
        first.append(stream.render_bookmark(store.revision, initial_end=True))
    try:
        await response.prepare(request)
        if first:
            await response.write(b"".join(first))
        await _stream_changes(response, stream, watcher, store, query)
    except (ConnectionResetError, ConnectionAbortedError):
        return response
    finally:
        watcher.close()
    return response


async def _stream_changes(
    response: web.StreamResponse,
    stream: WatchStream,
    watcher: Watcher,
    store: Store,
    query: Mapping[str, str],
) -> None:
    loop = asyncio.get_running_loop()
    # Spreads clients.
    limit = read_number(query, "timeoutSeconds") or random.randint(_LONGEST, 2 * _LONGEST)  # noqa: S311
    end = loop.time() + limit
    bookmarks = read_flag(query, "allowWatchBookmarks")
    told = store.revision
    while not watcher.closed and (left := end - loop.time()) > 0:
        lines = b"".join(stream.render_changes(watcher.take_changes()))
        if lines:
            await response.write(lines)
            continue
        if (
            not await watcher.wait(min(left, BOOKMARK_SECONDS))
            and bookmarks
            and store.revision != told
        ):
            told = store.revision
            await response.write(stream.render_bookmark(told))
