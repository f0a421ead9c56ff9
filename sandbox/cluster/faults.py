"""Fault injection for the API server: refusals, slowness and dropped connections.

Each fault is for chosen requests and a number of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.cluster.api_refusals import (
    conflict_error,
    internal_error,
    rbac_forbidden_error,
    service_unavailable_error,
)
from sandbox.cluster.contract import ApiError
from sandbox.cluster.kinds import Kind
from sandbox.cluster.operations import USER

Effect = Literal["forbid", "conflict", "throttle", "error", "unavailable", "drop", "slow"]


@dataclass
class ApiFault:
    """One fault for the HTTP requests that match; "" matches all.

    `verb` is Kubernetes' word (get, list, watch, create, update, patch, delete,
    deletecollection), `resource` the plural name, with a subresource as `pods/log`. `times`
    counts down (None: for ever). `seconds` of wall time say how slow, or are the
    Retry-After of `throttle`.
    """

    effect: Effect
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    times: int | None = None
    seconds: float = 1.0

    def matches_request(self, verb: str, resource: str, namespace: str) -> bool:
        """Tell whether the fault is for this request."""
        pairs = ((self.verb, verb), (self.resource, resource), (self.namespace, namespace))
        return self.times != 0 and all(wanted in ("", found) for wanted, found in pairs)


class ApiFaults:
    """The faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[ApiFault] = []

    def add(self, fault: ApiFault) -> ApiFault:
        """Put a fault in force and return it; the same value removes it."""
        self._faults.append(fault)
        return fault

    def remove(self, fault: ApiFault) -> None:
        """End one fault."""
        self._faults = [each for each in self._faults if each is not fault]

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    def take_matching(self, verb: str, resource: str, namespace: str) -> list[ApiFault]:
        """Return the faults that this request meets, and count them down."""
        found = [each for each in self._faults if each.matches_request(verb, resource, namespace)]
        for each in found:
            if each.times is not None:
                each.times -= 1
        return found

    def is_forbidden(self, verb: str, resource: str, namespace: str) -> bool:
        """Tell whether such a request would be forbidden, without counting a fault down.

        This is for SelfSubjectAccessReview. `*` asks for all verbs or resources: it is
        forbidden when any of them is.
        """
        return any(
            each.matches_request(
                each.verb if verb == "*" else verb,
                each.resource if resource == "*" else resource,
                namespace,
            )
            for each in self._faults
            if each.effect == "forbid"
        )


def build_fault_error(
    fault: ApiFault, kind: Kind, name: str, namespace: str, verb: str
) -> ApiError:
    """Return the error that a fault answers with."""
    if fault.effect == "forbid":
        return rbac_forbidden_error(kind, name, namespace, user=USER, verb=verb)
    if fault.effect == "conflict":
        return conflict_error(kind, name)
    if fault.effect == "throttle":
        details = {"retryAfterSeconds": int(fault.seconds)}
        return ApiError(
            429, "TooManyRequests", "too many requests, please try again later", details
        )
    if fault.effect == "unavailable":
        return service_unavailable_error("the server is currently unable to handle the request")
    return internal_error("etcdserver: request timed out")
