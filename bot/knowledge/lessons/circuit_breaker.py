"""Limits of connections to an application, which turn away what is too much, proven by a burst.

They are a DestinationRule's `connectionPool` and `outlierDetection`, and act in the proxies of the
callers, or in the waypoint (Istio 1.23 and 1.30).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from bot.errors import UserError
from bot.kinds import DESTINATION_RULE, Object
from bot.knowledge.lessons.entry import NO_STATUS, ask_status, build_request
from bot.knowledge.lessons.looks import Look, Looker, look_until_all_hold
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts, judge_deletion
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing import enforce
from bot.knowledge.routing.hosts import is_rule_for
from bot.knowledge.routing.manifests import (
    DataPath,
    build_object,
    find_data_path,
    get_host_name,
)
from bot.knowledge.routing.route_settings import POLICY
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.ports import HttpRequest
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, counted, join

SERVICES = ("reviews", "ratings", "details")
AT_ONCE, CALM = 30, 5
"""Requests of a burst, and those that are sent one after the other."""
OVERFLOW = 503
"""An Envoy's status for what no connection is left for, with the flag UO."""


def build_policy(connections: int) -> Object:
    """Return the limits: connections, as many requests that wait for one, and pods that are left
    out for a while after errors in a row.
    """
    return {
        "connectionPool": {
            "tcp": {"maxConnections": connections},
            "http": {"http1MaxPendingRequests": connections, "maxRequestsPerConnection": 1},
        },
        "outlierDetection": {
            "consecutive5xxErrors": 5,
            "interval": "10s",
            "baseEjectionTime": "30s",
            "maxEjectionPercent": 50,
        },
    }


def build_rule(now: Snapshot, service: str, policy: Object | None) -> Object:
    """Return the application's DestinationRule as it is, with these limits or without any; or a new
    one.
    """
    live = now.destination_rules.get(service)
    spec: Object = {"host": get_host_name(service, now.app_namespace)}
    if live is not None and is_rule_for(live, service, now.app_namespace):
        spec = {key: value for key, value in live["spec"].items() if key != POLICY}
    spec |= {POLICY: policy} if policy else {}
    return build_object(DESTINATION_RULE, service, now.app_namespace, spec)


async def refuse_version_services(context: Context, service: str) -> None:
    """Raise UserError where a waypoint's route sends to Services of versions, for which limits of
    the whole Service do not hold.
    """
    now = await take_snapshot(context)
    route = now.routes.get(service)
    if find_data_path(now) is not DataPath.WAYPOINT or route is None:
        return
    refs = [
        ref for rule in route["spec"].get("rules") or [] for ref in rule.get("backendRefs") or []
    ]
    if any(ref.get("name") != service for ref in refs):
        fix = "route off" if service == "reviews" else "fault off"
        raise UserError(
            Text(
                "HTTPRoute {service} sends to Services of single versions, for which a limit of "
                "{service} would not hold.",
                service=service,
            ),
            Text("Type `{command} {fix}` first.", command=context.command, fix=fix),
            (fix,),
        )


async def plan_breaker(context: Context, service: str, connections: int) -> Plan | None:
    """Return what others lose by the limits; None when they lose nothing."""
    now = await take_snapshot(context)
    if enforce.check_prerequisites(context, now) is not None:
        return None
    wanted = build_rule(now, service, build_policy(connections))
    found = await find_write_conflicts(context, [wanted], exact=True)
    return build_plan(context, found, describe_limits(service, connections))


def describe_limits(service: str, connections: int) -> Text:
    """Return what holds, as a sentence."""
    return counted(
        "each caller's proxy keeps {n} connection to {service}, lets one request wait, and turns "
        "away the rest.",
        "each caller's proxy keeps {n} connections to {service}, lets as many requests wait, and "
        "turns away the rest.",
        n=connections,
        service=service,
    )


async def apply_breaker(context: Context, service: str, connections: int) -> Verdict:
    """Write the limits, then send a burst, and requests one after the other."""
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    request = build_request(context, now, service)
    before = await send_burst(context, request)
    wanted = build_rule(now, service, build_policy(connections))
    changes = await enforce.apply_rules(context, [wanted])
    proof = await look_until_all_hold(context, look_at_burst(context, request))
    told = describe_counts(before)
    contrast = (Text("before the rule, {n} at once: {counts}", n=AT_ONCE, counts=told),)
    evidence = (
        *(changes or [Text("the rule was already so")]),
        *(contrast if changes else ()),
        *proof.lines,
    )
    links, lines = await enforce.link_to_rules(context, [wanted], service)
    off = f"breaker {service} off"
    if not proof.holds:
        words = Text("the limits are applied, their effect was not seen.")
        following = suggest_commands(context, "why", off, "status")
        return Verdict(State.NOT_YET, words, proof.because, evidence, links, following, lines)
    unchanged = not changes and not context.resumed
    already = Text("It was already so; nothing was changed.") if unchanged else EMPTY
    return Verdict(
        State.DONE,
        join("sentences", describe_limits(service, connections), already),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, off, "graph"),
        lines=lines,
        notes=(
            Text(
                "503 with the response flag UO: the proxy answers itself, at once, and {service} "
                "never sees the request. That is meant: a quick refusal spares what is overloaded.",
                service=service,
            ),
        ),
    )


