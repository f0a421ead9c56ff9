"""Routing for Bookinfo: Istio's own rules (`networking/`) and the Gateway API's (`gateway-
api/`)."""

from __future__ import annotations

from sandbox.istio.samples.parts import Object, build_metadata
from sandbox.releases.release import SampleTraits

_PORT = 9080
_ISTIO = "networking.istio.io/v1"
_USER = "jason"
"""The test user of the upstream samples."""
_SUBSETS = {
    "productpage": ("v1",),
    "reviews": ("v1", "v2", "v3"),
    "ratings": ("v1", "v2", "v2-mysql", "v2-mysql-vm"),
    "details": ("v1", "v2"),
}
_PAGES = (
    ("Exact", "/productpage"),
    ("PathPrefix", "/static"),
    ("Exact", "/login"),
    ("Exact", "/logout"),
    ("PathPrefix", "/api/v1/products"),
)


def build_istio_routing() -> dict[str, list[Object]]:
    """Build VirtualServices, DestinationRules and Gateways, by the name of their file."""
    split = _build_virtual_service("reviews", [_build_weighted_routes("reviews", v1=90, v2=10)])
    return {
        "bookinfo-gateway": _build_istio_gateway(),
        "destination-rule-all": [_build_destination_rule(app) for app in _SUBSETS],
        "destination-rule-reviews": [_build_destination_rule("reviews", policy=True)],
        "virtual-service-all-v1": [
            _build_virtual_service(app, [_build_weighted_routes(app, v1=0)]) for app in _SUBSETS
        ],
        "virtual-service-reviews-test-v2": [
            _build_user_route("reviews", _build_weighted_routes("reviews", v2=0))
        ],
        "virtual-service-ratings-test-abort": [
            _build_user_route(
                "ratings", _build_weighted_routes("ratings", v1=0), abort={"httpStatus": 500}
            )
        ],
        "virtual-service-ratings-test-delay": [
            _build_user_route(
                "ratings", _build_weighted_routes("ratings", v1=0), delay={"fixedDelay": "7s"}
            )
        ],
        "virtual-service-reviews-90-10": [split],
        "virtual-service-reviews-80-20": [
            _build_virtual_service("reviews", [_build_weighted_routes("reviews", v1=80, v2=20)])
        ],
        "virtual-service-reviews-50-v3": [
            _build_virtual_service("reviews", [_build_weighted_routes("reviews", v1=50, v3=50)])
        ],
        "virtual-service-reviews-v2-v3": [
            _build_virtual_service("reviews", [_build_weighted_routes("reviews", v2=50, v3=50)])
        ],
        "virtual-service-reviews-v3": [
            _build_virtual_service("reviews", [_build_weighted_routes("reviews", v3=0)])
        ],
    }


def build_gateway_api_routing(release: SampleTraits) -> dict[str, list[Object]]:
    """Build the Gateway with its route, and routes of the mesh, by the name of their file."""
    api = release.gateway_api
    every = [
        _build_mesh_route(api, app, **{f"{app}-v1": 0})
        for app in ("reviews", "productpage", "ratings", "details")
    ]
    return {
        "bookinfo-gateway": _build_gateway(api),
        "route-all-v1": every,
        "route-reviews-v1": [_build_mesh_route(api, "reviews", **{"reviews-v1": 0})],
        "route-reviews-90-10": [
            _build_mesh_route(api, "reviews", **{"reviews-v1": 90, "reviews-v2": 10})
        ],
        "route-reviews-50-v3": [
            _build_mesh_route(api, "reviews", **{"reviews-v1": 50, "reviews-v3": 50})
        ],
        "route-reviews-v3": [_build_mesh_route(api, "reviews", **{"reviews-v3": 0})],
    }


def _build_networking_object(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": _ISTIO, "kind": kind, "metadata": build_metadata(name), "spec": spec}


def _build_destination_rule(app: str, *, policy: bool = False) -> Object:
    subsets = [{"name": subset, "labels": {"version": subset}} for subset in _SUBSETS[app]]
    balancing = {"trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}} if policy else {}
    return _build_networking_object(
        "DestinationRule", app, {"host": app, **balancing, "subsets": subsets}
    )


def _build_weighted_routes(app: str, **weights: int) -> Object:
    """Build a rule that leads to subsets; weight 0 leaves the weight out."""
    return {
        "route": [
            {
                "destination": {"host": app, "subset": subset},
                **({"weight": weight} if weight else {}),
            }
            for subset, weight in weights.items()
        ]
    }


def _build_virtual_service(app: str, rules: list[Object]) -> Object:
    return _build_networking_object("VirtualService", app, {"hosts": [app], "http": rules})


def _build_user_route(app: str, routes: Object, **fault: Object) -> Object:
    """Build a VirtualService with these routes for the test user, with or without a fault.

    All other requests go to version v1.
    """
    match = {"match": [{"headers": {"end-user": {"exact": _USER}}}]}
    faulty = (
        {"fault": {kind: {"percentage": {"value": 100.0}, **how} for kind, how in fault.items()}}
        if fault
        else {}
    )
    return _build_virtual_service(
        app, [{**match, **faulty, **routes}, _build_weighted_routes(app, v1=0)]
    )


def _build_istio_gateway() -> list[Object]:
    server = {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    gateway = _build_networking_object(
        "Gateway",
        "bookinfo-gateway",
        {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    )
    matches = [{"uri": {"exact" if kind == "Exact" else "prefix": path}} for kind, path in _PAGES]
    route = {"destination": {"host": "productpage", "port": {"number": _PORT}}}
    spec = {
        "hosts": ["*"],
        "gateways": ["bookinfo-gateway"],
        "http": [{"match": matches, "route": [route]}],
    }
    return [gateway, _build_networking_object("VirtualService", "bookinfo", spec)]


def _build_gateway(api: str) -> list[Object]:
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "Same"}},
    }
    spec = {"gatewayClassName": "istio", "listeners": [listener]}
    matches = [{"path": {"type": kind, "value": path}} for kind, path in _PAGES]
    rule = {"matches": matches, "backendRefs": [{"name": "productpage", "port": _PORT}]}
    route = {"parentRefs": [{"name": "bookinfo-gateway"}], "rules": [rule]}
    return [
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": build_metadata("bookinfo-gateway"),
            "spec": spec,
        },
        {
            "apiVersion": api,
            "kind": "HTTPRoute",
            "metadata": build_metadata("bookinfo"),
            "spec": route,
        },
    ]


def _build_mesh_route(api: str, app: str, **weights: int) -> Object:
    refs = [{"name": n, "port": _PORT, **({"weight": w} if w else {})} for n, w in weights.items()]
    parent = {"group": "", "kind": "Service", "name": app, "port": _PORT}
    spec = {"parentRefs": [parent], "rules": [{"backendRefs": refs}]}
    return {"apiVersion": api, "kind": "HTTPRoute", "metadata": build_metadata(app), "spec": spec}
