"""SPDY as the API server speaks it, against frames that a client would send."""

from __future__ import annotations

import asyncio
import struct
import zlib

import pytest

from sandbox.cluster.http.streams.spdy import SpdyConnection, SpdyStream
from sandbox.cluster.http.streams.spdy_frames import DICTIONARY


class Client:
    """The client's end: it opens streams, and keeps what the server sends."""

    def __init__(self) -> None:
        self.got = b""
        self.streams: list[SpdyStream] = []
        self.server = SpdyConnection(self._take, self.streams.append)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    async def _take(self, data: bytes) -> None:
        self.got += data

    def open(self, number: int, **headers: str) -> bytes:
        """The frame that opens a stream."""
        block = struct.pack(">I", len(headers))
        for text in (t for pair in headers.items() for t in pair):
            block += struct.pack(">I", len(text)) + text.encode()
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", number, 0, 0) + packed
        return struct.pack(">II", 0x80030001, len(body)) + body


def test_the_dictionary_is_that_of_the_draft() -> None:
    """Both ends must begin with the same bytes; zlib names them by this checksum."""
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


async def test_streams_carry_headers_and_data() -> None:
    """Frames may come in any pieces; a stream ends with its FIN."""
    client = Client()
    sent = client.open(1, streamtype="error") + client.open(3, streamType="data", port="80")
    sent += struct.pack(">II", 3, 5) + b"hello" + struct.pack(">II", 3, 0x01000003) + b" yo"
    for at in range(0, len(sent), 7):
        await client.server.receive(sent[at : at + 7])
    assert [s.headers for s in client.streams] == [
        {"streamtype": "error"},
        {"streamtype": "data", "port": "80"},
    ]
    assert await asyncio.wait_for(client.streams[1].reader.read(), 40) == b"hello yo"
    client.got = b""
    await client.streams[1].write(b"answer")
    await client.streams[1].end()
    await client.streams[1].write(b"too late")
    assert client.got == struct.pack(">II", 3, 6) + b"answer" + struct.pack(">II", 3, 0x01000000)


async def test_pings_are_echoed_and_other_bytes_refused() -> None:
    """A ping comes back with its number; what is no SPDY/3 raises."""
    client = Client()
    ping = struct.pack(">III", 0x80030006, 4, 7)
    await client.server.receive(ping)
    assert client.got == ping
    with pytest.raises(ValueError, match="SPDY"):
        await client.server.receive(struct.pack(">II", 0x80020001, 0))
