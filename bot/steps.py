"""The vocabulary that steps are written in. Handlers see this, `bot.ports`, `bot.kinds` and `bot.errors`.

A step is a value: what it is called, which options it takes, who may run it, and two functions. `plan` says what would
change when that needs a confirmation, `run` does it and ends in a Verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.drawings import Picture
from bot.ports import Cluster, Mesh, Progress, Traffic, Web
from bot.records import History, Schedules, Trail


class Role(StrEnum):
    """Who may run a step; each role includes the ones before it."""

    ATTENDEE = "attendee"
    HOST = "host"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """True when someone with this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Scope(StrEnum):
    """What a step reaches when it changes something."""

    APPLICATION = "application"
    """The application's namespace alone, which may be someone's own."""
    MESH = "mesh"
    """The mesh that everyone shares."""


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
    `picture` shows what the evidence tells.
    """

    state: State
    summary: str
    because: str = ""
    evidence: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    next: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    picture: Picture | None = None


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
    trail: Trail
    schedules: Schedules
    workshop: Workshop
    asker: Asker
    command: str = "/mesh"
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Asker:
    """Who typed, with which role, and who could do more (`hosts`, `admins`: ids of users and of user groups).

    `confined`: changes only in the namespace `own` ("" when they have none), by the steps `own_steps`. `acts_as` is the
    user as whom the cluster is asked, "" for the bot's own account; `channels` are where commands are taken, () for
    everywhere. `unsure` when the chat did not tell everything just now.
    """

    user: str
    role: Role
    hosts: tuple[str, ...] = ()
    why: str = ""
    admins: tuple[str, ...] = ()
    confined: bool = False
    own: str = ""
    own_steps: tuple[str, ...] = ()
    acts_as: str = ""
    channels: tuple[str, ...] = ()
    unsure: bool = False

    def may(self, step: Step) -> bool:
        """True when they may run that step somewhere."""
        if self.confined and step.acts:
            return bool(self.own) and step.id in self.own_steps
        return self.role.covers(step.role)

    def helpers(self, needed: Role) -> tuple[str, ...]:
        """Who has that role: ids of users and of user groups."""
        return self.admins if needed is Role.ADMIN else self.hosts


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
    TOUR = "tour"
    """One message in the channel that leads through the workshop, a step to a page; the engine turns the pages."""


Answers = Mapping[str, tuple[str, ...]]
"""What was filled into a form, by the question's name; nothing is an empty tuple."""


@dataclass(frozen=True)
class Question:
    """One input of a form: a text, a whole number, a tick, one of `choices` or some of them.

    `initial` is what stands in it at first; a `needed` one may not be left empty. `longest` in characters (0: any);
    `least` and `most` bound a number, as text, "" when they do not.
    """

    name: str
    label: str
    hint: str = ""
    kind: Literal["text", "number", "tick", "one", "some"] = "text"
    choices: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    needed: bool = False
    longest: int = 0
    least: str = ""
    most: str = ""


@dataclass(frozen=True)
class Form:
    """Questions that are not a step's options one by one.

    `words` makes of the answers what would be typed after the step's name; `faults` tells what is wrong with which
    answer, beyond what the options themselves refuse. Both are pure and quick.
    """

    questions: tuple[Question, ...]
    words: Callable[[Answers], Sequence[str]]
    faults: Callable[[Answers], dict[str, str]] = field(default=lambda answers: {})


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
    `scope`: what it reaches, if it acts. `recorded`: what it writes through `Context.cluster` is kept beforehand, so
    that `undo` can take it back.
    `needs`: options that a person must give although they have a default; the step's name alone opens its form.
    `choices`: what may be chosen for an option where its type does not say; asks nothing of the cluster.
    `form`: the questions of its form; without one, there is a question for each option. `standing` reads from the
    cluster what is in force, for the form to begin with.
    """

    id: str
    title: str
    summary: str
    run: Callable[[Context, Any], Awaitable[Verdict]]
    options: type[Options] = Options
    role: Role = Role.HOST
    shape: Shape = Shape.RUN
    changes: bool = False
    scope: Scope = Scope.MESH
    resumable: bool = True
    recorded: bool = True
    plan: Callable[[Context, Any], Awaitable[Plan | None]] | None = None
    check: Callable[[Context, Any], None] | None = None
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    explain: str = ""
    positional: tuple[str, ...] = field(default=())
    needs: tuple[str, ...] = ()
    choices: Mapping[str, Callable[[Context], Sequence[str]]] = field(default_factory=dict)
    form: Form | None = None
    standing: Callable[[Context], Awaitable[Answers]] | None = None
    regular: Regular | None = None

    @property
    def acts(self) -> bool:
        """True when it does more than look: it changes the cluster, or sends requests to the application."""
        return self.changes or self.scope is Scope.APPLICATION
