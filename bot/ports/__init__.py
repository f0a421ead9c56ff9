"""Protocols for all that steps may use outside themselves; adapters implement them.

This module knows no adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from bot.json_text import parse_json
from bot.kinds import Kind, Object
from bot.ports.traffic import (
    NO_ANSWER,
    UNREAD,
    Burst,
    LoadSpec,
    Outcome,
    Sample,
    SentRequests,
    Stream,
    Traffic,
    TrafficReport,
)
from bot.text import EMPTY, Text

__all__ = [
    "FIELD_MANAGER",
    "MOST_ANSWER",
    "NO_ANSWER",
    "UNREAD",
    "Burst",
    "Cluster",
    "HttpRequest",
    "HttpResponse",
    "Identity",
    "LoadSpec",
    "Mesh",
    "Outcome",
    "Output",
    "Part",
    "Program",
    "Progress",
    "Sample",
    "SentRequests",
    "Stream",
    "Traffic",
    "TrafficReport",
    "WatchCache",
    "Web",
    "wait_for_ever",
]

FIELD_MANAGER = "meshbot"
"""The field manager under which the API server records the bot's own writes."""


@dataclass(frozen=True)
class Part:
    """One component of a run in progress.

    `ready` of `wanted` pods are ready; `note` holds the pod's own words when it lags.
    """

    name: Text
    ready: int = 0
    wanted: int = 0
    note: Text = EMPTY
    done: bool = False


class Progress(Protocol):
    """Takes reports of how far a step is. Calls are cheap; what is shown is coalesced."""

    def say(self, text: Text) -> None:
        """Say what is being done now, in a few words."""
        ...

    def part(self, part: Part) -> None:
        """Report one component's state; the same name replaces what was said before."""
        ...


class WatchCache(Protocol):
    """A live copy of some kinds in one namespace, kept by watches."""

    def objects(self, kind: Kind) -> list[Object]:
        """Return the objects of a kind that exist now, by name. Do not change them in place."""
        ...

    async def changed(self) -> None:
        """Wait until something changed since the last return (at once if it already has)."""
        ...


class Cluster(Protocol):
    """The Kubernetes API as steps need it. Objects are plain dicts.

    All methods raise `bot.errors.ClusterError`.
    """

    async def version(self) -> str:
        """Return the server's version, e.g. `v1.36.3`."""
        ...

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """Return one object, or None when it (or its whole type) does not exist."""
        ...

    async def find(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """Return all matching objects; namespace "" means all namespaces.

        Empty when the type is not served.
        """
        ...

    async def types(self, group: str) -> list[Kind]:
        """Return the types that are served in an API group, in its preferred version."""
        ...

    async def apply(
        self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Apply an object on the server (field manager FIELD_MANAGER unless said).

        Return the object as the server holds it.
        """
        ...

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """Apply a JSON merge patch; a None removes a field."""
        ...

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Delete an object in the background; return False when it did not exist."""
        ...

    async def allowed(self, verb: str, kind: Kind, namespace: str = "", *, name: str = "") -> bool:
        """Tell whether a SelfSubjectAccessReview allows the verb.

        A name "" asks for any object of the kind.
        """
        ...

    async def put(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Create the object, or replace it whole, as it stands in `obj`.

        Its own resourceVersion and times are ignored. Where it has managedFields, its fields
        belong to those managers again afterwards, otherwise what changed is the bot's.
        """
        ...

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[WatchCache]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        ...


class Output(NamedTuple):
    """One line that a program printed, and on which stream."""

    stream: str
    line: str


class Program(Protocol):
    """A running `istioctl`."""

    def output(self) -> AsyncIterator[Output]:
        """Yield the lines that the program prints, until it ends."""
        ...

    async def wait(self) -> int:
        """Wait until the program ends, and return its exit code."""
        ...

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines that it printed on standard error."""
        ...


class Mesh(Protocol):
    """The Istio release and its `istioctl`. All raise `bot.errors.IstioError`."""

    @property
    def version(self) -> str:
        """The release's version, e.g. `1.30.3`."""
        ...

    @property
    def notes(self) -> tuple[Text, ...]:
        """The remarks on this release, e.g. that it is newer than those known."""
        ...

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that this release can install."""
        ...

    @property
    def kubernetes_range(self) -> tuple[int, int]:
        """The lowest and highest minor version of Kubernetes 1.x that this release supports."""
        ...

    async def render(self, arguments: Sequence[str]) -> list[Object]:
        """Return the objects that `istioctl manifest generate` prints.

        Raises IstioError with istioctl's own words when the arguments are wrong.
        """
        ...

    def run(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[Program]:
        """Start `istioctl` with these arguments; leaving the context ends it."""
        ...

    async def precheck(self) -> tuple[bool, tuple[str, ...]]:
        """Run `istioctl x precheck`; return whether it found nothing, and its lines."""
        ...

    def sample(self, path: str) -> list[Object]:
        """Return the objects of a file under the release's `samples/`.

        Reads the disk. Raises UserError when the file does not exist.
        """
        ...

    def gateway_api(self) -> list[Object]:
        """Return the Gateway API CRDs (and what comes with them) that fit this release.

        Raises UserError when none are at hand.
        """
        ...


class Identity(NamedTuple):
    """User and groups that the cluster is asked as (Kubernetes impersonation).

    `{user}` in them stands for the Slack user's id.
    """

    user: str
    groups: tuple[str, ...] = ()

    def for_user(self, user: str) -> Identity:
        """Return the identity for one Slack user, `{user}` replaced by the id in lower case."""
        name = user.lower()
        return Identity(
            self.user.replace("{user}", name), tuple(g.replace("{user}", name) for g in self.groups)
        )


class HttpResponse(NamedTuple):
    """Answer to an HTTP request.

    Header names are in lower case, several `set-cookie` are joined by line breaks.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, decoded as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def parse_json(self) -> Any:
        """Return the body's JSON; raise ValueError when it is none."""
        return parse_json(self.body)


MOST_ANSWER = 8_000_000
"""Bytes of an answer that are read, unpacked. Parsed, JSON takes up to twenty-five times that."""


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request to a port of a Service; `path` begins with a slash and may carry a query.

    With `resource` "pods", `service` is the name of a pod instead.
    """

    namespace: str
    service: str
    port: int
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 10.0
    """Seconds in which the whole answer must be there."""
    most: int = MOST_ANSWER
    """Bytes of its body, unpacked, that are read."""
    resource: Literal["services", "pods"] = "services"


class Web(Protocol):
    """HTTP inside the cluster, through the API server's service proxy."""

    async def ask(self, ask: HttpRequest) -> HttpResponse:
        """Send one request, never repeated; no redirect is followed.

        Raises `bot.errors.Unavailable` when nothing is there to answer (no such Service, no
        ready pod, connection refused), which is not the same as an answer with 503, and
        `bot.errors.Unreadable` for an answer that is longer or takes longer than is allowed.
        """
        ...


async def wait_for_ever() -> None:
    """Never return: what is waited for does not come."""
    await asyncio.Event().wait()
