"""The vocabulary of the diagnosis: a cause, and a finding, which is a cause with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.kinds import Kind
from bot.text import EMPTY, Text

if TYPE_CHECKING:
    from bot.diagnosis.mesh_state import NamespaceState


EVERYTHING = "*"
"""Stands in `Cause.explains` for all other causes: beside this one they do not matter."""


class CauseKind(StrEnum):
    """Kind of a cause: something is broken, or it looks so and is correct."""

    BROKEN = "broken"
    NORMAL = "normal"


class Subject(StrEnum):
    """Part of the workshop that a cause belongs to."""

    CLUSTER = "cluster"
    APPLICATION = "application"
    SIDECARS = "sidecars"
    EXPOSING = "exposing"
    RULES = "rules"
    SECURITY = "security"
    OBSERVING = "observing"
    AMBIENT = "ambient"


@dataclass(frozen=True)
class Fix:
    """What ends a cause: a command of the bot's, a line for a terminal, or advice in words.

    `command` is without the slash command, e.g. `inject in=bookinfo`; it is what a button types.
    `who` is EMPTY where anybody who may type the command can do it.
    """

    command: str = ""
    line: str = ""
    advice: Text = EMPTY


@dataclass(frozen=True)
class Finding:
    """One cause that holds: what is so in one sentence, and what shows it.

    `objects` names what it is about, as `Kind/name`; findings that share one, or that name none,
    may explain each other. `each` has the names of one thing beside those of the next, where it is
    about several: it is explained when every one of them is.
    """

    sentence: Text
    evidence: tuple[Text, ...]
    fix: Fix = Fix()
    objects: frozenset[str] = frozenset()
    each: tuple[frozenset[str], ...] = ()


Find = Callable[["NamespaceState"], Iterable[Finding]]
"""Yields the findings of one cause. Pure: everything that it needs stands in the state."""


@dataclass(frozen=True)
class Cause:
    """A cause by its id, and how it is found.

    `meaning`, `shown_by` and `mend` are for the documentation, which is in English: what the cause
    is, the evidence that tells it, and what ends it. `steps` are those at which people meet it.
    `explains` are the ids of causes that are mere consequences of it; with `by_object` only where
    their findings are about the same objects. `gravity` orders causes: 0 stops everything, 9
    disturbs a view only. `always` marks a normal cause that is true of a whole mode, not of an
    event, so that nobody has to be told first; `unless_broken` one that only time suggests, and
    that is no news where something is broken. `needs` are the kinds whose absence it would tell
    as a fault: where one could not be read, the cause is not looked for. `source` says where the
    outside facts are from.
    """

    id: str
    subject: Subject
    meaning: str
    shown_by: str
    mend: str
    find: Find
    steps: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    kind: CauseKind = CauseKind.BROKEN
    gravity: int = 5
    by_object: bool = False
    always: bool = False
    unless_broken: bool = False
    needs: tuple[Kind, ...] = ()
    source: str = ""
