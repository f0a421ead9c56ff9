"""Messages of the data plane: HTTP requests and answers, with the moments at which they
begin and end.

Times are simulated seconds since 1970 and are computed, not slept: a request's whole
way is known at once, so a timeout holds exactly at any speed of the clock. Only the
way back to the client outside is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Call:
    """An HTTP request to `host` (as the caller writes it, without a port) on `port`; header names
    in lower case."""

    host: str
    port: int
    path: str
    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    http2: bool = False
    """Whether it reaches the application in HTTP/2."""

    @property
    def authority(self) -> str:
        """The Host header."""
        return self.headers.get("host") or f"{self.host}:{self.port}"

    @property
    def form(self) -> dict[str, str]:
        """The values of the query and of a posted form, the first of each name."""
        posted = "x-www-form-urlencoded" in self.headers.get("content-type", "")
        text = "&".join(
            t for t in (self.query, self.body.decode("utf-8", "replace") if posted else "") if t
        )
        return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}

    def with_headers(self, headers: Mapping[str, str]) -> Call:
        """Return the same request with these headers as well."""
        return replace(self, headers={**self.headers, **headers})


Failure = Literal["", "refused", "reset", "timeout", "tls", "protocol", "unknown host"]
"""Why there is no HTTP answer at all: nothing listens, the connection was cut, too slow, one end
speaks TLS or HTTP/2 and the other does not, or the name has no address."""


@dataclass(frozen=True)
class Reply:
    """The answer as the caller sees it, at the moment `end`; with a `failure` there is no status
    (0)."""

    end: float
    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    failure: Failure = ""
    flags: str = "-"
    """Envoy's response flags where a proxy answered itself."""

    @property
    def ok(self) -> bool:
        """Tell whether it is an answer with status 200."""
        return not self.failure and self.status == 200


Ask = Callable[[Call, float, float], Reply]
"""How a program asks another one: the request, when it begins, and the seconds after which it gives
up."""
