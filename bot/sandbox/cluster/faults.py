"""Ways to hurt the API server on purpose: refusals, slowness and dropped connections, for chosen requests and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.sandbox.cluster.contract import ApiError
from bot.sandbox.cluster.kinds import Kind
from bot.sandbox.cluster.operations import USER
from bot.sandbox.cluster.refusals import conflict, internal, unauthorized_verb, unavailable

Effect = Literal["forbid", "conflict", "throttle", "error", "unavailable", "drop", "slow"]


@dataclass
class Fault:
    """What happens to requests over HTTP that match; "" matches all.

    `verb` is Kubernetes' word (get, list, watch, create, update, patch, delete, deletecollection), `resource` the
    plural name, with a subresource as `pods/log`. `times` counts down (None: for ever). `seconds` of wall time say how
    slow, or are the Retry-After of `throttle`.
    """

    effect: Effect
    verb: str = ""
    resource: str = ""
    namespace: str = ""
    times: int | None = None
    seconds: float = 1.0

    def hits(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether it is for this request."""
        pairs = ((self.verb, verb), (self.resource, resource), (self.namespace, namespace))
        return self.times != 0 and all(wanted in ("", found) for wanted, found in pairs)


class Faults:
    """The faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Puts a fault in force; the same value removes it."""
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Ends one fault."""
        self._faults = [each for each in self._faults if each is not fault]

    def clear(self) -> None:
        """Ends all."""
        self._faults.clear()

    def take(self, verb: str, resource: str, namespace: str) -> list[Fault]:
        """The faults that this request meets; counts them down."""
        found = [each for each in self._faults if each.hits(verb, resource, namespace)]
        for each in found:
            if each.times is not None:
                each.times -= 1
        return found

    def forbids(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether such a request would be forbidden (for SelfSubjectAccessReview; counts nothing down).

        `*` asks for all verbs or resources: it is forbidden when any of them is.
        """
        return any(
            each.hits(each.verb if verb == "*" else verb, each.resource if resource == "*" else resource, namespace)
            for each in self._faults
            if each.effect == "forbid"
        )


def refusal(fault: Fault, kind: Kind, name: str, namespace: str, verb: str) -> ApiError:
    """The answer of a fault that refuses."""
    if fault.effect == "forbid":
        return unauthorized_verb(kind, name, namespace, user=USER, verb=verb)
    if fault.effect == "conflict":
        return conflict(kind, name)
    if fault.effect == "throttle":
        details = {"retryAfterSeconds": int(fault.seconds)}
        return ApiError(429, "TooManyRequests", "too many requests, please try again later", details)
    if fault.effect == "unavailable":
        return unavailable("the server is currently unable to handle the request")
    return internal("etcdserver: request timed out")
