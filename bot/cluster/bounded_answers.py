"""Answers are read up to a ceiling of unpacked bytes and of seconds in all.

What answers behind the API server's proxy is whatever somebody has deployed: half a megabyte of
gzip can unpack to more than a machine has. aiohttp unpacks piece by piece (3.14), ends a request at
its total timeout wherever it is, and refuses more than 128 headers or one of more than 8190 bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from bot.errors import ClusterError, Unavailable, Unreadable
from bot.text import Text

MEGABYTE = 1_000_000
MOST_OBJECTS = 32 * MEGABYTE
"""Bytes of one answer of the API server, or of one event of a watch. etcd holds objects of 1.5 MB;
a page that is longer is asked for again in smaller ones."""
MOST_REFUSAL = MEGABYTE
"""Bytes of an error's body that are read; what goes beyond is not the Status of an API server."""


class AnswerLimits(NamedTuple):
    """Limits of one answer: who gives it, for the errors, bytes unpacked, and seconds in all."""

    source: str
    most: int
    seconds: float


async def read_answer(response: aiohttp.ClientResponse, source: str, most: int) -> bytes:
    """Return an answer's body; raise Unreadable when it is longer than `most` bytes, or packed in
    a way that is not understood.
    """
    try:
        body = await read_beginning(response, most)
    except aiohttp.ClientPayloadError as error:
        if not isinstance(error.__cause__, ContentEncodingError):
            raise
        raise build_packing_error(source, response.status) from error
    if len(body) > most:
        raise build_length_error(source, most, response.status)
    return body


async def read_beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return an answer's body, or a beginning of it that is just longer than `most` bytes."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > most:
            break
    return bytes(body[: most + 1])


def build_length_error(source: str, most: int, status: int = 0) -> Unreadable:
    """Return the error for an answer of more than `most` bytes."""
    return Unreadable(
        Text(
            "{source} answered more than {most:g} MB; read no further",
            source=source,
            most=most / MEGABYTE,
        ),
        status=status,
    )


def build_slow_error(source: str, seconds: float, status: int = 0) -> Unreadable:
    """Return the error for an answer that began and went on beyond its time."""
    return Unreadable(
        Text(
            "{source} began to answer and had not ended after {seconds:g} s; read no further",
            source=source,
            seconds=seconds,
        ),
        status=status,
    )


def build_packing_error(source: str, status: int = 0) -> Unreadable:
    """Return the error for an answer whose Content-Encoding is unknown or is not held to."""
    return Unreadable(
        Text(
            "{source} answered in a packing (Content-Encoding) that cannot be read", source=source
        ),
        status=status,
    )


def build_parse_error(error: HttpProcessingError, source: str) -> ClusterError:
    """Return the error for an answer whose beginning cannot be parsed; it may hold anything, and is
    not repeated.
    """
    # aiohttp passes on only the words of its parser's errors, not their classes (3.14).
    if "content-encoding" in error.message:
        return build_packing_error(source)
    if "Too many headers" in error.message or "Got more than" in error.message:
        return Unreadable(
            Text(
                "{source} answered with more headers, or longer ones, than are read", source=source
            )
        )
    return Unavailable(Text("{source} did not answer in HTTP", source=source))
