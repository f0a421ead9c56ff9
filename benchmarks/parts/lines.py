"""How the parts talk with the benchmark that started them: JSON lines both ways, until standard
input ends."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

Said = dict[str, Any]


def tell(said: Said) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def told() -> AsyncIterator[Said]:
    """Each line from whoever started this process, until it closes standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async for line in reader:
        yield json.loads(line)


async def until_told() -> None:
    """Returns when standard input ends."""
    async for _ in told():
        pass
