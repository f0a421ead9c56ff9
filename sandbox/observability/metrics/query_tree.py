"""A PromQL query as a tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sandbox.observability.metrics.store import Matcher

Moment = float | Literal["start", "end"]
"""A fixed moment (epoch seconds), or the first or last one of a range query."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Text:
    """A constant string."""

    value: str
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Selector:
    """Series; with `seconds` their samples of that long, `offset` seconds before now or `at`."""

    matchers: tuple[Matcher, ...]
    seconds: float = 0.0
    offset: float = 0.0
    at: Moment | None = None
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Subquery:
    """The values of a query during so many `seconds`, every `step` seconds (0: the default)."""

    argument: Node
    seconds: float
    step: float = 0.0
    offset: float = 0.0
    at: Moment | None = None
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of its arguments."""

    function: str
    arguments: tuple[Node, ...]
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Aggregation:
    """Many series to few: grouped `by` these labels, or by all `without` them; `parameter` is the
    first argument of those that have two."""

    operator: str
    argument: Node
    labels: tuple[str, ...] = ()
    without: bool = False
    parameter: Node | None = None
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """Two sides and what is between; `boolean` turns a comparison into 0 and 1; `on` and `ignoring`
    match labels. `group` is the side that may have many series for one of the other, `included` the
    labels that the one gives the many."""

    operator: str
    left: Node
    right: Node
    boolean: bool = False
    labels: tuple[str, ...] | None = None
    ignoring: bool = False
    group: Literal["", "left", "right"] = ""
    included: tuple[str, ...] = ()
    place: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Negation:
    """A sign before a number or a vector."""

    argument: Node
    place: int = field(default=0, compare=False)


Node = Number | Text | Selector | Subquery | Call | Aggregation | Binary | Negation
