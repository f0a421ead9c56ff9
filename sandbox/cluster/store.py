"""The object store and its history: the part that etcd and the watch cache play.

One counter numbers every change of every type, as etcd's revision does. A record is
never changed once stored.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.cluster.api_refusals import expired_error
from sandbox.cluster.contract import Object, Ref

Key = tuple[str, str]
"""(namespace, name)"""


def encode_json(value: object) -> bytes:
    """Encode a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Record:
    """One version of one object, with its JSON once somebody asked for it."""

    __slots__ = ("_json", "obj", "revision")

    def __init__(self, obj: Object, revision: int) -> None:
        self.obj, self.revision = obj, revision
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        if self._json is None:
            self._json = encode_json(self.obj)
        return self._json

    @property
    def key(self) -> Key:
        metadata = self.obj["metadata"]
        return metadata.get("namespace", ""), metadata["name"]


@dataclass(frozen=True, slots=True)
class Change:
    """One step in a type's history; `old` is what stood there before."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    record: Record
    old: Record | None = None


class Watcher:
    """The changes of one type from one moment on, in order, none left out; ends when the store cuts
    it."""

    def __init__(self, past: list[Change], forget: Callable[[Watcher], None]) -> None:
        self._changes: deque[Change] = deque(past)
        self._news = asyncio.Event()
        self._forget = forget
        self.closed = False

    def put(self, change: Change) -> None:
        """Add a change."""
        self._changes.append(change)
        self._news.set()

    def close(self) -> None:
        """End the stream; what is queued is dropped."""
        self.closed = True
        self._news.set()
        self._forget(self)

    def take_changes(self) -> list[Change]:
        """Return the changes that have come since the last call."""
        out = list(self._changes)
        self._changes.clear()
        self._news.clear()
        return out

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for changes; return False when `seconds` (wall time) went by without."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def iterate_changes(self) -> AsyncIterator[Change]:
        """Yield each change, until closed."""
        while not self.closed:
            for change in self.take_changes():
                yield change
            await self._news.wait()


class _Table:
    """All objects of one type, with the recent history."""

    def __init__(self, history: int) -> None:
        self.spaces: dict[str, dict[str, Record]] = {}
        self.history: deque[Change] = deque(maxlen=history)
        self.forgotten = 0
        self.watchers: dict[Watcher, None] = {}

    def append_change(self, change: Change) -> None:
        if len(self.history) == self.history.maxlen:
            self.forgotten = self.history[0].record.revision
        self.history.append(change)
        for watcher in list(self.watchers):
            watcher.put(change)


class Store:
    """Objects by type, namespace and name. `history` is how many changes of each type are kept for
    watches."""

    def __init__(self, history: int = 10_000) -> None:
        self._history = history
        self._tables: dict[Ref, _Table] = {}
        self.revision = 1

    def _get_table(self, ref: Ref) -> _Table:
        table = self._tables.get(ref)
        if table is None:
            table = self._tables[ref] = _Table(self._history)
        return table

    def get(self, ref: Ref, namespace: str, name: str) -> Record | None:
        """Return one object's record, or None."""
        return self._get_table(ref).spaces.get(namespace, {}).get(name)

    def iterate_records(self, ref: Ref, namespace: str = "") -> Iterator[Record]:
        """Yield the records of a type in the order of their keys; namespace "" means everywhere."""
        spaces = self._get_table(ref).spaces
        for space in [namespace] if namespace else sorted(spaces):
            records = spaces.get(space, {})
            yield from (records[name] for name in sorted(records))

    def put(self, ref: Ref, obj: Object) -> Record:
        """Store a new version, set its resourceVersion and tell the watchers."""
        metadata = obj["metadata"]
        self.revision += 1
        record = Record(
            {**obj, "metadata": {**metadata, "resourceVersion": str(self.revision)}}, self.revision
        )
        table = self._get_table(ref)
        space = table.spaces.setdefault(metadata.get("namespace", ""), {})
        old = space.get(metadata["name"])
        space[metadata["name"]] = record
        table.append_change(Change("MODIFIED" if old else "ADDED", record, old))
        return record

    def drop(
        self, ref: Ref, namespace: str, name: str, *, last: Object | None = None
    ) -> Record | None:
        """Remove an object and tell the watchers.

        Return its last version (`last`, or the stored one) under a new resourceVersion, or
        None.
        """
        table = self._get_table(ref)
        space = table.spaces.get(namespace, {})
        old = space.pop(name, None)
        if old is None:
            return None
        if not space:
            del table.spaces[namespace]
        self.revision += 1
        last = last or old.obj
        metadata = {**last["metadata"], "resourceVersion": str(self.revision)}
        record = Record({**last, "metadata": metadata}, self.revision)
        table.append_change(Change("DELETED", record, old))
        return record

    def get_forgotten_revision(self, ref: Ref) -> int:
        """Return the last revision of a type whose change is no longer known."""
        return self._get_table(ref).forgotten

    def forget_type(self, ref: Ref) -> None:
        """End a type's watches and history (its CRD is gone)."""
        table = self._tables.pop(ref, None)
        for watcher in list(table.watchers) if table else ():
            watcher.close()

    def watch(self, ref: Ref, since: int | None = None) -> Watcher:
        """Return a watcher of the changes after revision `since` (from now when None).

        Raises ApiError(410) if they are no longer known.
        """
        table = self._get_table(ref)
        past: list[Change] = []
        if since is not None:
            if since < table.forgotten:
                raise expired_error(f"too old resource version: {since} ({table.forgotten + 1})")
            past = [change for change in table.history if change.record.revision > since]
        watcher = Watcher(past, lambda gone: _remove_watcher(table, gone))
        table.watchers[watcher] = None
        return watcher

    def close_watches(self) -> None:
        """End every watch, as a restart of the server does."""
        for table in self._tables.values():
            for watcher in list(table.watchers):
                watcher.close()


def _remove_watcher(table: _Table, watcher: Watcher) -> None:
    table.watchers.pop(watcher, None)
