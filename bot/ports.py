"""What steps may use of the world outside, as Protocols that the adapters keep. Knows no adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from bot.kinds import Kind, Object


@dataclass(frozen=True)
class Part:
    """One component of a run in progress: `ready` of `wanted` pods, and in `note` the pod's own words when it lags."""

    name: str
    ready: int = 0
    wanted: int = 0
    note: str = ""
    done: bool = False


class Progress(Protocol):
    """Where a step tells how far it is. Calls are cheap; what is shown is coalesced."""

    def say(self, text: str) -> None:
        """What is being done now, in a few words."""
        ...

    def part(self, part: Part) -> None:
        """One component's state; the same name replaces what was said before."""
        ...


class View(Protocol):
    """A live copy of some kinds in one namespace, kept by watches."""

    def objects(self, kind: Kind) -> list[Object]:
        """What is there now, by name. Not to be changed in place."""
        ...

    async def changed(self) -> None:
        """Returns after something changed since the last return (at once if it already has)."""
        ...


class Cluster(Protocol):
    """The Kubernetes API in the words that steps need. Objects are plain dicts. All raise `bot.errors.ClusterError`."""

    async def version(self) -> str:
        """The server's version, e.g. `v1.36.3`."""
        ...

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object, or None when it (or its whole type) is not there."""
        ...

    async def find(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> list[Object]:
        """All matching objects; namespace "" means everywhere; empty when the type is not served."""
        ...

    async def types(self, group: str) -> list[Kind]:
        """The types that are served in an API group, in its preferred version."""
        ...

    async def apply(self, obj: Object, *, force: bool = False, dry_run: bool = False, manager: str = "") -> Object:
        """Server-side apply (field manager `meshbot` unless said); gives the object as the server holds it."""
        ...

    async def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """JSON merge patch; a None removes a field."""
        ...

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> bool:
        """Deletes in the background; False when it was not there."""
        ...

    async def allowed(self, verb: str, kind: Kind, namespace: str = "", *, name: str = "") -> bool:
        """What a SelfSubjectAccessReview says; a name "" asks for any object of the kind."""
        ...

    async def put(self, obj: Object) -> Object:
        """Creates the object, or replaces it whole, as it stands in `obj` (its own version and times are ignored)."""
        ...

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[View]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        ...


class Output(NamedTuple):
    """One line that a program printed, and on which stream."""

    stream: str
    line: str


class Program(Protocol):
    """A running `istioctl`."""

    def output(self) -> AsyncIterator[Output]:
        """Its lines as they come, until it ends."""
        ...

    async def wait(self) -> int:
        """Its exit code."""
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
    def notes(self) -> tuple[str, ...]:
        """What should be said about this release, e.g. that it is newer than those known."""
        ...

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that this release can install."""
        ...

    @property
    def kubernetes_range(self) -> tuple[int, int]:
        """Lowest and highest minor version of Kubernetes 1.x that this release supports."""
        ...

    async def render(self, arguments: Sequence[str]) -> list[Object]:
        """What `istioctl manifest generate` prints; raises istioctl's own words when the arguments are wrong."""
        ...

    def run(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[Program]:
        """Starts `istioctl` with these arguments; leaving the context ends it."""
        ...

    async def precheck(self) -> tuple[bool, tuple[str, ...]]:
        """Whether `istioctl x precheck` found nothing, and what it said."""
        ...

    def sample(self, path: str) -> list[Object]:
        """The objects of a file under the release's `samples/`; reads the disk. UserError when it is not there."""
        ...

    def gateway_api(self) -> list[Object]:
        """The Gateway API CRDs (and what comes with them) that fit this release; UserError when none are at hand."""
        ...


class Identity(NamedTuple):
    """As whom the cluster is asked (Kubernetes impersonation); `{user}` in it stands for the Slack user's id."""

    user: str
    groups: tuple[str, ...] = ()

    def of(self, user: str) -> Identity:
        """The identity for one Slack user."""
        name = user.lower()
        return Identity(self.user.replace("{user}", name), tuple(g.replace("{user}", name) for g in self.groups))


class Answer(NamedTuple):
    """What an HTTP request got: header names in lower case, every `set-cookie` joined by line breaks."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Ask:
    """An HTTP request to a port of a Service; `path` begins with a slash and may carry a query."""

    namespace: str
    service: str
    port: int
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 10.0


class Web(Protocol):
    """HTTP inside the cluster, through the API server's service proxy."""

    async def ask(self, ask: Ask) -> Answer:
        """One request, never repeated, no redirect followed. Raises `bot.errors.Unavailable` when nothing is there to
        answer (no such Service, no ready pod, connection refused), which is not the same as an answer with 503."""
        ...


@dataclass(frozen=True)
class Load:
    """Requests for the application's page: how many, at which rate per second, and as whom ("" is nobody)."""

    count: int = 1
    rate: float = 5.0
    user: str = ""


class Outcome(StrEnum):
    """How one request for the page ended: the page whole, with a part missing, or no page."""

    WHOLE = "whole"
    PARTIAL = "partial"
    FAILED = "failed"


class Sample(NamedTuple):
    """One request of a load: meant to start `at` seconds after the first, ended `ms` after that, and how."""

    at: float
    ms: float
    outcome: Outcome


@dataclass(frozen=True)
class Seen:
    """What requests met. Times are milliseconds from the moment each was intended, so a late start counts.

    `versions` counts pages by the version of reviews that served them, `none` where reviews failed; `ratings` counts
    pages with `seen`, `unavailable` and `none` (version 1 shows none); `codes` counts HTTP statuses, `0` for no answer.
    `samples` holds each request of a load that ended, in the order of their ends; a stream keeps none.
    """

    asked: int
    sent: int
    seconds: float
    codes: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    ratings: Mapping[str, int] = field(default_factory=dict)
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    via: str = ""
    trouble: str = ""
    samples: tuple[Sample, ...] = ()

    @property
    def rate(self) -> float:
        """Requests per second that were achieved."""
        return self.sent / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Stream:
    """Traffic that goes on until stopped; `since` and `until` in epoch seconds, `every` in seconds."""

    namespace: str
    every: float
    user: str
    since: float
    until: float
    seen: Seen


class Traffic(Protocol):
    """Sends requests to the application, through its gateway or, before there is one, to productpage itself."""

    async def send(self, namespace: str, load: Load) -> Seen:
        """Sends that load and waits for its end. `trouble` says why nothing could be sent; never raises for that."""
        ...

    async def start(self, namespace: str, *, every: float, user: str = "", seconds: float = 3600.0) -> Stream:
        """Goes on in the background, and after a restart of the bot, until stopped or its time is over; one stream per
        namespace and user. Raises `bot.errors.LedgerError` when it could not be remembered, and then does not start."""
        ...

    async def stop(self, namespace: str) -> list[Stream]:
        """Stops all streams of a namespace and gives what they saw."""
        ...

    async def streams(self) -> list[Stream]:
        """What is going on now, whichever process carries it."""
        ...

    def last(self, namespace: str) -> tuple[float, Seen] | None:
        """When (epoch seconds) the newest requests for a namespace ended, and what they met; None when none were sent
        since the bot started. Streams that go on are not among them."""
        ...
