"""Several bots over one PostgreSQL database: what one leaves that dies, freezes or is cut off,
another one ends."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from sandbox.workspace.plain import read_verdict_state
from tests.ledger.conftest import POSTGRES
from tests.scenarios.replicas import crew, wire_to
from tests.scenarios.stage import words

pytestmark = [
    pytest.mark.long,
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason="MESHBOT_TEST_POSTGRES is not set"),
    pytest.mark.timeout(180),
]
LIMIT = 30.0
"""Seconds within which what a dead process did must be taken up."""


async def test_a_killed_replica_is_replaced(tmp_path: Path) -> None:
    """kill -9 amid an install: another process ends the same message within half a minute, and
    nothing comes twice."""
    async with crew(tmp_path, 2) as on:
        on.stage.cluster.slow_image_pulls(300)
        await on.stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        before = await on.shows("running", "istiod")
        await on.kill(await on.carrier())
        on.stage.cluster.slow_image_pulls(None)
        killed = time.monotonic()
        after = await on.shows("done", "taken up again after a restart")
        assert time.monotonic() - killed < LIMIT
        assert [m.ts for m in on.messages()] == [after.ts] == [before.ts]
        assert (await on.run()).attempt == 2


async def test_two_replicas_do_not_change_one_namespace_at_once(tmp_path: Path) -> None:
    """The second command, which the other process gets, is told who is at it."""
    async with crew(tmp_path, 2) as on:
        on.stage.cluster.slow_image_pulls(100)
        workspace = on.stage.workspace
        await asyncio.gather(
            *(
                workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
                for _ in range(4)
            )
        )
        await on.shows("done")
        private = [m for m in workspace.list_messages() if m.ephemeral_to]
        assert len(on.messages()) == 1
        assert len(private) == 3
        assert all("since" in words(m) or "already" in words(m) for m in private)


async def test_a_delivery_to_both_replicas_is_answered_once(tmp_path: Path) -> None:
    """Slack gives one command to two processes: one of them answers."""
    async with crew(tmp_path, 2) as on:
        workspace = on.stage.workspace
        for _ in range(5):
            workspace.faults.duplicates = 1
            await workspace.actions.send_command("host", "mesh-workshop", "/mesh whoami")
        await asyncio.sleep(1.0)
        assert len([m for m in workspace.list_messages() if m.ephemeral_to]) == 5


async def test_an_end_that_a_killed_replica_could_not_show_is_shown(tmp_path: Path) -> None:
    """Slack was away when the run ended, and then the process died: the other one has the end in
    its hands."""
    async with crew(tmp_path, 2) as on:
        on.stage.cluster.slow_image_pulls(100)
        await on.stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        await on.shows("running", "istiod")
        on.stage.workspace.faults.fail_method("chat.update", times=10_000)
        async with asyncio.timeout(60):
            while (await on.run()).is_active:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.05)
        await on.kill(await on.carrier())
        on.stage.workspace.faults.clear_faults()
        await on.shows("done", "is ready")
        assert len(on.messages()) == 1


async def test_a_frozen_replica_is_replaced_and_stays_out_of_it(tmp_path: Path) -> None:
    """Stopped for longer than others wait, it finds its run in other hands when it goes on, and
    shows nothing more."""
    async with crew(tmp_path, 2) as on:
        on.stage.cluster.slow_image_pulls(300)
        await on.stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        await on.shows("running", "istiod")
        frozen = await on.carrier()
        on.signal(frozen, signal.SIGSTOP)
        on.stage.cluster.slow_image_pulls(None)
        stopped = time.monotonic()
        done = await on.shows("done", "taken up again after a restart")
        assert 12 < time.monotonic() - stopped < LIMIT
        on.signal(frozen, signal.SIGCONT)
        await asyncio.sleep(5)
        assert read_verdict_state(done) == "done"
        assert len(on.messages()) == 1
        assert (await on.run()).state == "done"


async def test_a_replica_without_its_database_stops_before_others_go_on(tmp_path: Path) -> None:
    """Cut off amid an install, it drops it; the other ends it, and the first goes on living when it
    is connected."""
    async with crew(tmp_path, 0) as on, wire_to(on.url) as (wire, url):
        on.stage.cluster.slow_image_pulls(3000)
        on.stage.environment["MESHBOT_ISTIO__READINESS_TIMEOUT"] = "3600"
        cut = await on.join(MESHBOT_LEDGER__URL=url)
        await on.stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        await on.shows("running", "istiod")
        await on.join()
        assert await on.carrier() == cut
        await wire.cut()
        await asyncio.sleep(11)
        edits = len(on.messages()[0].edits)
        await asyncio.sleep(1.5)
        assert len(on.messages()[0].edits) == edits
        on.stage.cluster.slow_image_pulls(None)
        await on.shows("done", "taken up again after a restart")
        assert await on.carrier() != cut
        await wire.mend()
        await asyncio.sleep(5)
        assert len(await on.ledger.replicas.list_living()) == 2
        assert len(on.messages()) == 1
