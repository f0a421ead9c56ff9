"""Failures between the bot and the API server as the bot's own errors, and the retries
of requests.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from kubernetes.aio.config import ConfigException

from bot.cluster.answers import build_parse_error
from bot.errors import ClusterError, Conflict, Forbidden, NotFound, Rejected, Throttled, Unavailable
from bot.json_text import parse_json
from bot.text import Text, verbatim

T = TypeVar("T")
LONGEST_MESSAGE = 1000
"""Characters of a server's message that are kept; admission webhooks can send whole documents."""


class NeverSent(Unavailable):
    """No connection could be made, so the server cannot have seen the request: even a write may be
    sent again."""


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of retries while the cluster is unavailable: seconds in all, first and longest
    pause in seconds.
    """

    total: float = 20.0
    first: float = 0.1
    longest: float = 3.0

    def compute_pause(self, attempt: int) -> float:
        """Return the seconds to wait before the next try (`attempt` counts from 0): doubling,
        with jitter so that callers spread.
        """
        # No larger power is needed: `longest` is reached long before.
        ceiling = min(self.longest, self.first * float(1 << min(attempt, 30)))
        return ceiling * (0.5 + random.random() / 2)  # noqa: S311 — spreads retries, no secret


def build_status_error(status: int, body: bytes, *, retry_after: str = "") -> ClusterError:
    """Return the error for an HTTP status; its text is the `message` of the Kubernetes
    Status in the body, if there is one.
    """
    message = _build_error_message(status, body)
    if status == 429:
        return Throttled(message, retry_after=_parse_retry_after(retry_after))
    if status >= 500 or status == 408:
        return Unavailable(message, status=status)
    if status in (401, 403):
        return Forbidden(
            _explain_unauthorized(message) if status == 401 else message, status=status
        )
    kinds: dict[int, type[ClusterError]] = {404: NotFound, 409: Conflict}
    return kinds.get(status, Rejected)(message, status=status)


def _explain_unauthorized(message: Text) -> Text:
    return Text(
        "the cluster does not accept the credentials it was given ({message})", message=message
    )


def _build_error_message(status: int, body: bytes) -> Text:
    try:
        said = parse_json(body)
    except ValueError:
        said = None
    message = said.get("message") if isinstance(said, dict) else None
    if not isinstance(message, str) or not message:
        return Text("the API server answered {status}", status=status)
    return verbatim(shorten(message))


def shorten(message: str) -> str:
    """Return the beginning of what a server says."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"


def _parse_retry_after(retry_after: str) -> float:
    """Return a Retry-After in seconds: Kubernetes sends whole seconds, anything else counts
    as one second.
    """
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 1.0


def build_client_error(error: Exception, host: str, seconds: float) -> ClusterError:
    """Return the error for a request that got no answer.

    `host` is the server's URL, `seconds` the time that the request was waited for.
    """
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        return ClusterError(
            Text(
                "no trusted TLS connection to {host}: {cause}",
                host=host,
                cause=_describe_cause(error),
            )
        )
    # Before its base class ClientConnectorError: another program is to be looked at.
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return NeverSent(
            Text(
                "the proxy on the way to {host} is away: {cause}",
                host=host,
                cause=_describe_cause(error),
            )
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return NeverSent(
            Text(
                "cannot connect to {host}: {cause}",
                host=host,
                cause=_describe_cause(error),
            )
        )
    if isinstance(error, aiohttp.InvalidURL):
        return ClusterError(Text("{host} is not the address of an API server", host=host))
    if isinstance(error, TimeoutError):
        return Unavailable(
            Text("no answer from {host} within {seconds:g} s", host=host, seconds=seconds)
        )
    return Unavailable(
        Text(
            "the connection to {host} broke: {cause}",
            host=host,
            cause=_describe_cause(error),
        )
    )


@contextmanager
def translate_errors(host: str, waited: float, *, source: str = "") -> Iterator[None]:
    """Raise the client's errors as ClusterError; `host` is the server's URL, `waited` the time
    limit in seconds, `source` who gives the answer when it is not the API server itself.
    """
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error.__cause__, HttpProcessingError) and isinstance(
            error, aiohttp.ClientResponseError
        ):
            raise build_parse_error(error.__cause__, source or host) from error
        raise build_client_error(error, host, waited) from error
    except ConfigException as error:
        raise Forbidden(
            Text("the credentials for {host} cannot be read: {error}", host=host, error=str(error))
        ) from error


def _describe_cause(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(inner, ssl.SSLError):
        return str(getattr(inner, "verify_message", "") or inner.reason or inner)
    if isinstance(inner, OSError) and inner.errno is not None and inner.errno in errno.errorcode:
        return os.strerror(inner.errno)
    return str(inner) or type(inner).__name__


async def run_with_retries(
    work: Callable[[], Awaitable[T]], *, repeatable: bool, policy: RetryPolicy
) -> T:
    """Await `work`, and again when that is safe: reads after any outage, writes only when
    they were never carried out.

    A pause follows Retry-After when the server names one. Raises the last error when the
    time of the policy is over.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + policy.total
    attempt = 0
    while True:
        try:
            return await work()
        except (Unavailable, Throttled) as error:
            if not (repeatable or isinstance(error, (NeverSent, Throttled))):
                raise
            wait = policy.compute_pause(attempt)
            if isinstance(error, Throttled):
                wait = max(wait, error.retry_after)
            # Not tried once more at the end: whoever waits learns of it while it is of use.
            if loop.time() + wait > deadline:
                raise
        attempt += 1
        await asyncio.sleep(wait)
