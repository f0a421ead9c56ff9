"""The vocabulary that steps are written in. Handlers see this module, `bot.kinds` and `bot.errors` of the bot, no more.

A step is a value: what it is called, which options it takes, who may run it, and two functions. `plan` says what would
change when that needs a confirmation, `run` does it and ends in a Verdict.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bot.kinds import Kind, Object


class Role(StrEnum):
    """Who may run a step; each role includes the ones before it."""

    ATTENDEE = "attendee"
    HOST = "host"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """True when someone with this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class State(StrEnum):
    """How a step ended (or, on the board, stands)."""

    DONE = "done"
    NOT_YET = "not_yet"
    NORMAL = "normal"


@dataclass(frozen=True)
class Link:
    """A place to look; `url` is http(s)."""

    label: str
    url: str


@dataclass(frozen=True)
class Verdict:
    """How a step ended: what is true now, what was observed, and what to type next.

    `because` is the cause when it is not done, in one sentence that says whose turn it is. `evidence` holds observed
    facts. `next` holds whole commands, the likeliest first; `lines`, command lines for a person's own terminal.
    """

    state: State
    summary: str
    because: str = ""
    evidence: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    next: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What would be done, shown before a confirmation. `digest` changes when what would be done changes."""

    summary: str
    items: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    confirm: str = "Confirm"
    digest: str = ""


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

    async def allowed(self, verb: str, kind: Kind, namespace: str = "") -> bool:
        """What a SelfSubjectAccessReview says."""
        ...

    def follow(self, namespace: str, *kinds: Kind) -> AbstractAsyncContextManager[View]:
        """List and watch these kinds in one namespace for as long as the context lasts."""
        ...


class Output(NamedTuple):
    """One line that a program printed, and on which stream."""

    stream: str
    line: str


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

    def gateway_api(self) -> list[Object]:
        """The Gateway API CRDs (and what comes with them) that fit this release; UserError when none are at hand."""
        ...


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


@dataclass(frozen=True)
class Workshop:
    """What the host has settled: namespaces and base URLs. The same for all steps."""

    mesh_namespace: str = "istio-system"
    app_namespace: str = "bookinfo"
    kiali_url: str = ""
    jaeger_url: str = ""
    grafana_url: str = ""
    app_url: str = ""
    readiness_timeout: float = 300.0
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """Everything a step may use in one run; `command` is the slash command's name."""

    cluster: Cluster
    mesh: Mesh
    progress: Progress
    workshop: Workshop
    asker: Asker
    command: str = "/mesh"
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Asker:
    """Who typed, with which role, and who could do more."""

    user: str
    role: Role
    hosts: tuple[str, ...] = ()
    why: str = ""


class Options(BaseModel):
    """Base of every step's options: unknown ones are refused, and `in=NAMESPACE` names the application's namespace."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    namespace: Annotated[
        str,
        Field(
            alias="in",
            default="",
            max_length=63,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
            description="the application's namespace",
        ),
    ]


class Shared(Options):
    """Options of a step that answers only the one who asked, unless told to share."""

    share: Annotated[bool, Field(default=False, description="show the answer to the whole channel")]


class Shape(StrEnum):
    """How an answer is given."""

    RUN = "run"
    """One message in the channel that is edited until the verdict; in the ledger."""
    ANSWER = "answer"
    """Only the person who asked sees it; not in the ledger."""


@dataclass(frozen=True)
class Step:
    """One thing that can be typed after `/mesh`.

    `changes`: it writes to the cluster, so only one runs at a time. `resumable`: safe to run again after a crash.
    """

    id: str
    title: str
    summary: str
    run: Callable[[Context, Any], Awaitable[Verdict]]
    options: type[Options] = Options
    role: Role = Role.HOST
    shape: Shape = Shape.RUN
    changes: bool = False
    resumable: bool = True
    plan: Callable[[Context, Any], Awaitable[Plan | None]] | None = None
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    explain: str = ""
    positional: tuple[str, ...] = field(default=())
