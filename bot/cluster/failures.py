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
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from bot.cluster.bounded_answers import build_parse_error
from bot.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    Throttled,
    Unauthorized,
    Unavailable,
)
from bot.json_text import parse_json
from bot.masking import hide_passwords
from bot.text import EMPTY, Text, verbatim

T = TypeVar("T")
LONGEST_MESSAGE = 1000
"""Characters of a server's message that are kept; admission webhooks can send whole documents."""


STRICT_CODES = range(80, 94)
"""Codes of certificates that only X509_V_FLAG_X509_STRICT refuses (OpenSSL 3, x509_vfy.h), such as
85, a missing Authority Key Identifier: clusters that EKS and others made some years ago."""
STRICT_VARIABLE = "MESHBOT_CLUSTER__STRICT_CERTIFICATES"


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
    if status == 401:
        return Unauthorized(_explain_unauthorized(message), status=status)
    kinds: dict[int, type[ClusterError]] = {403: Forbidden, 404: NotFound, 409: Conflict}
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


def read_status_message(body: bytes) -> Text:
    """Return the message of a Kubernetes Status, empty when the body is the Service's own."""
    if b'"Status"' not in body:
        return EMPTY
    try:
        said = parse_json(body)
    except ValueError:
        return EMPTY
    if not isinstance(said, dict) or said.get("kind") != "Status" or said.get("apiVersion") != "v1":
        return EMPTY
    message = said.get("message")
    return verbatim(shorten(str(message))) if message else Text("the API server refused")


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
        return ClusterError(_explain_tls_error(error, host))
    if (at_the_proxy := _build_proxy_error(error, host)) is not None:
        return at_the_proxy
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


def _build_proxy_error(error: Exception, host: str) -> ClusterError | None:
    """Return the error for a request that ended at the proxy on the way, whose address is not
    shown; None for any other.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError):
        words = Text(
            "the proxy on the way to {host} answered {status} ({message})",
            host=host,
            status=error.status,
            message=shorten(error.message),
        )
        # It may itself not reach the server just now; what it refuses, it refuses again.
        return Unavailable(words) if error.status >= 500 else ClusterError(words)
    # A name that is not found is an error of the base class, with the name that was looked up.
    if isinstance(error, aiohttp.ClientProxyConnectionError) or (
        isinstance(error, aiohttp.ClientConnectorError)
        and not isinstance(error, aiohttp.ClientSSLError)
        and error.host != urlsplit(host).hostname
    ):
        return NeverSent(
            Text(
                "the proxy on the way to {host} is away: {cause}",
                host=host,
                cause=_describe_cause(error),
            )
        )
    return None


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


def _explain_tls_error(error: Exception, host: str) -> Text:
    """Return why there is no trusted connection; a certificate that only Python's strict mode
    refuses comes with the setting that accepts it.
    """
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    cause = _describe_cause(error)
    if isinstance(inner, ssl.SSLCertVerificationError) and inner.verify_code in STRICT_CODES:
        return Text(
            "no trusted TLS connection to {host}: {cause}. Only the strict check of Python 3.13 "
            "and newer refuses that: {variable}=false leaves it out.",
            host=host,
            cause=cause,
            variable=STRICT_VARIABLE,
        )
    return Text("no trusted TLS connection to {host}: {cause}", host=host, cause=cause)


def _describe_cause(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(inner, ssl.SSLError):
        return str(getattr(inner, "verify_message", "") or inner.reason or inner)
    if isinstance(inner, OSError) and inner.errno is not None and inner.errno in errno.errorcode:
        return os.strerror(inner.errno)
    return hide_passwords(str(inner)) or type(inner).__name__


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
