"""The vocabulary that steps are written in. Handlers see this, `bot.ports`, `bot.kinds` and
`bot.errors`.

A step is a value: what it is called, which options it takes, who may run it, and two functions.
`plan` says what would change when that needs a confirmation, `run` does it and ends in a Verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from bot.documents import Document
from bot.drawings import LateComparison, Picture
from bot.ports import Cluster, Mesh, Progress, Traffic, Web, wait_for_ever
from bot.records import AuditTrail, History, Schedules
from bot.text import EMPTY, Person, Text, in_context

CONFIRM = in_context("button", "Confirm")
"""The label of the button that lets a plan be carried out, unless the plan has its own."""


class Role(StrEnum):
    """Role that a step needs; each role includes the ones before it."""

    ATTENDEE = "attendee"
    HOST = "host"
    ADMIN = "admin"

    def is_at_least(self, needed: Role) -> bool:
        """Tell whether someone with this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


ROLE_NAMES = {
    Role.ATTENDEE: in_context("role", "attendee"),
    Role.HOST: in_context("role", "host"),
    Role.ADMIN: in_context("role", "admin"),
}
"""The roles as people read them; settings and options keep the English words."""


class Scope(StrEnum):
    """Reach of a step when it changes something."""

    APPLICATION = "application"
    """The application's namespace alone, which may be someone's own."""
    MESH = "mesh"
    """The mesh that everyone shares."""


class State(StrEnum):
    """End state of a step (or, on the board, its present state)."""

    DONE = "done"
    NOT_YET = "not_yet"
    NORMAL = "normal"


@dataclass(frozen=True)
class Link:
    """A place to look; `url` is http(s)."""

    label: Text
    url: str


@dataclass(frozen=True)
class Verdict:
    """Result of a step: what is true now, what was observed, and what to type next.

    `because` is the cause when it is not done, in one sentence that says who has to act. `evidence`
    holds observed facts; `brief` is what an answer shows of them first. `next` holds whole
    commands, the likeliest first; `lines`, command lines for a person's own terminal. `picture`
    shows what the evidence says; `later` does once metrics have come; `document` goes into the
    thread of a run. `forwards`: port-forwards among the lines are what was asked for.
    """

    state: State
    summary: Text
    because: Text = EMPTY
    evidence: tuple[Text, ...] = ()
    links: tuple[Link, ...] = ()
    next: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    notes: tuple[Text, ...] = ()
    picture: Picture | None = None
    later: LateComparison | None = None
    forwards: bool = False
    document: Document | None = None
    brief: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Changes that a step would make, shown before a confirmation.

    `digest` changes when more changes than what is shown. `about` is what the step needs to know
    again when it is carried out, in ids of its own (`Context.confirmed`). `details` are single
    changes of objects, for those who want to see them: they are shown in the question's thread.
    """

    summary: Text
    items: tuple[Text, ...]
    warnings: tuple[Text, ...] = ()
    confirm: Text = CONFIRM
    digest: str = ""
    about: tuple[str, ...] = ()
    details: tuple[Text, ...] = ()


def mark_person(user: str) -> Person:
    """Return a user id marked for a verdict's evidence, so that the chat shows the name.

    Anything else that looks like a mention is mere text.
    """
    return Person(user)


@dataclass(frozen=True)
class Workshop:
    """Settings of the workshop: namespaces and base URLs. The same for all steps.

    `app_namespace` is the application's namespace that a command is about, `shared_namespace` the
    one that is meant where none is named.
    """

    mesh_namespace: str = "istio-system"
    app_namespace: str = "bookinfo"
    shared_namespace: str = "bookinfo"
    kiali_url: str = ""
    jaeger_url: str = ""
    grafana_url: str = ""
    app_url: str = ""
    timezone: str = "UTC"
    readiness_timeout: float = 300.0
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """Everything a step may use in one run; `command` is the slash command's name, `channel` where
    it was given. `confirmed` is what the plan was about that somebody confirmed (`Plan.about`), ()
    without one. `resumed`: the run was begun by a process that is gone, so what is there may be its
    own doing. `wait_for_hindrance` returns when the page is waited for in vain.
    """

    cluster: Cluster
    mesh: Mesh
    progress: Progress
    web: Web
    traffic: Traffic
    history: History
    audit_trail: AuditTrail
    schedules: Schedules
    workshop: Workshop
    caller: Caller
    command: str = "/mesh"
    steps: tuple[Step, ...] = ()
    confirmed: tuple[str, ...] = ()
    resumed: bool = False
    channel: str = ""
    wait_for_hindrance: Callable[[], Awaitable[None]] = wait_for_ever


@dataclass(frozen=True)
class Caller:
    """The person who gave a command, their role, and who could do more.

    `hosts` and `admins` are ids of users and of user groups. `confined`: changes only
    in the namespace `own` ("" when they have none), by the steps `own_steps`. `acts_as`
    is the user as whom the cluster is asked, "" for the bot's own account; `channels`
    are where commands are taken, () for everywhere. `unsure` when the chat did not tell
    everything just now.
    """

    user: str
    role: Role
    hosts: tuple[str, ...] = ()
    why: Text = EMPTY
    admins: tuple[str, ...] = ()
    confined: bool = False
    own: str = ""
    own_steps: tuple[str, ...] = ()
    acts_as: str = ""
    channels: tuple[str, ...] = ()
    unsure: bool = False

    def can_run(self, step: Step) -> bool:
        """Tell whether this person may run that step in some namespace."""
        if self.confined and step.has_side_effects:
            return bool(self.own) and step.id in self.own_steps
        return self.role.is_at_least(step.role)

    def get_role_holders(self, needed: Role) -> tuple[str, ...]:
        """Return who has that role: ids of users and of user groups."""
        return self.admins if needed is Role.ADMIN else self.hosts


@dataclass(frozen=True)
class PersonName:
    """Marks an option that is a person's name.

    A word alone loses a capital that phones put before names; `user=Jason` keeps it.
    """


class Options(BaseModel):
    """Base of every step's options: unknown ones are refused, and `in=NAMESPACE` names the
    application's namespace."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    namespace: Annotated[
        str,
        Field(
            alias="in",
            default="",
            max_length=63,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
        ),
        BeforeValidator(lambda typed: typed.lower() if isinstance(typed, str) else typed),
        Text("the application's namespace"),
    ]


