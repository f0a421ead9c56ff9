"""The rules in force between the application's services, described in a sentence each,
whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.kinds import HTTP_ROUTE, VIRTUAL_SERVICE, Object
from bot.knowledge.bookinfo.traffic_report import describe_stream
from bot.knowledge.routing.manifests import has_no_weight, iterate_http_rules, takes_all
from bot.knowledge.snapshot import Snapshot
from bot.text import Listed, Text, join, verbatim

Destination = tuple[str | Text, Any]
"""A version or a Service, and its weight; None for all requests."""


def describe_rules_in_force(now: Snapshot) -> list[Text]:
    """Describe routes, shares and faults by VirtualService or HTTPRoute, and running streams
    of requests.
    """
    found = [
        line
        for name, service in now.virtual_services.items()
        for line in describe_virtual_service(name, service, limits=True)
    ]
    found += [
        line
        for name, route in now.routes.items()
        if is_service_route(route)
        for line in describe_http_route(name, route, limits=True)
    ]
    return found + [
        Text("requests: {stream}", stream=describe_stream(stream)) for stream in now.streams
    ]


def is_service_route(route: Object) -> bool:
    """Tell whether a route is one between services; a route at a Gateway is no rule of the
    workshop's.
    """
    return any(parent.get("kind") == "Service" for parent in route["spec"].get("parentRefs") or [])


def describe_rules(rule: Object) -> Iterator[Text]:
    """Yield a sentence for each rule of a VirtualService or an HTTPRoute; none for other kinds."""
    if rule["kind"] == VIRTUAL_SERVICE.kind:
        yield from describe_virtual_service(str(rule["metadata"]["name"]), rule)
    elif rule["kind"] == HTTP_ROUTE.kind:
        yield from describe_http_route(str(rule["metadata"]["name"]), rule)


def describe_virtual_service(name: str, service: Object, *, limits: bool = False) -> Iterator[Text]:
    """Yield a sentence for each rule of a VirtualService; with `limits` also what it says of all
    its requests.
    """
    for number, rule in enumerate(iterate_http_rules(service)):
        matches = rule.get("match") or []
        users = [
            str(match.get("headers", {}).get("end-user", {}).get("exact", "")) for match in matches
        ]
        destinations: list[Destination] = [
            (route["destination"].get("subset") or Text("any version"), route.get("weight"))
            for route in rule.get("route") or []
        ]
        faults = describe_fault(rule.get("fault") or {})
        whose = describe_matched_users(users, number, takes_all=takes_all(matches))
        told = describe_rule(name, whose, destinations, faults)
        more = describe_limits(rule) if limits else []
        yield join("comma", told, *describe_copies(rule), *more)


def describe_limits(rule: Object) -> list[Text]:
    """Return what a rule says of all its requests: time limit, tries."""
    found = []
    if limit := rule.get("timeout") or (rule.get("timeouts") or {}).get("request"):
        found.append(Text("ends after {limit}", limit=str(limit)))
    if (retries := rule.get("retries") or {}).get("attempts"):
        found.append(Text("sent again up to {n} times", n=str(retries["attempts"])))
    return found


def describe_copies(rule: Object) -> list[Text]:
    """Return who gets copies of a rule's requests."""
    return [Text("copied to {version}", version=each) for each in list_mirrors(rule)]


def list_mirrors(rule: Object) -> list[str]:
    """Return the versions, or Services, that get copies of a rule's requests."""
    told = [each.get("destination") or {} for each in rule.get("mirrors") or []]
    told += [rule["mirror"]] if rule.get("mirror") else []
    filters = (each.get("requestMirror") or {} for each in rule.get("filters") or [])
    names = [str(each.get("subset") or each.get("host", "")) for each in told]
    return names + [str(f["backendRef"].get("name")) for f in filters if f.get("backendRef")]


def describe_http_route(name: str, route: Object, *, limits: bool = False) -> Iterator[Text]:
    """Yield a sentence for each rule of an HTTPRoute; `limits` as for a VirtualService."""
    for number, rule in enumerate(route["spec"].get("rules") or []):
        users = [read_header_user(match) for match in rule.get("matches") or []]
        backends = rule.get("backendRefs") or []
        destinations: list[Destination] = [
            (str(backend["name"]), backend.get("weight") if len(backends) > 1 else None)
            for backend in backends
        ]
        faults = [Text("aborted with {status}", status=500)] if has_no_weight(rule) else []
        whose = describe_matched_users(users, number, takes_all=takes_all(rule.get("matches")))
        told = describe_rule(name, whose, destinations, faults)
        more = describe_limits(rule) if limits else []
        yield join("comma", told, *describe_copies(rule), *more)


def read_header_user(match: Object) -> str:
    """Return the user whom an HTTPRoute's match names; "" when it names none."""
    named = (
        str(header.get("value"))
        for header in match.get("headers") or []
        if str(header.get("name")).lower() == "end-user"
    )
    return next(named, "")


def describe_matched_users(users: list[str], number: int, *, takes_all: bool) -> Text | Listed:
    """Return the users that a rule matches; one that takes all gets those whom earlier rules have
    left.
    """
    if users and all(users):
        return Listed(users, "comma")
    if not takes_all:
        return Text("requests that match")
    return Text("everybody else") if number else Text("everybody")


def describe_rule(
    name: str, users: Text | Listed, destinations: list[Destination], faults: list[Text]
) -> Text:
    """Return a rule as `reviews: jason → v2` or `reviews: everybody → v1 50 %, v3 50 %`.

    A fault is told instead of the destinations.
    """
    effect: Text | Listed = Text("as ever")
    if faults:
        effect = Listed(faults)
    elif destinations:
        effect = Listed(map(describe_destination, destinations), "comma")
    return Text("{name}: {users} → {effect}", name=name, users=users, effect=effect)


def describe_destination(destination: Destination) -> Text:
    """Return `v1 50 %`, or `v1` when it gets all requests."""
    name, weight = destination
    if weight is not None:
        return Text("{name} {weight} %", name=name, weight=weight)
    return name if isinstance(name, Text) else verbatim(name)


def describe_fault(fault: Object) -> list[Text]:
    """Return the parts of a fault as `aborted with 500 in 50 %`."""
    found = []
    if abort := fault.get("abort"):
        status, share = str(abort.get("httpStatus")), get_percentage(abort)
        found.append(
            Text("aborted with {status}", status=status)
            if share == 100
            else Text("aborted with {status} in {share:g} %", status=status, share=share)
        )
    if delay := fault.get("delay"):
        duration, share = str(delay.get("fixedDelay")), get_percentage(delay)
        found.append(
            Text("delayed by {duration}", duration=duration)
            if share == 100
            else Text("delayed by {duration} in {share:g} %", duration=duration, share=share)
        )
    return found


def get_percentage(fault: Object) -> float:
    """Return a fault's share of requests in percent; all of them unless it says so."""
    return float((fault.get("percentage") or {}).get("value", 100))
