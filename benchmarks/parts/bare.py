"""The peer: the smallest Bolt app over Socket Mode that acknowledges a command with what was typed."""

from __future__ import annotations

import asyncio
import os

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from benchmarks.parts.lines import until_told


async def main() -> None:
    """Echoes until standard input ends."""
    app = AsyncApp(
        client=AsyncWebClient(token=os.environ["BENCH_BOT"], base_url=os.environ["BENCH_URL"])
    )

    @app.command("/mesh")
    async def echo(ack, command) -> None:  # type: ignore[no-untyped-def]  # Bolt injects by name
        await ack(command["text"])

    handler = AsyncSocketModeHandler(app, os.environ["BENCH_APP"])
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped
    await until_told()
    await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped


if __name__ == "__main__":
    asyncio.run(main())
