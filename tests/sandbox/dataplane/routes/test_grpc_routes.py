"""GRPCRoutes steer requests for `/SERVICE/METHOD`, as istiod translates them for its proxies."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Object

from .stages import bookinfo, grpc_route, http_route, samples, with_slices, world_of
from .test_decisions import PAGE, asked, pods

_PARENT: Object = {"group": "", "kind": "Service", "name": "reviews", "port": 9080}


def rule(version: str, *matches: Object) -> Object:
    """A rule that leads to one version."""
    backend = {"name": f"reviews-{version}", "port": 9080}
    return {"backendRefs": [backend], **({"matches": list(matches)} if matches else {})}


def routed(path: str, *routes: Object, user: str = "") -> set[str]:
    """The pods that a request for a path may reach from a sidecar."""
    versions = samples("1.30.3", "platform/kube/bookinfo-versions")
    objects = with_slices([*bookinfo("1.30.3"), *versions, *routes])
    return pods(asked(world_of("1.30.3", objects), PAGE, path=path, user=user))


@pytest.mark.parametrize(
    ("method", "yes", "no"),
    [
        ({"service": "a.B", "method": "C"}, "/a.B/C", "/a.B/D"),
        ({"service": "a.B"}, "/a.B/D", "/a.Bee/D"),
        ({"method": "C"}, "/x.Y/C", "/x.Y/Z"),
        ({"type": "RegularExpression", "service": "a.+"}, "/abc/D", "/b/D"),
        ({"type": "RegularExpression", "method": "C[0-9]"}, "/x/C1", "/x/Cx"),
    ],
)
def test_methods_are_paths(method: Object, yes: str, no: str) -> None:
    """A method's requests go where the rule says, others to the next rule."""
    spec = {"parentRefs": [_PARENT], "rules": [rule("v2", {"method": method}), rule("v1")]}
    assert routed(yes, grpc_route("r", spec)) == {"reviews-v2"}
    assert routed(no, grpc_route("r", spec)) == {"reviews-v1"}


def test_headers_count_too() -> None:
    """A rule may look at headers alone."""
    match = {"headers": [{"name": "end-user", "value": "jason"}]}
    spec = {"parentRefs": [_PARENT], "rules": [rule("v2", match), rule("v1")]}
    assert routed("/reviews/0", grpc_route("r", spec), user="jason") == {"reviews-v2"}
    assert routed("/reviews/0", grpc_route("r", spec)) == {"reviews-v1"}


def test_one_without_matches_takes_plain_http_too() -> None:
    """A GRPCRoute without matches is for every request to its Service."""
    spec = {"parentRefs": [_PARENT], "rules": [rule("v3")]}
    assert routed("/reviews/0", grpc_route("r", spec)) == {"reviews-v3"}


def test_it_stands_beside_an_http_route_of_its_name() -> None:
    """Both kinds are in force for one Service; the more specific path wins."""
    grpc = {"parentRefs": [_PARENT], "rules": [rule("v2", {"method": {"service": "a.B"}})]}
    http = {"parentRefs": [_PARENT], "rules": [rule("v1")]}
    both = grpc_route("r", grpc), http_route("r", http)
    assert routed("/a.B/C", *both) == {"reviews-v2"}
    assert routed("/reviews/0", *both) == {"reviews-v1"}


def test_one_without_backends_answers_500() -> None:
    """Unlike an HTTPRoute's rule of some releases, it is an error of its own."""
    spec = {"parentRefs": [_PARENT], "rules": [{}]}
    objects = with_slices([*bookinfo("1.30.3"), grpc_route("r", spec)])
    assert asked(world_of("1.30.3", objects), PAGE).status == 500
