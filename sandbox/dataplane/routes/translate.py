"""Translates a rule into the routes of one proxy: which of its entries concern it, and
what they say in Envoy's terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.dataplane.objects.pods import Proxy
from sandbox.dataplane.objects.world import World
from sandbox.dataplane.routes.clusters import build_destination, qualify_host
from sandbox.dataplane.routes.httproutes import UNKNOWN
from sandbox.dataplane.routes.route_model import (
    Fault,
    HeaderChanges,
    Match,
    Mirror,
    PathMatch,
    Redirect,
    Retries,
    Rewrite,
    Route,
    Target,
    TextMatch,
)
from sandbox.dataplane.routes.route_rules import MESH, Rule
from sandbox.istio.validation.parts import GRPC_STATUSES

RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
"""istiod's default retry policy, both releases."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class ProxyListener:
    """The listener that routes are made for: a proxy's port, reached under the names of
    these gateways.
    """

    world: World
    proxy: Proxy
    port: int
    gateways: tuple[str, ...] = (MESH,)


def translate_rule(rule: Rule, place: ProxyListener) -> tuple[Route, ...]:
    """Return the rule's routes in the order in which they are tried; what stands behind a
    catch-all is left out.
    """
    found = []
    for route in _translate_entries(rule, place):
        found.append(route)
        if route.match.catches_all:
            break
    return tuple(found)


def _translate_entries(rule: Rule, place: ProxyListener) -> Iterator[Route]:
    for entry in rule.http:
        for condition in entry.get("match") or [None]:
            if _applies_to_listener(condition or {}, rule, place):
                yield _translate_route(entry, condition, rule, place)


def _applies_to_listener(condition: Object, rule: Rule, place: ProxyListener) -> bool:
    if condition.get("port", place.port) != place.port:
        return False
    waypoint = place.proxy.kind == "waypoint"
    # The labels that a waypoint could compare are its own, not the client's.
    sources_count = not (waypoint and place.world.traits.waypoints_ignore_sources)
    if waypoint and condition.get("sourceLabels") and sources_count:
        return False
    # As in istiod, a match that names gateways is not asked for the workload's labels as well.
    if condition.get("gateways"):
        named = {
            g if "/" in g or g == MESH else f"{rule.namespace}/{g}" for g in condition["gateways"]
        }
        return not named.isdisjoint(place.gateways)
    if not sources_count:
        return True
    here = condition.get("sourceNamespace") in (None, "", place.proxy.namespace)
    return here and place.proxy.has_labels(condition.get("sourceLabels"))


def _translate_route(
    entry: Object, condition: Object | None, rule: Rule, place: ProxyListener
) -> Route:
    name = ".".join(n for n in (entry.get("name", ""), (condition or {}).get("name", "")) if n)
    match = Match(anything=True) if condition is None else _translate_match(condition, rule)
    fault = _translate_fault(entry["fault"]) if entry.get("fault") else None
    changes = _translate_headers(entry.get("headers"))
    common: dict[str, Any] = {"match": match, "name": name, "fault": fault, "origin": rule.origin}
    common |= {"request": changes[0], "response": changes[1]}
    if entry.get("redirect"):
        return Route(redirect=_translate_redirect(entry["redirect"]), **common)
    if entry.get("directResponse"):
        answer = entry["directResponse"]
        return Route(
            direct=answer["status"], body=(answer.get("body") or {}).get("string", ""), **common
        )
    return Route(
        targets=tuple(_translate_targets(entry.get("route") or [], rule, place)),
        weighted=len(entry.get("route") or []) > 1,
        timeout_seconds=parse_seconds(entry.get("timeout")),
        retries=_translate_retries(entry.get("retries"), place.world),
        rewrite=_translate_rewrite(entry["rewrite"], match, gateway_api=rule.gateway_api)
        if entry.get("rewrite")
        else None,
        mirrors=tuple(_translate_mirrors(entry, rule, place)),
        cors="corsPolicy" in entry,
        status_without_cluster=500 if rule.gateway_api else 503,
        **common,
    )


def build_default_route(world: World, cluster: str) -> Route:
    """Return the only route of a host without rules."""
    return Route(
        Match(anything=True),
        name="default",
        targets=(Target(cluster),),
        retries=_translate_retries(None, world),
    )


def _translate_targets(routes: list[Object], rule: Rule, place: ProxyListener) -> Iterator[Target]:
    """Yield the targets. A single destination gets everything whatever its weight; among
    several, weight 0 gets nothing.
    """
    for one in routes:
        weight = one.get("weight") or 0
        if len(routes) > 1 and not weight:
            continue
        request, response = _translate_headers(one.get("headers"))
        yield Target(_name_cluster(one["destination"], rule, place), weight, request, response)


def _translate_mirrors(entry: Object, rule: Rule, place: ProxyListener) -> Iterator[Mirror]:
    """Yield the mirrors that get something; one without a percentage gets everything."""
    said = list(entry.get("mirrors") or [])
    if not said and entry.get("mirror"):
        said = [{"destination": entry["mirror"], "percentage": entry.get("mirrorPercentage")}]
    for one in said:
        share = one.get("percentage")
        percent = 100.0 if share is None else float(share.get("value") or 0)
        if percent:
            yield Mirror(_name_cluster(one["destination"], rule, place), percent)


