"""What a real istiod of each release told proxies at the workshop's routing steps, as tables.

A route is written `name: condition -> where`, several are joined by ` ; `. Conditions: `*` none
stated, `/…` a prefix, `=/…` an exact path, `~/…` a prefix that ends with a segment, `header=value`.
`.bookinfo.svc.cluster.local` is left out.
"""

from __future__ import annotations

from typing import Any

APPS = ("details", "productpage", "ratings", "reviews")
VERSIONS_OF = (
    "details-v1",
    "productpage-v1",
    "ratings-v1",
    "reviews-v1",
    "reviews-v2",
    "reviews-v3",
)
SUBSETS = {
    "details": ("v1", "v2"),
    "productpage": ("v1",),
    "ratings": ("v1", "v2", "v2-mysql", "v2-mysql-vm"),
    "reviews": ("v1", "v2", "v3"),
}
"""Of the sample that has all DestinationRules."""
RETRIES = {
    "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
    "num_retries": 2,
}
"""Of every route that a sidecar has to a Service, with `timeout` 0s."""
ANY = "allow_any: * -> PassthroughCluster"
_JASON = ": / end-user=jason -> outbound|9080|{}"
_REVIEWS = f"{_JASON.format('v2|reviews')} ; : * -> outbound|9080|v1|reviews"
_RATINGS = _JASON.format("v1|ratings") + " {} ; : * -> outbound|9080|v1|ratings"
_SHIFT = ": * -> 50 outbound|9080|v1|reviews + 50 outbound|9080|v3|reviews"
SIDECARS: dict[str, tuple[str, dict[str, str]]] = {
    "plain": ("productpage reviews", {}),
    "jason to v2": ("productpage reviews", {"reviews": _REVIEWS}),
    "abort for jason": (
        "productpage reviews",
        {"reviews": _REVIEWS, "ratings": _RATINGS.format("!abort 500 100%")},
    ),
    "delay for jason": (
        "reviews",
        {"reviews": _REVIEWS, "ratings": _RATINGS.format("!delay 7s 100%")},
    ),
    "abort half": ("reviews", {"reviews": _REVIEWS, "ratings": _RATINGS.format("!abort 503 50%")}),
    "shift half to v3": ("productpage", {"reviews": _SHIFT}),
    "destination rule removed": ("productpage", {"reviews": _SHIFT}),
    "subset without pods": ("productpage", {"reviews": _SHIFT}),
    "httproute for jason sidecar": (
        "productpage",
        {
            "reviews": "bookinfo.reviews.0: / end-user=jason -> outbound|9080||reviews-v2 ; "
            "bookinfo.reviews.1: / -> outbound|9080||reviews-v1"
        },
    ),
}
"""By step: whose sidecars were asked, and the hosts whose routes are not the default route alone.
"""
_VIP_REVIEWS = (
    ": / end-user=jason -> inbound-vip|9080|http/v2|reviews ; : * -> "
    "inbound-vip|9080|http/v1|reviews"
)
_VIP_RATINGS = (
    ": / end-user=jason -> inbound-vip|9080|http/v1|ratings !abort 500 100% ; : * -> "
    "inbound-vip|9080|http/v1|ratings"
)
WAYPOINTS: dict[str, dict[str, str]] = {
    "waypoint with httproute for jason": {
        "reviews": ": / end-user=jason -> inbound-vip|9080|http|reviews-v2 ; : / -> "
        "inbound-vip|9080|http|reviews-v1"
    },
    "waypoint with virtualservices and fault": {"reviews": _VIP_REVIEWS, "ratings": _VIP_RATINGS},
    "waypoint without the destination rule": {"reviews": _VIP_REVIEWS, "ratings": _VIP_RATINGS},
}
"""By step, as for sidecars; the names of routes were not recorded."""
_PAGE = "outbound|9080||productpage"
GATEWAY = (
    f"=/productpage -> {_PAGE} ; =/logout -> {_PAGE} ; =/login -> {_PAGE} ; ~/api/v1/products -> "
    f"{_PAGE} ; " + (f"~/static -> {_PAGE}")
)
"""Virtual host `*:80` of the gateway at step `plain`, and with a waypoint as well."""
CHAIN = {"1.23.2": "inbound-vip|{port}||{host}-http", "1.30.3": "inbound-vip|{port}|http|{host}"}
"""The names of a waypoint's filter chains."""
DOMAINS = {
    "1.23.2": ("{app}.bookinfo.svc.cluster.local", "{app}", "{app}.bookinfo.svc", "{app}.bookinfo"),
    "1.30.3": (
        "{app}.bookinfo.svc.cluster.local",
        "{app}.bookinfo.svc.cluster.local.",
        "{app}",
        "{app}.bookinfo.svc",
    ),
}
"""The first four domains of a virtual host."""
ALLOWED = {
    "more domains": "a virtual host's first four domains were recorded; `app.bookinfo` and the "
    "address follow",
    "other ports": "of a sidecar's clusters only those on port 9080 were recorded",
    "a waypoint's own chains": "`default` (unwraps HBONE) and `direct-http` (to pods' addresses) "
    "lead to no Service",
    "connect_originate": "a gateway's listener for HBONE towards pods: it carries bytes and routes "
    "nothing",
    "order of chains": "istiod lists a waypoint's chains in no fixed order; each is found by its "
    "Service's address",
}
"""Differences between the computed configuration and the recorded one, each with its reason."""