def describe_option(field: FieldInfo) -> Text:
    """Return the description of an option: the Text among its annotations, or EMPTY.

    Written as `Annotated[bool, Field(default=False), Text("show the answer to everyone")]`.
    """
    return next((each for each in field.metadata if isinstance(each, Text)), EMPTY)


class Shared(Options):
    """Options of a step whose answer only the caller sees, unless `share` is set."""

    share: Annotated[bool, Field(default=False), Text("show the answer to the whole channel")]


class StepKind(StrEnum):
    """Kind of a step, by how its result is shown."""

    RUN = "run"
    """One message in the channel that is edited until the verdict; in the ledger."""
    ANSWER = "answer"
    """Only the person who asked sees it; not in the ledger."""
    TOUR = "tour"
    """One message in the channel that leads through the workshop, a step to a page; the engine
    turns the pages."""


Answers = Mapping[str, tuple[str, ...]]
"""What was filled into a form, by the question's name; nothing is an empty tuple."""


@dataclass(frozen=True)
class Question:
    """One input of a form: a text, a whole number, a tick, one of `choices` or some of them.

    `initial` is what stands in it at first; a `needed` one may not be left empty. `longest` in
    characters (0: any); `least` and `most` bound a number, as text, "" when they do not.
    """

    name: str
    label: Text
    hint: Text = EMPTY
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

    `words` makes of the answers what would be typed after the step's name; `faults` tells what is
    wrong with which answer, beyond what the options themselves refuse. Both are pure and quick.
    """

    questions: tuple[Question, ...]
    words: Callable[[Answers], Sequence[str]]
    faults: Callable[[Answers], dict[str, Text]] = field(default=lambda answers: {})


@dataclass(frozen=True)
class SlotContext:
    """One slot of a schedule.

    `at` is when it was due (epoch seconds), `late` how many seconds ago that is if the
    bot was away, and `memory` what the slot before left for this one (empty for the
    first).
    """

    at: float
    late: float = 0.0
    memory: Mapping[str, Any] = field(default_factory=dict)


class ReplyTarget(StrEnum):
    """Place where the result of a slot is posted.

    The schedule's own message always shows the last result besides.
    """

    NOWHERE = "nowhere"
    THREAD = "thread"
    CHANNEL = "channel"
    """In the thread, and shown in the channel as well."""


@dataclass(frozen=True)
class SlotReport:
    """Result of a slot.

    `memory` is what the next slot gets, and `failed` counts it among the failures.
    """

    verdict: Verdict
    tell: ReplyTarget = ReplyTarget.NOWHERE
    memory: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True)
class Recurrence:
    """Rules by which a step is scheduled; a step without them cannot be scheduled.

    `least` is the shortest time between two slots in seconds, and may depend on the
    options; `longest`, how many seconds a schedule that comes more often than hourly
    may go on (0: no limit). `late`: a missed slot is made up for once. `again`: a slot
    that died with its process is begun once more. `once` gives the words of the options
    that make it no schedule, such as `start`.
    """

    run: Callable[[Context, Any, SlotContext], Awaitable[SlotReport]]
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

    `changes`: it writes to the cluster, so only one runs at a time. `resumable`: safe to run again
    after a crash. `check`: raises UserError for options that cannot be meant; asked before anything
    is shown, so that only the one who typed hears of it. It may read the cluster. `scope`: what it
    reaches, if it acts. `recorded`: what it writes through `Context.cluster` is kept beforehand, so
    that `undo` can take it back. `needs`: options that a person must give although they have a
    default; the step's name alone opens its form. `choices`: what may be chosen for an option where
    its type does not say; asks nothing of the cluster. `form`: the questions of its form; without
    one, there is a question for each option. `standing` reads from the cluster what is in force,
    for the form to begin with. `about_runs`: asked in the thread of a run's message, or by a
    shortcut on it, the step is about that run; its options `step` and `namespace` are that run's
    then, unless they are given.
    """

    id: str
    title: Text
    summary: Text
    run: Callable[[Context, Any], Awaitable[Verdict]]
    options: type[Options] = Options
    role: Role = Role.HOST
    shape: StepKind = StepKind.RUN
    changes: bool = False
    scope: Scope = Scope.MESH
    resumable: bool = True
    recorded: bool = True
    plan: Callable[[Context, Any], Awaitable[Plan | None]] | None = None
    check: Callable[[Context, Any], Awaitable[None]] | None = None
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    explain: Text = EMPTY
    positional: tuple[str, ...] = field(default=())
    needs: tuple[str, ...] = ()
    choices: Mapping[str, Callable[[Context], Sequence[str]]] = field(default_factory=dict)
    form: Form | None = None
    standing: Callable[[Context], Awaitable[Answers]] | None = None
    regular: Recurrence | None = None
    about_runs: bool = False

    @property
    def has_side_effects(self) -> bool:
        """Tell whether the step changes the cluster or sends requests to the application."""
        return self.changes or self.scope is Scope.APPLICATION
