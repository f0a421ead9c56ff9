"""Whole bots in one process and on one loop, each in a workspace of its own: `BENCH_SETTINGS` is a
JSON list of environments, one for each."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import AsyncExitStack

from benchmarks.parts.lines import tell, until_told
from bot.app import run_bot
from bot.cli.run import avoid_long_pauses
from bot.settings import load_settings


async def main() -> None:
    """Serves until standard input ends."""
    async with AsyncExitStack() as stack:
        for environment in json.loads(os.environ["BENCH_SETTINGS"]):
            await stack.enter_async_context(run_bot(load_settings(None, environment)))
        avoid_long_pauses()
        tell({"ready": True})
        await until_told()


if __name__ == "__main__":
    asyncio.run(main())
