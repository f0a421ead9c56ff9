"""The server's end of a SPDY connection: streams that the client opens, each with headers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from sandbox.cluster.http.streams.spdy_frames import (
    FIN,
    GOAWAY,
    PING,
    RST_STREAM,
    SYN_STREAM,
    SpdyDecoder,
    SpdyEncoder,
)

_MOST = 1 << 16
"""Bytes of one data frame, well under the 16 MB that a frame can have."""

SendBytes = Callable[[bytes], Awaitable[None]]
"""How the connection underneath sends bytes."""


class SpdyStream:
    """One stream. `reader` gives what the client sends, until it ends its side."""

    def __init__(self, connection: SpdyConnection, number: int, headers: Mapping[str, str]) -> None:
        self.number, self.headers = number, headers
        self.reader = asyncio.StreamReader()
        self._connection = connection
        self._ended = False

    async def write(self, data: bytes) -> None:
        """Send data; nothing once this side has ended."""
        for at in range(0, len(data), _MOST):
            if not self._ended:
                part = data[at : at + _MOST]
                await self._connection.send(self._connection.encoder.encode_data(self.number, part))

    async def end(self) -> None:
        """Say that no more data comes."""
        if not self._ended:
            self._ended = True
            await self._connection.send(
                self._connection.encoder.encode_data(self.number, b"", last=True)
            )


class SpdyConnection:
    """One connection. `opened` is called with each stream that the client opens."""

    def __init__(self, send: SendBytes, opened: Callable[[SpdyStream], None]) -> None:
        self.send, self.encoder = send, SpdyEncoder()
        self._opened = opened
        self._decoder = SpdyDecoder()
        self._streams: dict[int, SpdyStream] = {}
        self.closed = asyncio.Event()
        """Set when the client has gone, or has said that it goes."""

    async def receive(self, data: bytes) -> None:
        """Take bytes of the client; raise ValueError for what is not SPDY/3.1."""
        for frame in self._decoder.decode_frames(data):
            if frame.kind == SYN_STREAM:
                stream = SpdyStream(self, frame.stream, frame.headers or {})
                self._streams[frame.stream] = stream
                await self.send(self.encoder.encode_reply(frame.stream))
                self._opened(stream)
            elif frame.kind == PING:
                await self.send(self.encoder.encode_ping(frame.stream))
            elif frame.kind == GOAWAY:
                self.close()
            found = self._streams.get(frame.stream) if frame.kind in (0, SYN_STREAM) else None
            if found is not None and frame.kind == 0:
                found.reader.feed_data(frame.body)
            if found is not None and frame.flags & FIN:
                found.reader.feed_eof()
            if frame.kind == RST_STREAM and (gone := self._streams.pop(frame.stream, None)):
                gone.reader.feed_eof()

    def close(self) -> None:
        """End every stream's input."""
        self.closed.set()
        for stream in self._streams.values():
            stream.reader.feed_eof()
        self._streams.clear()
