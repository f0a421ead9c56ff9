"""The vocabulary that steps are written in. Handlers see this, `bot.ports`, `bot.kinds` and `bot.errors`.

A step is a value: what it is called, which options it takes, who may run it, and two functions. `plan` says what would
change when that needs a confirmation, `run` does it and ends in a Verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from bot.ports import Cluster, History, Mesh, Progress, Schedules, Traffic, Web


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


def person(user: str) -> str:
    """A person in a verdict's evidence, whom the chat shows by name; anything else that looks like one is mere text."""
    return f"\ue000{user}\ue001"


@dataclass(frozen=True)
class Workshop:
    """What the host has settled: namespaces and base URLs. The same for all steps."""

    mesh_namespace: str = "istio-system"
    app_namespace: str = "bookinfo"
    kiali_url: str = ""
    jaeger_url: str = ""
    grafana_url: str = ""
    app_url: str = ""
    timezone: str = "UTC"
    readiness_timeout: float = 300.0
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """Everything a step may use in one run; `command` is the slash command's name."""

    cluster: Cluster
    mesh: Mesh
    progress: Progress
    web: Web
    traffic: Traffic
    history: History
    schedules: Schedules
    workshop: Workshop
    asker: Asker
    command: str = "/mesh"
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Asker:
    """Who typed, with which role, and who could do more; `unsure` when the chat did not tell everything just now."""

    user: str
    role: Role
    hosts: tuple[str, ...] = ()
    why: str = ""
    unsure: bool = False


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
class Occasion:
    """One slot of a schedule: when it was due (epoch seconds), how many seconds ago that is if the bot was away, and
    `memory`, what the slot before left for this one (empty for the first)."""

    at: float
    late: float = 0.0
    memory: Mapping[str, Any] = field(default_factory=dict)


class Tell(StrEnum):
    """Where the result of a slot is told, beside the schedule's own message, which always shows the last."""

    NOWHERE = "nowhere"
    THREAD = "thread"
    CHANNEL = "channel"
    """In the thread, and shown in the channel as well."""


@dataclass(frozen=True)
class Report:
    """How a slot ended; `memory` is what the next one gets, and `failed` counts it among the failures."""

    verdict: Verdict
    tell: Tell = Tell.NOWHERE
    memory: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Regular:
    """How a step is done again and again; a step without it cannot be scheduled.

    `least` is the shortest time between two slots in seconds, and may depend on the options; `longest`, how many
    seconds a schedule that comes more often than hourly may go on (0: no limit). `late`: a missed slot is made up for
    once. `again`: a slot that died with its process is begun once more. `once` gives the words of the options that make
    it no schedule, such as `start`.
    """

    run: Callable[[Context, Any, Occasion], Awaitable[Report]]
    examples: tuple[str, ...]
    least: Callable[[Any], float]
    longest: float = 0.0
    late: bool = False
    again: bool = False
    once: frozenset[str] = frozenset()
    role: Role = Role.HOST


@dataclass(frozen=True)
class Step:
    """One thing that can be typed after `/mesh`.

    `changes`: it writes to the cluster, so only one runs at a time. `resumable`: safe to run again after a crash.
    `check`: raises UserError at once for options that this release cannot take; asked before anything is shown.
    `recorded`: what it writes through `Context.cluster` is kept beforehand, so that `undo` can take it back.
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
    recorded: bool = True
    plan: Callable[[Context, Any], Awaitable[Plan | None]] | None = None
    check: Callable[[Context, Any], None] | None = None
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    explain: str = ""
    positional: tuple[str, ...] = field(default=())
    regular: Regular | None = None
