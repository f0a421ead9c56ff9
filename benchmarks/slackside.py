"""The Slack side alone: our listeners beside a bare Bolt echo app, with a load that can be set
(ack.py: whole bots).

Both run in a process of their own against one embedded workspace, in turns, at the same rate of
commands. Ours also answers each command, and its loop is kept busy as by installs in progress:
`--busy` is the part of the time that the loop is held, in slices of `--slice` milliseconds. Figures
are ratios within one run, so that machines can differ.

    python -m benchmarks.slackside --seconds 10 --rate 50 --busy 0.2
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from dataclasses import dataclass

from benchmarks.parts.lines import until_told
from benchmarks.stage import part, program, quantile, tokens
from bot.jobs import Jobs
from bot.messages import ButtonPress, Command, Message, Reply
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import build_client, build_session, fetch_identity
from sandbox.workspace import DEFAULT_CHANNEL, ActionResult, Workspace

ANSWER = Message("done", ({"type": "section", "text": {"type": "mrkdwn", "text": "*done*"}},))
WARM_UP = 25
"""Commands that are not counted."""


@dataclass
class AnsweringDesk:
    """Answers each command to the one who typed it."""

    jobs: Jobs

    def command(self, asked: Command, reply: Reply) -> None:
        """Answers in a task of its own."""
        self.jobs.spawn(reply.say(ANSWER), asked.key)

    def pressed(self, pressed: ButtonPress, reply: Reply) -> None:
        """No button is pressed here."""


@dataclass
class Figures:
    """Times to acknowledgement in milliseconds, and how many commands were never acknowledged."""

    times: list[float]
    late: int

    def quantile(self, share: float) -> float:
        """The time below which this part of the commands lies."""
        return quantile(self.times, share)

    def row(self, name: str) -> str:
        """One line of the table."""
        figures = [self.quantile(0.5), self.quantile(0.99), max(self.times, default=float("nan"))]
        return (
            f"{name:<12}"
            + "".join(f"{figure:9.1f}" for figure in figures)
            + f"{len(self.times):9}{self.late:7}"
        )


async def ours(
    workspace_url: str, bot_token: str, app_token: str, *, busy: float, piece: float
) -> None:
    """The bot's Slack side with a busy loop, until its standard input ends."""
    async with build_session() as session:
        client = build_client(token=bot_token, base_url=workspace_url, session=session)
        jobs = Jobs()
        listeners = Listeners(
            router=AnsweringDesk(jobs),
            ways=EphemeralResponder(client, session),
            identity=await fetch_identity(client),
        )
        link = SocketModeReceiver(listeners, client=client, app_token=app_token)
        await link.start()
        load = asyncio.create_task(hold(busy, piece))
        await until_told()
        load.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await load
        await link.close()
        await jobs.drain(1)


async def hold(busy: float, piece: float) -> None:
    """Keeps the loop busy for this part of the time, in pieces of so many seconds."""
    if busy <= 0:
        return
    while True:
        end = time.perf_counter() + piece
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(piece * (1 - busy) / busy)


async def measure(workspace: Workspace, kind: str, options: argparse.Namespace) -> Figures:
    """Starts one kind of bot, types commands at the rate, and gives the times."""
    load = ("--kind", kind, "--busy", str(options.busy), "--slice", str(options.slice))
    secrets = tokens(workspace)
    started = (
        part("bare", **secrets)
        if kind == "bare"
        else program(sys.executable, "-m", "benchmarks.slackside", *load, **secrets)
    )
    async with started:
        async with asyncio.timeout(30):
            await workspace.connections.wait_for_count()
        await type_commands(workspace, WARM_UP, options.rate)
        typed = await type_commands(workspace, round(options.seconds * options.rate), options.rate)
    times = [one.ack_after * 1000 for one in typed if one.ack_after is not None]
    return Figures(times, len(typed) - len(times))


async def type_commands(workspace: Workspace, count: int, rate: float) -> list[ActionResult]:
    """Types commands at an even rate, whether or not the earlier ones were acknowledged."""
    started = time.monotonic()
    typing = []
    for number in range(count):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        typing.append(
            asyncio.create_task(
                workspace.actions.send_command("alice", DEFAULT_CHANNEL, f"/mesh status {number}")
            )
        )
    return list(await asyncio.gather(*typing))


async def compare(options: argparse.Namespace) -> bool:
    """Measures both in turns and prints the table; True when ours keeps to 1.5 times the bare p99
    and within 3 s."""
    workspace = Workspace(enforce_limits=False)
    await workspace.start()
    found = {"bare": Figures([], 0), "ours": Figures([], 0)}
    try:
        for _ in range(options.rounds):
            for kind, figures in found.items():
                more = await measure(workspace, kind, options)
                figures.times += more.times
                figures.late += more.late
    finally:
        await workspace.stop()
    print(
        f"{options.rate:g} commands/s, loop held {options.busy:.0%} in slices of {options.slice:g} "
        f"ms; milliseconds"
    )
    print(f"{'':<12}{'p50':>9}{'p99':>9}{'max':>9}{'acked':>9}{'late':>7}")
    for kind, figures in found.items():
        print(figures.row(kind))
    ratios = [found["ours"].quantile(part) / found["bare"].quantile(part) for part in (0.5, 0.99)]
    print(f"{'ratio':<12}{ratios[0]:9.2f}{ratios[1]:9.2f}")
    return ratios[1] <= 1.5 and not found["ours"].late


def main() -> int:
    """Reads the options; as a child, plays one kind of bot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="per kind and round (default 10)"
    )
    parser.add_argument("--rounds", type=int, default=2, help="turns of each kind (default 2)")
    parser.add_argument("--rate", type=float, default=50.0, help="commands per second (default 50)")
    parser.add_argument(
        "--busy", type=float, default=0.1, help="part of the time our loop is held (default 0.1)"
    )
    parser.add_argument(
        "--slice", type=float, default=2.0, help="milliseconds that it is held at once (default 2)"
    )
    parser.add_argument("--kind", choices=("ours",), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind is None:
        return 0 if asyncio.run(compare(options)) else 1
    where = (os.environ["BENCH_URL"], os.environ["BENCH_BOT"], os.environ["BENCH_APP"])
    asyncio.run(ours(*where, busy=options.busy, piece=options.slice / 1000))
    return 0


if __name__ == "__main__":
    sys.exit(main())
