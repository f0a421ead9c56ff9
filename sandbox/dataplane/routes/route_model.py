"""Routes as a proxy has them: the conditions on a request, its targets, and the changes
to it on the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl


@lru_cache(maxsize=1024)
def _compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Return the compiled expression; None for what RE2 may understand and Python does not,
    which then fits nothing.
    """
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _matches_fully(pattern: str, text: str) -> bool:
    expression = _compile_pattern(pattern)
    return expression is not None and expression.fullmatch(text) is not None


@dataclass(frozen=True)
class ProxyRequest:
    """A request on its way through a proxy. Header names are lower case; `path` has the query
    behind a `?`."""

    host: str
    port: int
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def pathname(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Query parameters, the first value of each."""
        # A dict keeps the last of equal keys.
        return dict(reversed(parse_qsl(self.path.partition("?")[2], keep_blank_values=True)))


@dataclass(frozen=True)
class TextMatch:
    """A condition on a text; `inverted` asks for the opposite. An absent text fits inverted
    conditions alone."""

    kind: Literal["exact", "prefix", "regex", "present"]
    value: str = ""
    inverted: bool = False

    def matches(self, text: str | None) -> bool:
        """Tell whether the text (None: it is not there) is as asked."""
        return self._matches_value(text) != self.inverted

    def _matches_value(self, text: str | None) -> bool:
        if text is None:
            return False
        match self.kind:
            case "exact":
                return text == self.value
            case "prefix":
                return text.startswith(self.value)
            case "regex":
                return _matches_fully(self.value, text)
            case _:
                return True


@dataclass(frozen=True)
class PathMatch:
    """A condition on the path. `separated` is a prefix that ends where a segment ends (Gateway
    API)."""

    kind: Literal["path", "prefix", "separated", "regex"] = "prefix"
    value: str = "/"
    ignore_case: bool = False

    def matches(self, path: str) -> bool:
        """Tell whether the path is as asked; case is never ignored by expressions."""
        value = self.value
        if self.kind == "regex":
            return _matches_fully(value, path)
        if self.ignore_case:
            value, path = value.lower(), path.lower()
        if self.kind == "path":
            return path == value
        return path.startswith(value) and (
            self.kind == "prefix" or path[len(value) : len(value) + 1] in ("", "/")
        )


@dataclass(frozen=True)
class Match:
    """The conditions that a request must meet for a route to be taken. `anything` is the
    match of a rule that states none.
    """

    path: PathMatch = PathMatch()
    headers: tuple[tuple[str, TextMatch], ...] = ()
    """By header name; `:method` and `:authority` are what HTTP/2 calls them."""
    query: tuple[tuple[str, TextMatch], ...] = ()
    anything: bool = False

    @property
    def catches_all(self) -> bool:
        """Tell whether no request gets past it."""
        everywhere = (self.path.kind, self.path.value) in (("prefix", "/"), ("regex", ".*"))
        return everywhere and not self.headers and not self.query

    def matches(self, request: ProxyRequest) -> bool:
        """Tell whether the request meets all conditions."""
        pseudo = {":method": request.method, ":authority": request.host, ":scheme": "http"}
        headers = {**request.headers, **pseudo}
        return (
            self.path.matches(request.pathname)
            and all(condition.matches(headers.get(name)) for name, condition in self.headers)
            and all(condition.matches(request.query.get(name)) for name, condition in self.query)
        )


@dataclass(frozen=True)
class HeaderChanges:
    """Changes to headers: first those removed, then those replaced, then those added."""

    put: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def apply_to(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers afterwards; an added value stands behind the one that is there,
        after a comma.
        """
        result = {k: v for k, v in headers.items() if k not in self.remove}
        result |= dict(self.put)
        for name, value in self.add:
            result[name] = f"{result[name]},{value}" if name in result else value
        return result

    def and_then(self, other: HeaderChanges) -> HeaderChanges:
        """Return both changes, the other's after these."""
        return HeaderChanges(self.put + other.put, self.add + other.add, self.remove + other.remove)


@dataclass(frozen=True)
class Target:
    """One cluster of a route, and its share of the weights' sum."""

    cluster: str
    weight: int = 0
    request: HeaderChanges = HeaderChanges()
    response: HeaderChanges = HeaderChanges()


@dataclass(frozen=True)
class Fault:
    """A fault; percentages from 0 to 100, drawn for delay and abort each on its own. What is 0
    never strikes."""

    abort_status: int = 0
    abort_percent: float = 0.0
    abort_grpc: int = 0
    """A gRPC status code, answered instead of `abort_status`."""
    delay_seconds: float = 0.0
    delay_percent: float = 0.0


@dataclass(frozen=True)
class Retries:
    """The number of times that a request is sent again, and after which failures."""

    attempts: int
    on: str
    statuses: tuple[int, ...] = ()
    """Answers that `retriable-status-codes` stands for."""
    per_try_seconds: float = 0.0


@dataclass(frozen=True)
class Redirect:
    """An answer that sends the client elsewhere; empty parts are taken from the request."""

    status: int
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""
    prefix: str | None = None
    """Stands in for the matched prefix."""


@dataclass(frozen=True)
class Rewrite:
    """Changes to path and authority. At most one of `path`, `prefix` and `pattern` is there."""

    host: str = ""
    path: str = ""
    prefix: str | None = None
    pattern: str = ""
    substitution: str = ""


@dataclass(frozen=True)
class Mirror:
    """A cluster that gets a copy of a share of the requests, from 0 to 100 percent."""

    cluster: str
    percent: float = 100.0


@dataclass(frozen=True)
class Route:
    """One route of a virtual host. Without targets it answers by itself: with `direct`, or by
    `redirect`."""

    match: Match
    name: str = ""
    targets: tuple[Target, ...] = ()
    weighted: bool = False
    fault: Fault | None = None
    timeout_seconds: float = 0.0
    """0 is no limit."""
    retries: Retries | None = None
    direct: int = 0
    body: str = ""
    redirect: Redirect | None = None
    rewrite: Rewrite | None = None
    request: HeaderChanges = HeaderChanges()
    response: HeaderChanges = HeaderChanges()
    mirrors: tuple[Mirror, ...] = ()
    cors: bool = False
    """Whether there is a CORS policy. It concerns browsers alone, so nothing of it is carried out.
    """
    origin: str = ""
    """The rule that it comes from, as istiod names it; empty for a host without rules."""
    status_without_cluster: int = 503
    """The Gateway API wants 500 (Istio sets Envoy's cluster_not_found_response_code)."""


@dataclass(frozen=True)
class VirtualHost:
    """The routes of some host names, in the order in which they are tried."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]
