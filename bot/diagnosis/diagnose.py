"""Finding the causes that hold, the gravest first, without what another one explains."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from bot.diagnosis.cause import EVERYTHING, Cause, CauseKind, Finding
from bot.diagnosis.cause_list import CAUSES
from bot.diagnosis.mesh_state import NamespaceState, PageProbe, Unread
from bot.text import Text, verbatim

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NamedCause:
    """A cause that holds, with all its findings."""

    cause: Cause
    findings: tuple[Finding, ...]


STARTING = frozenset({"pod-starting", "reviews-starting", "image-pull-slow"})
"""Causes of pods that do not run yet, and of which nobody knows yet whether they will."""


@dataclass(frozen=True)
class Diagnosis:
    """What holds for a namespace: what is broken, the gravest first, and what is normal.

    `unread` is what could not be looked at, which counts as neither. `page` is the answer to a
    request for the page, None where none was asked for.
    """

    broken: tuple[NamedCause, ...]
    normal: tuple[NamedCause, ...]
    unread: tuple[Unread, ...] = ()
    page: PageProbe | None = None

    @property
    def is_page_unexplained(self) -> bool:
        """True when the page is not whole, and no cause is known."""
        told = {named.cause.id for named in self.normal if not named.cause.always}
        failed = self.page is not None and self.page.failed is not None
        return failed and not self.broken and not told

    @property
    def is_page_starting(self) -> bool:
        """True when the page is not whole and pods start: whether that is all shows then."""
        failed = self.page is not None and self.page.failed is not None
        starting = any(named.cause.id in STARTING for named in self.normal)
        return failed and not self.broken and starting

    @property
    def is_healthy(self) -> bool:
        """True when nothing is broken, all was looked at, and the page is whole where asked."""
        unsure = self.unread or self.is_page_unexplained or self.is_page_starting
        return not self.broken and not unsure


def diagnose(state: NamespaceState, causes: Sequence[Cause] = CAUSES) -> Diagnosis:
    """Return the causes that hold for a namespace, roots only."""
    unread = list(state.cluster.unread.values())
    found = []
    for cause in causes:
        if any(state.cluster.is_unread(kind) for kind in cause.needs):
            continue
        try:
            findings = tuple(cause.find(state))
        except Exception as problem:
            # An object of a shape that nobody foresaw must not hide the causes beside it.
            log.exception("cause %s could not be looked for", cause.id)
            why = verbatim(type(problem).__name__)
            unread.append(Unread(Text("cause {id}", id=cause.id), why))
            continue
        if findings:
            found.append(NamedCause(cause, findings))
    roots = leave_out_consequences(found)
    step = state.activity.step
    ordered = sorted(roots, key=lambda named: (step not in named.cause.steps, named.cause.gravity))
    broken = tuple(n for n in ordered if n.cause.kind is CauseKind.BROKEN)
    normal = (n for n in ordered if n.cause.kind is CauseKind.NORMAL)
    return Diagnosis(
        broken,
        tuple(n for n in normal if not (broken and n.cause.unless_broken)),
        tuple(unread),
        state.page,
    )


def leave_out_consequences(found: Sequence[NamedCause]) -> list[NamedCause]:
    """Return the causes with those of their findings that no other cause explains."""
    roots = []
    for named in found:
        left = tuple(f for f in named.findings if not is_explained(named.cause, f, found))
        if left:
            roots.append(NamedCause(named.cause, left))
    return roots


def is_explained(cause: Cause, finding: Finding, found: Sequence[NamedCause]) -> bool:
    """Tell whether other causes that hold explain a finding, all that it is about.

    Of two that would explain each other the graver one stands, so that never both are left out.
    """
    things = finding.each or (finding.objects,)
    others = [other for other in found if not is_outweighed(other, cause, finding)]
    return all(any(explains(other, cause, names) for other in others) for names in things)


def is_outweighed(other: NamedCause, cause: Cause, finding: Finding) -> bool:
    """Tell whether a cause explains another one that holds, and is the graver of the two."""
    mine = NamedCause(cause, (finding,))
    mutual = any(explains(mine, other.cause, each.objects) for each in other.findings)
    return mutual and (cause.gravity, cause.id) < (other.cause.gravity, other.cause.id)


def explains(other: NamedCause, cause: Cause, names: frozenset[str]) -> bool:
    """Tell whether one cause explains another one's finding about a thing of these names."""
    if other.cause is cause or not {cause.id, EVERYTHING} & set(other.cause.explains):
        return False
    return not other.cause.by_object or any(
        share_object(names, finding.objects) for finding in other.findings
    )


def share_object(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether two findings are about the same object, or one is about none in particular."""
    return not one or not other or bool(one & other)
