"""Kubernetes Events: written in the background, repeats counted as client-go does, forgotten after an hour."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from bot.sandbox.clock import Clock
from bot.sandbox.cluster.contract import ApiError, Client, Object
from bot.sandbox.cluster.controllers.meta import EVENTS
from bot.sandbox.cluster.controllers.tasks import Tasks

log = logging.getLogger(__name__)

_REMEMBERED = 4096  # client-go's aggregation cache
_KEPT_SECONDS = 3600.0  # kube-apiserver's --event-ttl


@dataclass(frozen=True)
class Happening:
    """One thing to tell about an object. `field_path` names the container; `action` marks the newer event style."""

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
        """What makes two happenings repeats of each other."""
        return (self.about["metadata"]["uid"], self.component, self.type, self.reason, self.message, self.field_path)


@dataclass
class _Written:
    namespace: str
    name: str
    count: int = 1


@dataclass
class Broadcaster:
    """Writes what recorders hand over, in order, one at a time."""

    client: Client
    clock: Clock
    tasks: Tasks
    _queue: asyncio.Queue[Happening] = field(default_factory=asyncio.Queue)
    _known: OrderedDict[tuple[str, ...], _Written] = field(default_factory=OrderedDict)
    _ageing: deque[tuple[float, str, str]] = field(default_factory=deque)
    _serial: int = 0

    def start(self) -> None:
        """Begins to write."""
        self.tasks.spawn(self._run(), "event broadcaster")

    def recorder(self, component: str, manager: str, host: str = "") -> Recorder:
        """A recorder for one component; `manager` is the field manager that its events are written under."""
        return Recorder(self, component, manager, host)

    def put(self, happening: Happening) -> None:
        """Hands over without waiting."""
        self._queue.put_nowait(happening)

    async def _run(self) -> None:
        while True:
            happening = await self._queue.get()
            try:
                await self._write(happening)
                await self._forget_old()
            except ApiError as error:
                # A namespace that is going takes no more events; a real recorder drops them too.
                log.debug("event %s not written: %s", happening.reason, error.message)
            except Exception:
                log.exception("event %s not written", happening.reason)
            await asyncio.sleep(0)

    async def _write(self, happening: Happening) -> None:
        client = self.client.acting_as(happening.manager)
        written = self._known.get(happening.identity)
        if written is not None:
            written.count += 1
            try:
                await client.merge(EVENTS, written.name, written.namespace, self._repeat(happening, written.count))
            except ApiError as error:
                if error.code != 404:
                    raise
            else:
                self._known.move_to_end(happening.identity)
                return
        obj = self._event(happening)
        await client.create(obj)
        meta = obj["metadata"]
        self._known[happening.identity] = _Written(meta["namespace"], meta["name"])
        self._ageing.append((time.monotonic() + _KEPT_SECONDS / self.clock.speed, meta["namespace"], meta["name"]))
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _forget_old(self) -> None:
        while self._ageing and self._ageing[0][0] < time.monotonic():
            _, namespace, name = self._ageing.popleft()
            try:
                await self.client.delete(EVENTS, name, namespace)
            except ApiError as error:
                if error.code != 404:
                    raise

    def _repeat(self, happening: Happening, count: int) -> Object:
        if happening.action:
            return {"series": {"count": count, "lastObservedTime": self._micro()}}
        return {"count": count, "lastTimestamp": self.clock.stamp()}

    def _event(self, happening: Happening) -> Object:
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
        return {**event, **self._times(happening)}

    def _times(self, happening: Happening) -> Object:
        if happening.action:
            return {
                "eventTime": self._micro(),
                "firstTimestamp": None,
                "lastTimestamp": None,
                "action": happening.action,
                "reportingInstance": f"{happening.component}-{happening.host or 'sandbox'}",
                "source": {},
            }
        source = {"component": happening.component}
        if happening.host:
            source["host"] = happening.host
        stamp = self.clock.stamp()
        return {
            "eventTime": None,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "reportingInstance": happening.host,
            "source": source,
        }

    def _micro(self) -> str:
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Recorder:
    """Tells of happenings in the name of one component."""

    broadcaster: Broadcaster
    component: str
    manager: str
    host: str = ""

    def normal(self, about: Object, reason: str, message: str, *, field_path: str = "", action: str = "") -> None:
        """Something went as it should."""
        self._tell(about, ("Normal", reason, message), field_path, action)

    def warning(self, about: Object, reason: str, message: str, *, field_path: str = "", action: str = "") -> None:
        """Something needs a person's eye."""
        self._tell(about, ("Warning", reason, message), field_path, action)

    def _tell(self, about: Object, what: tuple[str, str, str], field_path: str, action: str) -> None:
        kind, reason, message = what
        self.broadcaster.put(
            Happening(
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
