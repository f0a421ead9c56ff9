"""HTTP byte by byte, as one who attacks would send it."""

from __future__ import annotations

import asyncio
import re


async def exchange(port: int, sent: bytes, *, seconds: float = 40.0) -> tuple[int, bytes]:
    """Send bytes on a connection of their own; return status and all that came until its end, 0
    when it ended without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(seconds):
            try:
                came = await reader.read()
            except ConnectionError:
                came = b""
    finally:
        writer.transport.abort()
    found = re.match(rb"HTTP/1\.[01] (\d+) ", came)
    return int(found[1]) if found else 0, came


def build_post(
    path: str, body: bytes, headers: list[tuple[str, bytes]], *, length: bool = True
) -> bytes:
    """A POST request with these headers, twice or odd as they may be."""
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: bot"]
    lines += [name.encode() + b": " + value for name, value in headers]
    lines += [b"Content-Length: %d" % len(body)] if length else []
    return b"\r\n".join([*lines, b"", body])