def _name_cluster(target: Object, rule: Rule, place: ProxyListener) -> str:
    if target["host"] == UNKNOWN:
        return UNKNOWN
    host = qualify_host(target["host"], rule.namespace)
    service = place.world.find_registered(host)
    ports = (service or {"spec": {}})["spec"].get("ports") or []
    # The routes of a sidecar's port are made from the Services with that port alone, so that the
    # only port of another one is not known there (recorded of 1.23.2 and 1.30.3).
    here = place.proxy.kind != "sidecar" or any(p["port"] == place.port for p in ports)
    number = (target.get("port") or {}).get("number") or (
        ports[0]["port"] if len(ports) == 1 and here else place.port
    )
    return str(
        build_destination(place.world, place.proxy, host, target.get("subset") or "", number)
    )


def _translate_match(condition: Object, rule: Rule) -> Match:
    headers = [(k.lower(), _translate_text(v)) for k, v in (condition.get("headers") or {}).items()]
    headers += [
        (k.lower(), _translate_text(v, inverted=True))
        for k, v in (condition.get("withoutHeaders") or {}).items()
    ]
    headers.sort(key=lambda pair: pair[0])
    for field in ("method", "authority", "scheme"):
        headers += (
            [(f":{field}", _translate_text(condition[field]))] if condition.get(field) else []
        )
    query = [(k, _translate_text(v)) for k, v in (condition.get("queryParams") or {}).items()]
    return Match(_translate_path(condition, rule), tuple(headers), tuple(query))


def _translate_text(said: Object | None, *, inverted: bool = False) -> TextMatch:
    for kind in ("exact", "prefix", "regex"):
        if kind in (said or {}) and (said or {})[kind] != "*":
            return TextMatch(kind, (said or {})[kind], inverted)
    return TextMatch("present", inverted=inverted)


def _translate_path(condition: Object, rule: Rule) -> PathMatch:
    uri, ignore = condition.get("uri") or {}, bool(condition.get("ignoreUriCase"))
    if "exact" in uri:
        return PathMatch("path", uri["exact"], ignore)
    if "regex" in uri:
        return PathMatch("regex", uri["regex"], ignore)
    prefix = uri.get("prefix", "/")
    if rule.gateway_api and prefix != "/":
        return PathMatch("separated", prefix.removesuffix("/"), ignore)
    return PathMatch("prefix", prefix, ignore)


def _translate_fault(fault: Object) -> Fault:
    """Return the fault; a part without a percentage never strikes (Istio's API)."""
    abort, delay = fault.get("abort") or {}, fault.get("delay") or {}
    return Fault(
        abort_status=abort.get("httpStatus") or 0,
        abort_percent=float((abort.get("percentage") or {}).get("value", 0)),
        abort_grpc=GRPC_STATUSES.index(abort.get("grpcStatus") or "OK"),
        delay_seconds=parse_seconds(delay.get("fixedDelay")),
        delay_percent=float(
            (delay.get("percentage") or {}).get("value", delay.get("percent") or 0)
        ),
    )


def parse_seconds(said: str | None) -> float:
    """Return a duration as Istio writes it, `1h2m3.5s` or `250ms`, in seconds; 0 for None."""
    parts = re.findall(r"([\d.]+)(h|ms|us|ns|m|s)", said or "")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _translate_retries(said: Object | None, world: World) -> Retries | None:
    if said is None:
        return Retries(2, RETRY_ON, world.traits.retried_statuses)
    attempts = said.get("attempts") or 0
    if attempts <= 0:
        return None
    words = [w.strip() for w in (said.get("retryOn") or "").split(",") if w.strip()]
    statuses = tuple(int(w) for w in words if w.isdigit())
    # Numbers among the causes are status codes, which Envoy wants in a list of their own.
    causes = [w for w in words if not w.isdigit()] if words else RETRY_ON.split(",")
    if statuses and "retriable-status-codes" not in causes:
        causes.append("retriable-status-codes")
    return Retries(attempts, ",".join(causes), statuses, parse_seconds(said.get("perTryTimeout")))


def _translate_headers(said: Object | None) -> tuple[HeaderChanges, HeaderChanges]:
    request, response = (
        _translate_header_changes((said or {}).get(way) or {}) for way in ("request", "response")
    )
    return request, response


def _translate_header_changes(said: Object) -> HeaderChanges:
    def pairs(field: str) -> tuple[tuple[str, str], ...]:
        return tuple((k.lower(), str(v)) for k, v in (said.get(field) or {}).items())

    return HeaderChanges(
        pairs("set"), pairs("add"), tuple(n.lower() for n in said.get("remove") or [])
    )


def _translate_redirect(said: Object) -> Redirect:
    return Redirect(
        status=said.get("redirectCode") or 301,
        scheme=said.get("scheme", ""),
        host=said.get("authority", ""),
        port=said.get("port", 0),
        path=said.get("uri", ""),
        prefix=said.get("prefix"),
    )


def _translate_rewrite(said: Object, match: Match, *, gateway_api: bool) -> Rewrite:
    host = said.get("authority", "")
    if said.get("full"):
        return Rewrite(host, path=said["full"])
    expression = said.get("uriRegexRewrite")
    if expression:
        return Rewrite(host, pattern=expression["match"], substitution=expression["rewrite"])
    # `/a` replaced by `/` must not turn `/a/b` into `//b`.
    if gateway_api and said.get("uri") == "/":
        return Rewrite(host, pattern=f"^{re.escape(match.path.value)}(/?)(.*)", substitution=r"/\2")
    return Rewrite(host, prefix=said.get("uri"))
