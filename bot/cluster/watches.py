"""Live copies of what is in the cluster: one list and watch per kind and namespace, shared by all
who follow it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from bot.cluster.api import Api, build_path
from bot.cluster.failures import build_status_error
from bot.cluster.listing import list_with_version
from bot.errors import ClusterError, NotFound, Throttled, Unavailable
from bot.kinds import Kind, Object
from bot.ports import WatchCache
from bot.text import Text, verbatim

log = logging.getLogger(__name__)

GONE = 410
RELIST_AFTER = 5
"""Refusals in a row after which the version is forgotten: a server restored from a backup may never
reach it."""


@dataclass(frozen=True)
class WatchTimings:
    """Seconds: without a byte before a watch is renewed (the API server sends a bookmark
    about once a minute), one watch at most, between looks for a type that is not served,
    and the outage after which followers are told.
    """

    quiet: float = 90.0
    longest: float = 290.0
    absent: float = 1.0
    outage: float = 15.0


class Watches:
    """All watches of one cluster."""

    def __init__(self, api: Api, timings: WatchTimings | None = None) -> None:
        self._api, self._timings = api, timings or WatchTimings()
        self._running: dict[tuple[Kind, str], Watch] = {}

    def __len__(self) -> int:
        return len(self._running)

    @asynccontextmanager
    async def follow(self, namespace: str, *kinds: Kind) -> AsyncIterator[WatchCache]:
        """Yield the live view, once everything has been listed; raise ClusterError when that is
        refused.

        Later refusals, and an outage longer than the timings allow, are raised by
        `changed()`. Calling that again goes on: the watch is tried again for as long as
        somebody follows.
        """
        follower = WatchView()
        try:
            for kind in kinds:
                follower.watches[kind] = self._join_watch(
                    kind, namespace if kind.namespaced else "", follower
                )
            await follower.wait_until_listed()
            yield follower
        finally:
            ending = {
                task
                for watch in follower.watches.values()
                if (task := self._leave_watch(watch, follower))
            }
            # Waited for, so that no connection is left when the context has ended.
            if ending:
                await asyncio.wait(ending)

    def _join_watch(self, kind: Kind, namespace: str, follower: WatchView) -> Watch:
        watch = self._running.get((kind, namespace))
        if watch is None:
            watch = self._running[kind, namespace] = Watch(
                self._api, kind, namespace, self._timings
            )
            watch.start()
        watch.followers.add(follower)
        return watch

    def _leave_watch(self, watch: Watch, follower: WatchView) -> asyncio.Task[None] | None:
        watch.followers.discard(follower)
        if watch.followers:
            return None
        del self._running[watch.kind, watch.namespace]
        return watch.stop()


class WatchView:
    """One `View`: wakes when any of its watches saw a change."""

    def __init__(self) -> None:
        self.watches: dict[Kind, Watch] = {}
        self._dirty = asyncio.Event()
        self._refusal: ClusterError | None = None

    def objects(self, kind: Kind) -> list[Object]:
        """Return the objects that are there now, by name."""
        return self.watches[kind].list_sorted()

    async def changed(self) -> None:
        """Wait until something has changed since the last return; raise the error that a watch
        was refused with.
        """
        await self._dirty.wait()
        self._dirty.clear()
        if (refusal := self._refusal) is not None:
            self._refusal = None
            raise refusal

    async def wait_until_listed(self) -> None:
        """Wait until every watch holds its first list; raise the error of a watch that was
        refused it.
        """
        for watch in self.watches.values():
            await watch.settled.wait()
            if watch.refusal is not None:
                raise watch.refusal
        self._dirty.clear()
        self._refusal = None

    def wake(self, refusal: ClusterError | None = None) -> None:
        """Wake whoever waits in `changed()`; called by a watch after a change or a refusal."""
        self._refusal = refusal or self._refusal
        self._dirty.set()


class Watch:
    """The copy of one kind in one namespace ("" for all), and the task that keeps it up to
    date.
    """

    def __init__(self, api: Api, kind: Kind, namespace: str, timings: WatchTimings) -> None:
        self._api, self._timings = api, timings
        self.kind, self.namespace = kind, namespace
        self.followers: set[WatchView] = set()
        self.settled = asyncio.Event()
        self.refusal: ClusterError | None = None
        self._objects: dict[tuple[str, str], Object] = {}
        self._sorted: list[Object] | None = None
        self._version = ""
        self._failures = 0
        self._failing_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to list and watch."""
        where = self.namespace or "all namespaces"
        self._task = self._api.jobs.spawn(
            self._watch_forever(), f"watch {self.kind.plural} in {where}"
        )
        # A follower would wait for ever for a task that has failed.
        self._task.add_done_callback(self._report_task_end)

    def stop(self) -> asyncio.Task[None] | None:
        """Cancel the watch and return its task; nothing of it is left when that task is done."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    def list_sorted(self) -> list[Object]:
        """Return the objects by namespace and name."""
        if self._sorted is None:
            self._sorted = [self._objects[key] for key in sorted(self._objects)]
        return list(self._sorted)

    def _report_task_end(self, task: asyncio.Task[None]) -> None:
        if self.followers:
            self._notify_followers(
                ClusterError(Text("the watch of {plural} has ended", plural=self.kind.plural))
            )

    def _notify_followers(self, refusal: ClusterError | None = None) -> None:
        self.refusal = refusal
        self.settled.set()
        for follower in self.followers:
            follower.wake(refusal)

    async def _watch_forever(self) -> None:
        while True:
            try:
                await self._list_and_watch()
            except NotFound:
                self._version = ""
                # The type is not served (yet): there is none of it, and followers go on.
                self._replace_objects({})
                # Spreads requests.
                await asyncio.sleep(self._timings.absent * random.uniform(0.8, 1.2))  # noqa: S311
            except ClusterError as error:
                await self._pause_after_error(error)

    async def _list_and_watch(self) -> None:
        """List when there is no version to go on from, then follow one watch to its end."""
        if not self._version:
            await self._list_objects()
        began = asyncio.get_running_loop().time()
        seen = await self._apply_events()
        # A server or a proxy that ends each watch at once would be asked without a pause.
        if not seen and asyncio.get_running_loop().time() - began < 1:
            raise Unavailable(Text("the watch of {plural} ended at once", plural=self.kind.plural))
        self._reset_failures()

    async def _list_objects(self) -> None:
        began = asyncio.get_running_loop().time()
        try:
            found, self._version = await list_with_version(self._api, self.kind, self.namespace)
        except (Unavailable, Throttled):
            # From the beginning of the request: it was tried for a while before it failed.
            self._failing_since = self._failing_since or began
            raise
        self._replace_objects({_get_object_key(obj): obj for obj in found})

    async def _apply_events(self) -> int:
        # Spreads requests.
        longest = round(self._timings.longest * random.uniform(0.8, 1.0))  # noqa: S311
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(longest),
        }
        path = build_path(self.kind, self.namespace)
        seen = 0
        async with aclosing(
            self._api.stream_watch(
                path, query, quiet=self._timings.quiet, longest=longest + self._timings.quiet
            )
        ) as events:
            async for event in events:
                self._apply_event(str(event.get("type", "")), event.get("object") or {})
                self._reset_failures()
                seen += 1
        return seen

    def _apply_event(self, change: str, obj: Object) -> None:
        if change == "ERROR":
            code = obj.get("code")
            error = build_status_error(code if isinstance(code, int) else 500, b"")
            if message := obj.get("message"):
                error.message = verbatim(str(message))
            raise error
        self._version = obj.get("metadata", {}).get("resourceVersion") or self._version
        # It brings nothing but the version from which the next watch goes on.
        if change == "BOOKMARK":
            return
        if not obj.get("metadata", {}).get("name"):
            raise Unavailable(
                Text(
                    "the watch of {plural} brought something without a name",
                    plural=self.kind.plural,
                )
            )
        if change == "DELETED":
            self._objects.pop(_get_object_key(obj), None)
        else:
            self._objects[_get_object_key(obj)] = obj
        self._sorted = None
        self._notify_followers()

    def _replace_objects(self, found: dict[tuple[str, str], Object]) -> None:
        """Take over a new list; notify followers only when it differs from what was known,
        deletions included.
        """
        # A list after an outage is mostly what was known: nobody is woken for it.
        same = _map_versions(found) == _map_versions(self._objects)
        self._objects, self._sorted = found, None
        self._reset_failures()
        if not same or not self.settled.is_set():
            self._notify_followers()

    def _reset_failures(self) -> None:
        self._failures, self._failing_since, self.refusal = 0, None, None

    async def _pause_after_error(self, error: ClusterError) -> None:
        """Wait before the watch goes on from where it was; forget the version, so that it lists
        again, when the server no longer has it.
        """
        # Without a pause: a new list is all that is needed.
        if error.status == GONE and self._version:
            self._version = ""
            return
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        passing = isinstance(error, (Unavailable, Throttled))
        if not passing or now - self._failing_since >= self._timings.outage:
            self._notify_followers(error)
        log.info("watch of %s: %s", self.kind.plural, error)
        pause = self._api.retry_policy.compute_pause(self._failures)
        self._failures += 1
        if error.status and self._failures % RELIST_AFTER == 0:
            self._version = ""
        await asyncio.sleep(
            max(pause, error.retry_after) if isinstance(error, Throttled) else pause
        )


def _get_object_key(obj: Object) -> tuple[str, str]:
    metadata = obj.get("metadata", {})
    return metadata.get("namespace", ""), metadata.get("name", "")


def _map_versions(objects: dict[tuple[str, str], Object]) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        key: (obj["metadata"].get("uid", ""), obj["metadata"].get("resourceVersion", ""))
        for key, obj in objects.items()
    }
