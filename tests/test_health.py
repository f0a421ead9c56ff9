"""What probes and Prometheus are told: the truth, and nothing that would restart a bot in vain."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import bot_health
from bot.app import Bot
from bot.errors import SettingsError
from bot.health import ComponentHealth, HealthServer
from bot.health.exposition import render_metrics
from bot.messages import CHANNEL, Message
from bot.metrics import Histogram, Metric, counter
from bot.settings import HealthSettings
from tests.scenarios.stage import Stage, playing, words


def free() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def asked(port: int, path: str, where: str = "127.0.0.1") -> tuple[int, Any]:
    """Status and body of a request."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{where}:{port}{path}") as answer,
    ):
        text = await answer.text()
        return answer.status, (
            await answer.json()
        ) if answer.content_type == "application/json" else text


@dataclass
class Ward:
    """A bot whose health can be asked for."""

    stage: Stage
    bot: Bot

    async def ask(self, path: str) -> tuple[int, Any]:
        """Status and body."""
        assert self.bot.health is not None
        return await asked(self.bot.health.port, path)

    async def metrics(self) -> dict[str, float]:
        """Every sample by name and labels, as Prometheus itself would read it."""
        _, text = await self.ask("/metrics")
        samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]
        return {
            s.name + "".join(f",{k}={v}" for k, v in sorted(s.labels.items())): s.value
            for s in samples
        }


@asynccontextmanager
async def ward(home: Path) -> AsyncIterator[Ward]:
    """A whole bot with a health port."""
    async with playing(
        home, MESHBOT_HEALTH__PORT=str(free()), MESHBOT_HEALTH__HOST="127.0.0.1"
    ) as (stage, bot):
        yield Ward(stage, bot)


async def test_a_bot_that_works_says_so_and_counts(tmp_path: Path) -> None:
    """Alive and ready; commands, acknowledgements, runs, verdicts and requests are in the figures."""
    async with ward(tmp_path) as on:
        await on.stage.type("/mesh preflight")
        await on.stage.type("/mesh whoami")
        on.stage.workspace.faults.duplicates = 1
        await on.stage.type("/mesh help")
        for path in ("/healthz", "/readyz"):
            status, told = await on.ask(path)
            assert (status, told["ok"]) == (200, True)
        figures = await on.metrics()
        assert figures["meshbot_commands_total"] == 3
        # Three commands, one of them twice, and the event by which the bot came into the channel.
        assert figures["meshbot_acks_total"] == figures["meshbot_ack_seconds_count"] == 5
        assert figures["meshbot_duplicates_total,seen_by=process"] == 1
        assert figures["meshbot_runs_total,step=preflight"] == 1
        assert figures["meshbot_verdicts_total,state=done,step=preflight"] == 1
        assert figures["meshbot_kubernetes_requests_total,code=200,verb=GET"] > 1
        assert figures["meshbot_slack_connected"] == 1


async def test_slack_away_makes_a_bot_unready_not_dead(tmp_path: Path) -> None:
    """Half an outage is no reason to start anew: the probe says what is wrong and answers 200."""
    async with ward(tmp_path) as on:
        await on.stage.workspace.stop()
        async with asyncio.timeout(40):
            while (await on.ask("/readyz"))[0] == 200:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.05)
        status, told = await on.ask("/healthz")
        assert status == 200
        assert not told["parts"]["slack"]["ok"]
        assert re.search(r"not connected for \d+ s", told["parts"]["slack"]["says"])


async def test_a_database_that_is_gone_makes_a_bot_unready(tmp_path: Path) -> None:
    """Its file was deleted under the bot: that is said, and no restart would help by itself."""
    path, aside = tmp_path / "meshbot.sqlite", tmp_path / "aside"
    async with ward(tmp_path) as on:
        path.rename(aside)
        status, told = await on.ask("/readyz")
        assert status == 503
        assert "its file was deleted or moved away" in told["parts"]["ledger"]["says"]
        assert (await on.ask("/healthz"))[0] == 200
        said = words(await on.stage.type("/mesh preflight -> error"))
        assert "My database cannot be used just now: its file is gone." in said
        aside.rename(path)
        assert (await on.ask("/readyz"))[0] == 200


