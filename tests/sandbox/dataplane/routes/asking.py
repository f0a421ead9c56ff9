"""Requests of productpage to reviews, with rules in force: the stage of the tests of rules and actions."""

from __future__ import annotations

from typing import Any

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.decision import Decision, ProxyRequest, route_request

from .stages import bookinfo, istio_object, sidecar, world_of

PAGE = sidecar("productpage")
FULL = "reviews.bookinfo.svc.cluster.local"
SUBSETS = [{"name": "v2", "labels": {"version": "v2"}}]


def with_rules(*objects: Object, version: str = "1.30.3") -> World:
    """Bookinfo and these."""
    return world_of(version, [*bookinfo(version), *objects])


def service(spec: Object, **meta: Any) -> Object:
    """A VirtualService for reviews, unless the spec says otherwise."""
    return istio_object("VirtualService", "reviews", {"hosts": ["reviews"], **spec}, **meta)


def only(condition: Object) -> Object:
    """Requests that fit go to details, others nowhere."""
    return service(
        {"http": [{"match": [condition], "route": [{"destination": {"host": "details"}}]}]}
    )


def ask(world: World, path: str = "/reviews/0", method: str = "GET", **headers: str) -> Decision:
    """One request of productpage to reviews."""
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return route_request(world, PAGE, ProxyRequest("reviews", 9080, method, path, named))
