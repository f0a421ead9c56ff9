"""The bot as a process of its own: killed, stopped, and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from sandbox.cluster.faults import ApiFault
from sandbox.workspace import Message
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import Stage, furnished, words

pytestmark = pytest.mark.long


@asynccontextmanager
async def process(stage: Stage, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`meshbot run` as people start it, connected; killed in the end if it still lives."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MESHBOT_", "SLACK_"))
    }
    bot = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "run",
        env=inherited | stage.environment | more,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await asyncio.wait_for(stage.workspace.connections.wait_for_count(), 30)
        yield bot
    finally:
        if bot.returncode is None:
            bot.kill()
        await bot.communicate()


async def shows(stage: Stage, state: str, says: str = "", *, seconds: float = 40) -> Message:
    """Waits until the bot's newest message in the channel stands like that, and says that."""
    async with asyncio.timeout(seconds):
        while True:
            mine = [m for m in stage.workspace.list_messages() if m.user == stage.workspace.bot.id]
            if mine and read_verdict_state(mine[-1]) == state and says in words(mine[-1]):
                return mine[-1]
            await asyncio.sleep(0.05)


async def gone(stage: Stage) -> None:
    """Waits until the workspace has noticed that the bot's socket is closed."""
    for _ in range(500):
        if not stage.workspace.connections.count:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the bot's socket is still open")


async def test_a_killed_bot_takes_the_install_up_again(tmp_path: Path) -> None:
    """kill -9 in the middle; the next life ends the same message with the verdict."""
    async with furnished(tmp_path) as stage:
        stage.cluster.slow_image_pulls(200)
        async with process(stage) as bot:
            await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
            before = await shows(stage, "running", "istiod")
            bot.kill()
            await bot.wait()
        await gone(stage)
        stage.cluster.slow_image_pulls(None)
        async with process(stage):
            after = await shows(stage, "done")
        assert after.ts == before.ts
        assert "is ready" in words(after)
        assert "taken up again after a restart" in words(after)


async def test_what_ends_its_process_each_time_is_not_begun_a_fourth_time(tmp_path: Path) -> None:
    """An install that three processes did not survive is ended, and says so."""
    async with furnished(tmp_path) as stage:
        stage.cluster.slow_image_pulls(200)
        async with process(stage) as bot:
            await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
            await shows(stage, "running", "istiod")
            bot.kill()
            await bot.wait()
        await gone(stage)
        with closing(sqlite3.connect(tmp_path / "meshbot.sqlite")) as ledger:
            ledger.execute("UPDATE runs SET attempt = 3")
            ledger.commit()
        async with process(stage):
            message = await shows(stage, "error")
        assert "this was begun 3 times, and each time the bot's process died" in words(message)
        assert "finds in the log which" in words(message)


async def test_a_killed_uninstall_is_not_repeated_unasked(tmp_path: Path) -> None:
    """What destroys is not taken up again: its message says what to type."""
    async with furnished(tmp_path) as stage:
        async with process(stage) as bot:
            await stage.type("/mesh install")
            await stage.type("/mesh uninstall")
            question = stage.newest()
            stage.cluster.server.faults.add(ApiFault("slow", verb="delete", seconds=0.3))
            await stage.workspace.actions.click_element("host", question, "Confirm")
            await shows(stage, "running", "control plane")
            bot.kill()
            await bot.wait()
        await gone(stage)
        async with process(stage):
            message = await shows(stage, "error")
        assert "the bot was restarted in the middle of this" in words(message)
        assert "`/mesh uninstall`" in words(message)


async def test_a_bot_killed_right_after_confirm_asks_again_about_what_has_changed(
    tmp_path: Path,
) -> None:
    """kill -9 before the second look: what came in between is shown, and nothing was removed."""
    async with furnished(tmp_path) as stage:
        async with process(stage) as bot:
            await stage.type("/mesh install")
            await stage.type("/mesh uninstall")
            stage.cluster.server.faults.add(
                ApiFault("slow", verb="list", resource="customresourcedefinitions", seconds=20)
            )
            await stage.workspace.actions.click_element("host", stage.newest(), "Confirm")
            await shows(stage, "running", "counting what there is")
            bot.kill()
            await bot.wait()
        await gone(stage)
        stage.cluster.server.faults.clear()
        labels = {"istio-injection": "enabled"}
        shop = {"kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
        await stage.api.create({"apiVersion": "v1", **shop})
        async with process(stage):
            asked = words(await shows(stage, "asks", "taken up again after a restart"))
            assert "This has changed since it was shown" in asked
            assert "shop" in asked
            await stage.type('click "Confirm"')
            await shows(stage, "done", "the mesh is gone")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_bot_lets_its_runs_end(tmp_path: Path, number: signal.Signals) -> None:
    """Stopped amid an install, it finishes it, shows the verdict, and exits with 0."""
    async with furnished(tmp_path) as stage, process(stage, MESHBOT_DRAIN_SECONDS="55") as bot:
        await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
        await shows(stage, "running")
        bot.send_signal(number)
        assert await bot.wait() == 0
        assert "is ready" in words(await shows(stage, "done"))


async def test_a_stop_that_cannot_wait_says_so(tmp_path: Path) -> None:
    """What does not end in time says in its message that it will be taken up, and it is."""
    async with furnished(tmp_path) as stage:
        stage.cluster.slow_image_pulls(10_000)
        async with process(stage, MESHBOT_DRAIN_SECONDS="0.2") as bot:
            await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh install")
            await shows(stage, "running")
            bot.terminate()
            assert await asyncio.wait_for(bot.wait(), 40) == 0
            assert "the bot is being restarted; it takes this up when it is back" in words(
                await shows(stage, "error")
            )
        await gone(stage)
        stage.cluster.slow_image_pulls(None)
        async with process(stage):
            await shows(stage, "running")


async def test_a_wrong_token_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    """Exit code 2 and the name of the setting, no traceback."""
    async with furnished(tmp_path) as stage:
        environment = (
            os.environ | stage.environment | {"MESHBOT_SLACK__BOT_TOKEN": "xoxb-123456789-wrong"}
        )
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", env=environment, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await asyncio.wait_for(bot.communicate(), 30)
        assert bot.returncode == 2
        assert b"slack.bot_token" in errors
        assert b"Traceback" not in errors