async def test_a_bot_whose_watchdog_died_is_dead(tmp_path: Path) -> None:
    """Nothing would ever connect it again: only a restart helps."""
    async with ward(tmp_path) as on:
        await on.bot.link.close()
        on.bot.link._sign_by = 0.0  # type: ignore[union-attr]  # the time that it would take
        assert (await on.ask("/healthz"))[0] == 503


async def test_a_queue_of_messages_that_stopped_is_seen(tmp_path: Path) -> None:
    """The channel would be mute: it is begun again, and where that does not help, a restart does."""
    async with ward(tmp_path) as on:
        assert on.bot.health is not None
        check = {check.__name__: check for check in on.bot.health._checks}["check_background_tasks"]
        posts = on.bot.channel_messages.posts
        post = posts.enqueue("C0MESH", Message("hello"), CHANNEL, None)
        (task,) = [t for t in asyncio.all_tasks() if t.get_name() == "posts for C0MESH"]
        task.cancel()
        await asyncio.wait({task})
        assert await check() == ComponentHealth(
            "background", False, "stopped: posting in C0MESH", vital=True
        )
        await on.bot.channel_messages.deliver_kept_messages()  # as maintenance does
        await asyncio.wait_for(post.done, 40)
        assert (await check()).ok


async def test_a_check_that_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe gets its answer all the same."""
    monkeypatch.setattr("bot.health.health_server.CHECK_SECONDS", 0.05)

    async def stuck() -> ComponentHealth:
        await asyncio.sleep(10)
        raise AssertionError

    server = HealthServer([stuck], [])
    await server.start("127.0.0.1", free())
    assert (await asked(server.port, "/healthz"))[0] == 200
    status, told = await asked(server.port, "/readyz")
    assert (status, told["parts"]["stuck"]["says"]) == (503, "no answer in time")
    await server.close()


async def test_a_port_that_is_taken_is_said() -> None:
    """With the setting that mends it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match=r"health\.port"):
            await HealthServer([], []).start("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("where", ["127.0.0.1", "[::1]"])
async def test_probes_are_answered_in_either_family(where: str) -> None:
    """By default one port for both: pods have an address of IPv6 alone, or of IPv4, or both."""
    if where == "[::1]" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    server = HealthServer([], [])
    await server.start(HealthSettings().host, 0)
    assert (await asked(server.port, "/healthz", where))[0] == 200
    await server.close()


async def test_a_machine_without_ipv6_is_listened_on_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kernels and containers may lack a whole family, and say so in one of two ways."""

    def without(family: int, *_args: Any) -> Any:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    create = socket.create_server
    monkeypatch.setattr(
        socket,
        "create_server",
        lambda address, **more: without(0) if "family" in more else create(address, **more),
    )
    server = HealthServer([], [])
    await server.start("::", 0)
    assert (await asked(server.port, "/healthz"))[0] == 200
    await server.close()


async def test_a_cluster_that_is_away_is_told_and_restarts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both probes say what the cluster answers, and stay 200: commands are taken, and answered with
    that."""
    async with ward(tmp_path) as on:
        assert (await on.ask("/readyz"))[1]["parts"]["cluster"]["ok"]
        monkeypatch.setattr(bot_health, "CLUSTER_PAUSE", 0.0)
        await on.stage.cluster.stop()
        for path in ("/healthz", "/readyz"):
            status, told = await on.ask(path)
            assert (status, told["ok"], told["parts"]["cluster"]["ok"]) == (200, True, False)
        assert "cannot connect to https://127.0.0.1" in told["parts"]["cluster"]["says"]


def test_figures_are_written_as_prometheus_reads_them() -> None:
    """Counters by label, and spreads as cumulative buckets."""
    spread = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        spread.observe(seconds)
    figures = [counter("runs", "Runs.", 2, step="a"), counter("runs", "Runs.", 3, step="b")]
    text = render_metrics(
        [lambda: figures, lambda: [Metric("took", "Time.", spread, "histogram")]]
    ).decode()
    assert 'meshbot_runs_total{step="b"} 3.0' in text
    buckets = re.findall(r'meshbot_took_bucket\{le="(.+)"\} (.+)', text)
    assert buckets == [("0.1", "2.0"), ("1.0", "3.0"), ("+Inf", "4.0")]
    assert "meshbot_took_sum 7.65" in text
