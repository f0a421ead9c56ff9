"""Frames of SPDY/3.1, as far as Kubernetes uses them: streams, their headers, data, and pings.

The format is that of the SPDY protocol's draft 3.1, sections 2.2 to 2.6.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY, HEADERS = 1, 2, 3, 6, 7, 8
FIN = 0x01
"""The flag of the last frame that one side sends on a stream."""
_VERSION = 3
_CONTROL = 0x80000000
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base "
    "content-encoding content-language content-length content-location content-md5 "
    "content-range content-type date etag expect expires from host if-match if-modified-since "
    "if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer "
    "transfer-encoding upgrade user-agent vary via warning www-authenticate method get status"
).split() + ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"]
_CODES = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(w)) + w.encode() for w in _WORDS) + _CODES.encode()
"""What both ends begin to compress headers with (section 2.6.10.1 of the draft)."""


@dataclass(frozen=True)
class SpdyFrame:
    """One frame: `kind` is 0 for data, else the type of a control frame. `body` is without what
    `stream` and `flags` say."""

    kind: int
    stream: int = 0
    flags: int = 0
    body: bytes = b""
    headers: Mapping[str, str] | None = None


class SpdyDecoder:
    """Takes bytes as they come, and gives the frames that are whole. Headers are one compressed
    stream over the whole connection. Raises ValueError for what is not SPDY/3.1."""

    def __init__(self) -> None:
        self._left = b""
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def decode_frames(self, data: bytes) -> Iterator[SpdyFrame]:
        """Return the frames that these bytes complete."""
        self._left += data
        while len(self._left) >= 8:
            first, second = struct.unpack(">II", self._left[:8])
            end = 8 + (second & 0xFFFFFF)
            if len(self._left) < end:
                return
            body, self._left = self._left[8:end], self._left[end:]
            if first & _CONTROL:
                yield self._decode_control(first, second >> 24, body)
            else:
                yield SpdyFrame(0, first, second >> 24, body)

    def _decode_control(self, first: int, flags: int, body: bytes) -> SpdyFrame:
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != _VERSION:
            raise ValueError(f"not a frame of SPDY/3: version {version}")
        number = int.from_bytes(body[:4]) & 0x7FFFFFFF
        if kind == SYN_STREAM:
            return SpdyFrame(kind, number, flags, headers=self._decode_headers(body[10:]))
        if kind in (SYN_REPLY, HEADERS):
            return SpdyFrame(kind, number, flags, headers=self._decode_headers(body[4:]))
        return SpdyFrame(kind, number, flags, body[4:])

    def _decode_headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block)
        except zlib.error as error:
            raise ValueError(f"headers cannot be read: {error}") from error
        headers, at = {}, 4
        for _ in range(int.from_bytes(plain[:4])):
            pair = []
            for _ in range(2):
                size = int.from_bytes(plain[at : at + 4])
                pair.append(plain[at + 4 : at + 4 + size].decode("latin-1"))
                at += 4 + size
            headers[pair[0].lower()] = pair[1]
        return headers


class SpdyEncoder:
    """Makes the frames that a server sends."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def encode_reply(self, stream: int) -> bytes:
        """Return the answer to a new stream, without headers."""
        block = self._deflate.compress(bytes(4)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _encode_control(SYN_REPLY, struct.pack(">I", stream) + block)

    def encode_data(self, stream: int, data: bytes, *, last: bool = False) -> bytes:
        """Return data of a stream; `last` ends this side of it."""
        return struct.pack(">II", stream, (FIN if last else 0) << 24 | len(data)) + data

    def encode_ping(self, number: int) -> bytes:
        """Return the echo of a ping."""
        return _encode_control(PING, struct.pack(">I", number))


def _encode_control(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", _CONTROL | _VERSION << 16 | kind, len(body)) + body
