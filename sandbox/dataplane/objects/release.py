"""Differences between the releases in what istiod tells proxies, as data: another
release is another row.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.istio.istiod.release import get_istiod_facts


@dataclass(frozen=True)
class Traits:
    """One release's way of routing, as recorded from its istiod unless said otherwise."""

    absolute_domains: bool
    """Virtual hosts answer to the name with a final dot too."""
    chain_names: str
    """The name of a waypoint's filter chain, from port and host."""
    merges_at_waypoints: bool
    """A waypoint uses all VirtualServices of a host, one after the other, and not the oldest alone
    (Istio's source)."""
    without_backends: int
    """The status of an HTTPRoute's rule that has no backendRefs (Istio's source)."""
    retried_statuses: tuple[int, ...]
    """What `retriable-status-codes` of the default retry policy stands for; none since 1.24 (its
    release notes)."""
    ingress_may_use_waypoint: bool
    """Label `istio.io/ingress-use-waypoint` is heeded (Istio's source)."""


_ISTIO_1_23 = Traits(
    absolute_domains=False,
    chain_names="inbound-vip|{port}||{host}-http",
    merges_at_waypoints=False,
    without_backends=500,
    retried_statuses=(503,),
    ingress_may_use_waypoint=False,
)
_ISTIO_1_30 = Traits(
    absolute_domains=True,
    chain_names="inbound-vip|{port}|http|{host}",
    merges_at_waypoints=True,
    without_backends=404,
    retried_statuses=(),
    ingress_may_use_waypoint=True,
)


def get_traits(version: str) -> Traits:
    """Return the traits of a version such as `1.30.3`; what is newer than all that is known
    counts as the newest known.
    """
    return _ISTIO_1_23 if get_istiod_facts(version).release < (1, 30) else _ISTIO_1_30
