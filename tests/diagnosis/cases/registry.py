"""Cases of causes: one change of a healthy cluster, and what the diagnosis has to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.diagnosis.cluster import Cluster, Mode

Change = Callable[[Cluster], None]


@dataclass(frozen=True)
class Case:
    """A change that produces a cause, or one that is near it and does not.

    `instead` is the broken cause that holds in the place of one that is not to be named; "" where
    nothing is broken.
    """

    cause: str
    change: Change
    mode: Mode
    instead: str = ""

    def __str__(self) -> str:
        return f"{self.cause}-{self.change.__name__}-{self.mode}"

    def build(self) -> Cluster:
        """The cluster with the change made."""
        cluster = Cluster(self.mode)
        self.change(cluster)
        return cluster


class Cases:
    """The cases of one subject."""

    def __init__(self) -> None:
        self.named: list[Case] = []
        self.near: list[Case] = []

    def names(self, cause: str, mode: Mode = Mode.SIDECARS) -> Callable[[Change], Change]:
        """Marks a change that produces a cause."""

        def note(change: Change) -> Change:
            self.named.append(Case(cause, change, mode))
            return change

        return note

    def spares(
        self, cause: str, mode: Mode = Mode.SIDECARS, *, instead: str = ""
    ) -> Callable[[Change], Change]:
        """Marks a change that is near a cause and is not it."""

        def note(change: Change) -> Change:
            self.near.append(Case(cause, change, mode, instead))
            return change

        return note
