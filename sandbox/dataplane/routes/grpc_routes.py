"""GRPCRoutes in the form of HTTPRoutes, as istiod takes them in: a call of a method is a request
for `/SERVICE/METHOD` (1.23.2 and 1.30.3, Istio's source).

A rule without matches is for every request, whether it is gRPC or not.
"""

from __future__ import annotations

from sandbox.cluster.contract import Object

_NO_BACKENDS = {"name": "none", "weight": 0}
"""What a rule without backends leads to: the 500 of one whose backends weigh nothing."""


def get_route_kind(route: Object) -> str:
    """Return the kind that a route was written as."""
    return str(route.get("kind") or "HTTPRoute")


def translate_grpc_route(route: Object) -> Object:
    """Return a GRPCRoute with the rules of an HTTPRoute; its kind stays."""
    spec = route["spec"]
    rules = [_translate_rule(rule) for rule in spec.get("rules") or [{}]]
    return {**route, "kind": "GRPCRoute", "spec": {**spec, "rules": rules}}


def _translate_rule(rule: Object) -> Object:
    matches = [_translate_match(match) for match in rule.get("matches") or [{}]]
    backends = rule.get("backendRefs") or [_NO_BACKENDS]
    return {**rule, "backendRefs": backends, "matches": matches}


def _translate_match(match: Object) -> Object:
    headers = {"headers": match["headers"]} if match.get("headers") else {}
    asked = match.get("method")
    return {**headers, "path": _translate_method(asked) if asked else None}


def _translate_method(asked: Object) -> Object:
    service, method = asked.get("service", ""), asked.get("method", "")
    if asked.get("type") == "RegularExpression":
        value = f"/{service or '[^/]+'}/{method or '.+'}"
        return {"type": "RegularExpression", "value": value}
    if not method:
        return {"type": "PathPrefix", "value": f"/{service}/"}
    if not service:
        return {"type": "RegularExpression", "value": f"/[^/]+/{method}"}
    return {"type": "Exact", "value": f"/{service}/{method}"}
