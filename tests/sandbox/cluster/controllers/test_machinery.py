"""The parts under the controllers: work queue, informers, tasks, event recorder."""

from __future__ import annotations

import asyncio
import logging

import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.recorder import EventBroadcaster
from sandbox.cluster.machinery.informer import Informer
from sandbox.cluster.machinery.meta import (
    CONFIG_MAPS,
    EVENTS,
    Key,
    hash_pod_template,
    resolve_int_or_percent,
)
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.tasks import Tasks
from tests.sandbox.cluster.controllers.world import World


def config(name: str) -> Object:
    """A ConfigMap in `demo`."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "demo"},
    }


async def test_queue_merges_and_never_overlaps() -> None:
    """A key added while it is worked on is worked on once more, not beside itself."""
    running, most, count = 0, 0, 0
    tasks, ended = Tasks(), asyncio.Event()

    async def sync(_: str) -> None:
        nonlocal running, most, count
        running, count = running + 1, count + 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        ended.set()

    queue: WorkQueue[str] = WorkQueue("test", sync, clock=Clock(50), tasks=tasks)
    queue.start()
    for _ in range(10):
        queue.add("key")
        await asyncio.sleep(0.001)
    ended.clear()
    queue.add("key")
    await ended.wait()
    await tasks.close()
    assert most == 1
    assert 2 <= count <= 11


async def test_failures_come_back_and_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error in a sync is logged with its traceback, the key is tried again, and others go on."""
    tasks, tries, other, third = Tasks(), 0, asyncio.Event(), asyncio.Event()

    async def sync(key: str) -> None:
        nonlocal tries
        if key == "good":
            other.set()
            return
        tries += 1
        if tries < 3:
            raise ApiError(409, "Conflict", "again") if tries == 1 else ValueError("broken")
        third.set()

    queue: WorkQueue[str] = WorkQueue("test", sync, clock=Clock(50), tasks=tasks)
    queue.start(1)
    queue.add("bad")
    queue.add("good")
    async with asyncio.timeout(1):
        await other.wait()
        await third.wait()
    await tasks.close()
    assert [
        record.exc_info is not None for record in caplog.records if record.levelno == logging.ERROR
    ] == [True]


async def test_tasks_log_what_escapes(caplog: pytest.LogCaptureFixture) -> None:
    """A task that fails is logged, and closing leaves none."""
    tasks = Tasks()

    async def fail() -> None:
        raise ValueError("lost")

    tasks.spawn(fail(), "the failing one")
    tasks.spawn(asyncio.sleep(60), "the long one")
    await asyncio.sleep(0.001)
    assert "the failing one failed" in caplog.text
    await tasks.close()
    assert len(tasks) == 0


async def test_informers_survive_a_restart(world: World) -> None:
    """When watches are cut, an informer lists again: it sees what came and forgets what went
    meanwhile."""
    informer = Informer(world.client, CONFIG_MAPS)
    changes: list[tuple[bool, bool]] = []
    tasks = Tasks()
    await world.client.create(config("old"))
    tasks.spawn(informer.run(), "informer")
    await informer.synced.wait()
    settled = asyncio.Event()

    def note(before: Object | None, after: Object | None) -> None:
        changes.append((before is None, after is None))
        if (
            informer.get(Key("demo", "new")) is not None
            and informer.get(Key("demo", "old")) is None
        ):
            settled.set()

    informer.add_listener(note)
    changes.clear()
    world.cluster.server.restart()
    await world.client.delete(CONFIG_MAPS, "old", "demo")
    await world.client.create(config("new"))
    async with asyncio.timeout(2):
        await settled.wait()
    await tasks.close()
    assert sorted(changes) == [(False, True), (True, False)]


async def test_the_cluster_works_on_after_a_restart(world: World) -> None:
    """Controllers go on after all watches were cut."""
    world.cluster.server.restart()
    await world.deploy("web")


async def test_written_objects_are_seen_at_once(world: World) -> None:
    """What was just written is in the informer before the watch tells of it, and an older version
    does not undo it."""
    informer = Informer(world.client, CONFIG_MAPS)
    first = await world.client.create(config("a"))
    second = await world.client.merge(CONFIG_MAPS, "a", "demo", {"data": {"x": "1"}})
    informer.observe(second)
    informer.observe(first)
    assert informer.get(Key("demo", "a")) == second
    assert informer.list_by_index("namespace", "demo") == [second]
    informer.clear()
    informer.observe(second)
    assert informer.get(Key("demo", "a")) is None


async def test_repeated_events_are_counted(world: World) -> None:
    """The same thing told again raises the count of one Event."""
    about = await world.client.create(config("a"))
    tasks = Tasks()
    broadcaster = EventBroadcaster(world.client, Clock(50), tasks)
    broadcaster.start()
    for _ in range(3):
        broadcaster.make_recorder("tester", "kubelet", "node-1").warning(
            about, "Odd", "it happened"
        )
    await world.until(EVENTS, lambda event: event["reason"] == "Odd" and event["count"] == 3)
    await tasks.close()
    [event] = [each for each in await world.client.list(EVENTS, "demo") if each["reason"] == "Odd"]
    assert event["source"] == {"component": "tester", "host": "node-1"}
    assert event["metadata"]["managedFields"][0]["manager"] == "kubelet"


@pytest.mark.parametrize(
    ("value", "up", "share"), [(2, True, 2), ("25%", True, 2), ("25%", False, 1), ("0%", True, 0)]
)
def test_shares(value: int | str, up: bool, share: int) -> None:
    """Percentages of five are rounded as asked."""
    assert resolve_int_or_percent(value, 5, round_up=up) == share


def test_hashes_differ_by_template() -> None:
    """Equal templates have equal hashes in the letters that Kubernetes allows, others do not."""
    one, two = (
        hash_pod_template({"spec": {"a": 1, "b": 2}}),
        hash_pod_template({"spec": {"b": 2, "a": 1}}),
    )
    assert one == two != hash_pod_template({"spec": {"a": 2}})
    assert set(one) <= set("bcdfghjklmnpqrstvwxz2456789")
