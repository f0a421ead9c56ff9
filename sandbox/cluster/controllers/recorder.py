"""Kubernetes Events: written in the background, repeats counted as client-go does, forgotten after
an hour."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object
from sandbox.cluster.machinery.meta import EVENTS
from sandbox.tasks import Tasks

log = logging.getLogger(__name__)

_REMEMBERED = 4096  # client-go's aggregation cache
_KEPT_SECONDS = 3600.0  # kube-apiserver's --event-ttl


@dataclass(frozen=True)
class PendingEvent:
    """One Kubernetes Event to be written about an object.

    `field_path` names the container; `action` marks the newer event style.
    """

    about: Object
    type: str
    reason: str
    message: str
    component: str
    manager: str
    host: str = ""
    field_path: str = ""
    action: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """The fields by which two events count as repeats of each other."""
        return (
            self.about["metadata"]["uid"],
            self.component,
            self.type,
            self.reason,
            self.message,
            self.field_path,
        )


@dataclass
class _WrittenEvent:
    namespace: str
    name: str
    count: int = 1


@dataclass
class EventBroadcaster:
    """Writes what recorders hand over, in order, one at a time."""

    client: Client
    clock: Clock
    tasks: Tasks
    _queue: asyncio.Queue[PendingEvent] = field(default_factory=asyncio.Queue)
    _known: OrderedDict[tuple[str, ...], _WrittenEvent] = field(default_factory=OrderedDict)
    _ageing: deque[tuple[float, str, str]] = field(default_factory=deque)
    _serial: int = 0

    def start(self) -> None:
        """Start writing events in the background."""
        self.tasks.spawn(self._run_writer(), "event broadcaster")

    def make_recorder(self, component: str, manager: str, host: str = "") -> EventRecorder:
        """Return a recorder for one component.

        `manager` is the field manager that its events are written under.
        """
        return EventRecorder(self, component, manager, host)

    def put(self, happening: PendingEvent) -> None:
        """Queue an event without waiting."""
        self._queue.put_nowait(happening)

    async def _run_writer(self) -> None:
        while True:
            happening = await self._queue.get()
            try:
                await self._write_event(happening)
                await self._delete_expired()
            except ApiError as error:
                # A namespace that is going takes no more events; a real recorder drops them too.
                log.debug("event %s not written: %s", happening.reason, error.message)
            except Exception:
                # The writer serves every controller: one bad event must not stop those behind it.
                log.exception("event %s not written", happening.reason)
            await asyncio.sleep(0)

    async def _write_event(self, happening: PendingEvent) -> None:
        client = self.client.acting_as(happening.manager)
        written = self._known.get(happening.identity)
        if written is not None:
            written.count += 1
            try:
                await client.merge(
                    EVENTS,
                    written.name,
                    written.namespace,
                    self._build_repeat_patch(happening, written.count),
                )
            except ApiError as error:
                if error.code != 404:
                    raise
            else:
                self._known.move_to_end(happening.identity)
                return
        obj = self._build_event(happening)
        await client.create(obj)
        meta = obj["metadata"]
        self._known[happening.identity] = _WrittenEvent(meta["namespace"], meta["name"])
        self._ageing.append(
            (time.monotonic() + _KEPT_SECONDS / self.clock.speed, meta["namespace"], meta["name"])
        )
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _delete_expired(self) -> None:
        while self._ageing and self._ageing[0][0] < time.monotonic():
            _, namespace, name = self._ageing.popleft()
            try:
                await self.client.delete(EVENTS, name, namespace)
            except ApiError as error:
                if error.code != 404:
                    raise

    def _build_repeat_patch(self, happening: PendingEvent, count: int) -> Object:
        if happening.action:
            return {"series": {"count": count, "lastObservedTime": self._format_micro_time()}}
        return {"count": count, "lastTimestamp": self.clock.format_timestamp()}

    def _build_event(self, happening: PendingEvent) -> Object:
        about = happening.about
        meta = about["metadata"]
        namespace = meta.get("namespace", "") or "default"
        self._serial += 1
        suffix = f"{time.time_ns() + self._serial:x}"
        involved = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        if meta.get("namespace"):
            involved["namespace"] = namespace
        if happening.field_path:
            involved["fieldPath"] = happening.field_path
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{suffix}", "namespace": namespace},
            "involvedObject": involved,
            "type": happening.type,
            "reason": happening.reason,
            "message": happening.message,
            "reportingComponent": happening.component,
        }
        return {**event, **self._build_times(happening)}

    def _build_times(self, happening: PendingEvent) -> Object:
        if happening.action:
            return {
                "eventTime": self._format_micro_time(),
                "firstTimestamp": None,
                "lastTimestamp": None,
                "action": happening.action,
                "reportingInstance": f"{happening.component}-{happening.host or 'sandbox'}",
                "source": {},
            }
        source = {"component": happening.component}
        if happening.host:
            source["host"] = happening.host
        stamp = self.clock.format_timestamp()
        return {
            "eventTime": None,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "reportingInstance": happening.host,
            "source": source,
        }

    def _format_micro_time(self) -> str:
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class EventRecorder:
    """Records Kubernetes Events in the name of one component."""

    broadcaster: EventBroadcaster
    component: str
    manager: str
    host: str = ""

    def normal(
        self, about: Object, reason: str, message: str, *, field_path: str = "", action: str = ""
    ) -> None:
        """Record an event of type Normal."""
        self._record_event(about, ("Normal", reason, message), field_path, action)

    def warning(
        self, about: Object, reason: str, message: str, *, field_path: str = "", action: str = ""
    ) -> None:
        """Record an event of type Warning."""
        self._record_event(about, ("Warning", reason, message), field_path, action)

    def _record_event(
        self, about: Object, what: tuple[str, str, str], field_path: str, action: str
    ) -> None:
        kind, reason, message = what
        self.broadcaster.put(
            PendingEvent(
                about=about,
                type=kind,
                reason=reason,
                message=message[:1024],  # the API's limit for an event's message
                component=self.component,
                manager=self.manager,
                host=self.host,
                field_path=field_path,
                action=action,
            )
        )