def sidecar_hosts(step: str) -> dict[str, str]:
    """The virtual hosts of a sidecar on port 9080."""
    apps = APPS + (VERSIONS_OF if step.startswith("httproute") else ())
    hosts = {app: f"default: * -> outbound|9080||{app}" for app in apps} | SIDECARS[step][1]
    return {f"{app}:9080": routes for app, routes in hosts.items()} | {"allow_any": ANY}


def sidecar_clusters(step: str) -> list[str]:
    """The clusters of a sidecar on port 9080."""
    apps = APPS + (VERSIONS_OF if step.startswith("httproute") else ())
    with_rules = SUBSETS if step not in ("plain", "httproute for jason sidecar") else {}
    return sorted(
        f"outbound|9080|{subset}|{app}"
        for app in apps
        for subset in ("", *_subsets(step, app, with_rules))
    )


def _subsets(step: str, app: str, with_rules: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    gone = app == "reviews" and step in (
        "destination rule removed",
        "waypoint without the destination rule",
    )
    return () if gone else with_rules.get(app, ())


def waypoint_chains(version: str, step: str) -> dict[str, str]:
    """The filter chains of the waypoint."""
    served = {(9080, app) for app in APPS + VERSIONS_OF} | {(80, "bookinfo-gateway-istio")}
    default = {(port, app): f": * -> inbound-vip|{port}|http|{app}" for port, app in served}
    hosts = default | {(9080, app): routes for app, routes in WAYPOINTS[step].items()}
    return {
        CHAIN[version].format(port=port, host=app): routes for (port, app), routes in hosts.items()
    }


def waypoint_clusters(step: str) -> list[str]:
    """The clusters of the waypoint."""
    with_rules: dict[str, tuple[str, ...]] = {} if "httproute" in step else SUBSETS
    names = [f"inbound-vip|15021|tcp|{_GATEWAY_SERVICE}", f"inbound-vip|80|http|{_GATEWAY_SERVICE}"]
    for app in APPS + VERSIONS_OF:
        names += [
            f"inbound-vip|9080|http{s and '/'}{s}|{app}"
            for s in ("", *_subsets(step, app, with_rules))
        ]
    return sorted(names)


_GATEWAY_SERVICE = "bookinfo-gateway-istio"


def compact(routes: list[dict[str, Any]], *, named: bool = True) -> str:
    """Routes in the way that the tables are written."""
    return short(" ; ".join((f"{r['name'] or ''}: " if named else "") + _line(r) for r in routes))


def short(text: str) -> str:
    """Without the end that all names share."""
    return text.replace(".bookinfo.svc.cluster.local", "")


def _line(route: dict[str, Any]) -> str:
    where = route.get("cluster") or " + ".join(
        f"{weight} {name}" for name, weight in route["weighted"].items()
    )
    return f"{_condition(route['match'])} -> {where}{_fault(route.get('fault') or {})}"


def _condition(match: dict[str, Any]) -> str:
    marks = {"path": "=", "prefix": "", "path_separated_prefix": "~"}
    path = next(mark + match[key] for key, mark in marks.items() if key in match)
    headers = [f"{h['name']}={h['string_match']['exact']}" for h in match.get("headers") or []]
    return " ".join([path, *headers]) if "case_sensitive" in match else "*"


def _fault(fault: dict[str, Any]) -> str:
    parts = [f"!abort {a['http_status']} {a['percentage']:g}%" for a in [fault.get("abort")] if a]
    parts += [f"!delay {d['fixed_delay']} {d['percentage']:g}%" for d in [fault.get("delay")] if d]
    return "".join(f" {part}" for part in parts)