def look_at_burst(context: Context, request: HttpRequest) -> Looker:
    """Return a look at requests sent at once, of which some are to be turned away, and then at
    others one after the other, of which none is.
    """

    async def look() -> Look:
        burst = await send_burst(context, request)
        calm = Counter([await ask_status(context, request) for _ in range(CALM)])
        lines = (
            Text("{n} at once: {counts}", n=AT_ONCE, counts=describe_counts(burst)),
            Text("{n} one after the other: {counts}", n=CALM, counts=describe_counts(calm)),
        )
        if not burst[OVERFLOW]:
            return Look(False, lines, Text("no request of the burst was turned away."))
        because = Text("requests failed although there was only one at a time.")
        return Look(set(calm) == {200}, lines, because)

    return look


async def send_burst(context: Context, request: HttpRequest) -> Counter[int]:
    """Send requests at once; return how often each status came."""
    context.progress.say(Text("sending a burst of requests"))
    asked = (ask_status(context, request) for _ in range(AT_ONCE))
    return Counter(await asyncio.gather(*asked))


def describe_counts(counts: Counter[int]) -> Listed:
    """Return statuses with their numbers, the lowest first."""
    return Listed(
        (
            Text("no answer × {n}", n=n)
            if status == NO_STATUS
            else Text("{status} × {n}", status=str(status), n=n)
            for status, n in sorted(counts.items())
        ),
        "comma",
    )


def list_limited_rules(now: Snapshot, services: Sequence[str]) -> list[Object]:
    """Return the DestinationRules, called like these applications, that limit connections."""
    rules = [now.destination_rules.get(service) for service in services]
    return [
        rule
        for rule in rules
        if rule is not None
        and is_rule_for(rule, get_name(rule), now.app_namespace)
        and (rule["spec"].get(POLICY) or {}).keys() & {"connectionPool", "outlierDetection"}
    ]


async def plan_end(context: Context, services: Sequence[str]) -> Plan | None:
    """Return what others lose with the limits; None when they lose nothing."""
    now = await take_snapshot(context)
    found = []
    for rule in list_limited_rules(now, services):
        if is_left_over(rule):
            continue
        found += await find_write_conflicts(
            context, [build_rule(now, get_name(rule), None)], exact=True
        )
    return build_plan(context, found, Text("the rule ends for {names}.", names=Listed(services)))


def is_left_over(rule: Object) -> bool:
    """Tell whether a rule is the bot's and does nothing but limit."""
    return judge_deletion(rule) is None and not rule["spec"].get("subsets")


async def end_breaker(context: Context, services: Sequence[str]) -> Verdict:
    """Take the limits away, and send a burst again."""
    now = await take_snapshot(context)
    limited = list_limited_rules(now, services)
    done = list[Text]()
    for rule in limited:
        if is_left_over(rule):
            done += await enforce.delete_found_rules(context, [rule])
        else:
            done += await enforce.apply_rules(context, [build_rule(now, get_name(rule), None)])
    following = suggest_commands(context, "breaker reviews", "status")
    if not (done or context.resumed):
        words = Text("no connections were limited; nothing was changed.")
        return Verdict(State.DONE, words, next=following)
    looks = (
        look_at_free_burst(context, build_request(context, now, get_name(rule))) for rule in limited
    )
    proof = await look_until_all_hold(context, *looks)
    evidence = (*done, *proof.lines)
    if not proof.holds:
        summary = Text("the limits are removed, but that was not seen.")
        return Verdict(State.NOT_YET, summary, proof.because, evidence, next=following)
    words = Text("connections are no longer limited: a burst gets all its answers.")
    return Verdict(State.DONE, words, evidence=evidence, next=following)


def look_at_free_burst(context: Context, request: HttpRequest) -> Looker:
    """Return a look at a burst of which nothing is turned away."""

    async def look() -> Look:
        burst = await send_burst(context, request)
        line = Text("{n} at once: {counts}", n=AT_ONCE, counts=describe_counts(burst))
        return Look(not burst[OVERFLOW], (line,), Text("requests are still turned away."))

    return look
