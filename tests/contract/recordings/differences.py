"""Where a run may differ from the recorded one, each with its reason. Everything else must be the
same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.contract.recordings.recorded import Facets, State


@dataclass(frozen=True)
class Difference:
    """One deviation: at a step, of an object (or a stream), in one respect."""

    step: int
    what: str
    facet: str
    recorded: Any
    found: Any

    def __str__(self) -> str:
        return (
            f"step {self.step}: {self.what} [{self.facet}]\n    recorded {self.recorded!r}\n    "
            f"found    {self.found!r}"
        )


@dataclass(frozen=True)
class Allowed:
    """A deviation that is right: why, where, and from which step to which."""

    reason: str
    what: str
    facet: str = ".*"
    steps: tuple[int, int] = (1, 99)
    release: str = ".*"

    def covers(self, difference: Difference, release: str) -> bool:
        """Whether this is that deviation."""
        first, last = self.steps
        return (
            first <= difference.step <= last
            and re.fullmatch(self.what, difference.what) is not None
            and re.fullmatch(self.facet, difference.facet) is not None
            and re.fullmatch(self.release, release) is not None
        )


_LEADER = (
    "an istiod that has just started leads only after a lease of up to 30 s; the recording caught "
    "the moments before, "
    "here time runs faster"
)
_LATER = r"(?!1\.(30\.3|23\.2|32-alpha)$).*"
_DEVELOPED = r"(?!1\.(30\.3|23\.2)$).*"
_ADDONS = "a later release's samples bring later addons"
_PARTING = (
    "istiod loses its configuration while it is uninstalled; what it still renders then is a race"
)

ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        "nothing type-checks an admission policy's expressions here, so nobody writes its status",
        what="admissionregistration.k8s.io/ValidatingAdmissionPolicy .*",
        facet="managers",
    ),
    Allowed(
        "there is no disruption controller here, so nobody writes a budget's status",
        what="policy/PodDisruptionBudget .*",
        facet="managers",
    ),
    Allowed(
        "which of two components that are installed side by side is ready first is a matter of "
        "milliseconds",
        what="stderr",
        facet="order",
        steps=(32, 33),
    ),
    Allowed(
        _LEADER, what=".*GatewayClass istio-waypoint", facet="conditions|managers", steps=(32, 36)
    ),
    Allowed(_LEADER, what=".*HTTPRoute bookinfo/bookinfo", facet="parents", steps=(32, 36)),
    Allowed(_LEADER, what=".* bookinfo/bookinfo-gateway-istio.*", facet="labels", steps=(32, 36)),
    Allowed(
        _LEADER,
        what="apps/ReplicaSet bookinfo/bookinfo-gateway-istio-…",
        facet="count",
        steps=(32, 46),
    ),
    Allowed(
        _PARTING,
        what=".* bookinfo/bookinfo-gateway-istio.*",
        facet="images|count|conditions",
        steps=(43, 46),
    ),
    Allowed(
        _ADDONS,
        what=".* (istio-system/)?(grafana|jaeger|kiali|prometheus).*",
        facet=".*",
        release=_LATER,
    ),
    Allowed(
        "how the program was built is not a fact of the release",
        what="stdout",
        steps=(1, 1),
        release=_DEVELOPED,
    ),
    Allowed(
        "on a busy machine what is waited for may be told a line earlier or later",
        what="stderr",
        facet="order",
    ),
    Allowed(
        "later releases say of a Gateway whether its references resolve",
        what=".*/Gateway .*",
        facet="conditions",
        release=_LATER,
    ),
    Allowed(
        "later releases name the newest condition until the waypoint is programmed",
        what="stdout",
        steps=(40, 40),
        release=_LATER,
    ),
    Allowed(_LEADER, what="stdout", facet="state", steps=(39, 39)),
    Allowed(_LEADER, what="stdout", facet="lines", steps=(40, 40), release="1.32-alpha"),
)
"""The one list of what may differ."""


def find_reason(difference: Difference, release: str) -> str:
    """Why a deviation is right; empty when it is on nobody's list."""
    return next((each.reason for each in ALLOWED if each.covers(difference, release)), "")


def between(step: int, recorded: State, found: State) -> Iterator[Difference]:
    """Every deviation of one state from the other."""
    for key in sorted(recorded.keys() | found.keys()):
        if key not in found or key not in recorded:
            yield Difference(
                step, key, "presence", recorded.get(key, "absent"), found.get(key, "absent")
            )
            continue
        (count, facets), (others, theirs) = recorded[key], found[key]
        if count != others:
            yield Difference(step, key, "count", count, others)
        yield from _facets(step, key, facets, theirs)


def _facets(step: int, key: str, facets: Facets, theirs: Facets) -> Iterator[Difference]:
    for name in sorted(facets.keys() | theirs.keys()):
        one, other = facets.get(name) or None, theirs.get(name) or None
        if not _same(one, other):
            yield Difference(step, key, name, one, other)


def _same(recorded: Any, found: Any) -> bool:
    """Equality; a recorded text that ends in `…` was cut there."""
    if isinstance(recorded, str) and isinstance(found, str) and recorded.endswith("…"):
        return found.startswith(recorded[:-1])
    if isinstance(recorded, dict) and isinstance(found, dict):
        return recorded.keys() == found.keys() and all(
            _same(recorded[k], found[k]) for k in recorded
        )
    if isinstance(recorded, list) and isinstance(found, list):
        return len(recorded) == len(found) and all(map(_same, recorded, found))
    return bool(recorded == found)
