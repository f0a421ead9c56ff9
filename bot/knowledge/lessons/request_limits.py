"""Time limits and tries for requests to an application, kept beside the rules that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.errors import UserError
from bot.kinds import CRD, HTTP_ROUTE, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.routing import enforce
from bot.knowledge.routing.fault_proof import build_expectations, has_reviews_everywhere
from bot.knowledge.routing.faults import Fault
from bot.knowledge.routing.hosts import is_rule_for
from bot.knowledge.routing.manifests import DataPath, build_object, find_data_path
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    Observation,
    wait_for_expectations,
)
from bot.knowledge.routing.route_settings import (
    build_plain_rule,
    change_settings,
    find_live,
    is_plain,
    read_settings,
)
from bot.knowledge.routing.rules_in_the_way import find_obeyed_rule
from bot.knowledge.routing.waits import NO_LIMITS, Delay, find_delay, predict_delay, read_limits
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text, join

SERVICES = ("reviews", "ratings", "details")
"""The applications that others ask through their own proxies, where such a limit counts."""
RETRY_ON = "gateway-error,connect-failure,refused-stream"
"""Failures after which a request is sent again; an end of one try's time is among them (Envoy)."""
OWN_RETRIES = 2
"""Times that Istio sends a failed request again where no rule says otherwise (1.23 and 1.30)."""


@dataclass(frozen=True)
class Setting:
    """A setting of all requests to an application: for VirtualServices by `sidecar`, for HTTPRoutes
    by `waypoint`, which is empty where the Gateway API knows no such thing; `step` sets it.
    """

    step: str
    service: str
    words: Text
    sidecar: Mapping[str, object]
    waypoint: Mapping[str, object]

    def select(self, path: DataPath) -> Mapping[str, object]:
        """Return the setting as the rules of a data path have it."""
        return self.waypoint if path is DataPath.WAYPOINT else self.sidecar


def build_timeout(service: str, seconds: float) -> Setting:
    """Return a time limit for each request to an application.

    Durations of the Gateway API have no fractions (GEP-2257).
    """
    told, whole = f"{seconds:g}s", f"{seconds * 1000:.0f}ms"
    words = Text("requests to {service} end after {seconds:g} s.", service=service, seconds=seconds)
    return Setting("timeout", service, words, {"timeout": told}, {"timeouts": {"request": whole}})


def build_retries(service: str, attempts: int, per_try: float) -> Setting:
    """Return how often a failed request is sent again, and how long each try may take."""
    told: dict[str, object] = {"attempts": attempts, "retryOn": RETRY_ON}
    words = Text(
        "a failed request to {service} is sent again up to {n} times.", service=service, n=attempts
    )
    if per_try:
        told["perTryTimeout"] = f"{per_try:g}s"
        words = Text(
            "a request to {service} that fails, or takes more than {seconds:g} s, is sent again up "
            "to {n} times.",
            service=service,
            seconds=per_try,
            n=attempts,
        )
    return Setting("retry", service, words, {"retries": told}, {})


class LimitOptions(Protocol):
    """What a step for such a setting was asked: to set it, or to end it for applications."""

    @property
    def ended(self) -> tuple[str, ...]:
        """The applications whose setting is to end, () when none is."""

    @property
    def setting(self) -> Setting:
        """The setting, where none is to end."""


async def check_options(context: Context, options: LimitOptions) -> None:
    """Raise UserError where this cluster's routes have no such setting."""
    if not options.ended:
        await refuse_unsupported(context, await take_snapshot(context), options.setting)


async def plan_options(context: Context, options: LimitOptions, step: str) -> Plan | None:
    """Return what others lose by the setting, or by its end; None when they lose nothing."""
    if options.ended:
        return await plan_end(context, options.ended, step)
    return await plan_setting(context, options.setting)


async def apply_options(context: Context, options: LimitOptions, step: str) -> Verdict:
    """Set it, or end it, and see by requests who meets it."""
    if options.ended:
        return await end_setting(context, options.ended, step)
    return await apply_setting(context, options.setting)


async def refuse_unsupported(context: Context, now: Snapshot, setting: Setting) -> None:
    """Raise UserError for a setting that HTTPRoutes of this cluster do not have.

    `timeouts` are in the Gateway API's standard channel since v1.2, tries are not in it (v1.5).
    """
    if find_data_path(now) is not DataPath.WAYPOINT:
        return
    hint = Text(
        "In the mesh of sidecars there is one: `{command} waypoint off`, `{command} ambient off`.",
        command=context.command,
    )
    if not setting.waypoint:
        raise UserError(
            Text(
                "A waypoint's rules (HTTPRoute) have no tries of their own: the waypoint sends a "
                "failed request again {n} times, and no route changes that.",
                n=OWN_RETRIES,
            ),
            hint,
        )
    crd = await context.cluster.get(CRD, f"{HTTP_ROUTE.plural}.{HTTP_ROUTE.group}")
    notes = (crd or {"metadata": {}})["metadata"].get("annotations") or {}
    version = str(notes.get("gateway.networking.k8s.io/bundle-version", ""))
    if version.startswith(("v0.", "v1.0", "v1.1")):
        raise UserError(
            Text("HTTPRoutes of the Gateway API {version} have no time limit.", version=version),
            hint,
        )


def build_rules(now: Snapshot, path: DataPath, setting: Setting) -> list[Object]:
    """Return the application's rules as they are, with the setting in each, whatever their object
    is called; or a new one that does nothing else.
    """
    live = find_obeyed_rule(now, path, setting.service)
    if live is not None:
        kind = HTTP_ROUTE if path is DataPath.WAYPOINT else VIRTUAL_SERVICE
        rule = build_object(kind, get_name(live), now.app_namespace, live["spec"])
    else:
        rule = build_plain_rule(path, setting.service, now.app_namespace)
    return [change_settings(rule, setting.select(path))]


async def plan_setting(context: Context, setting: Setting) -> Plan | None:
    """Return what others lose by the setting; None when they lose nothing."""
    now = await take_snapshot(context)
    if enforce.check_prerequisites(context, now) is not None:
        return None
    objects = build_rules(now, find_data_path(now), setting)
    return await enforce.plan_rules(
        context, now, objects, setting.words, keep=False, service=setting.service
    )


async def apply_setting(context: Context, setting: Setting) -> Verdict:
    """Write the setting into the application's rules, and see by requests whom it concerns."""
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path = find_data_path(now)
    objects = build_rules(now, path, setting)
    done = await enforce.enforce_rules(context, now, objects, keep=False, service=setting.service)
    user, delay = predict_effect(now, setting, objects[0])
    observed = await wait_for_expectations(context, *expect_effect(user, delay))
    evidence = (*done.list_evidence(observed), *observed.lines)
    links, lines = await enforce.link_to_rules(context, objects, setting.service)
    off = f"{setting.step} {setting.service} off"
    if not observed.holds:
        words = Text("the rule is applied, its effect was not seen.")
        following = suggest_commands(context, "why", off, "status")
        return Verdict(State.NOT_YET, words, observed.because, evidence, links, following, lines)
    summary = join("sentences", setting.words, done.already)
    if not user:
        because = explain_idle(setting, observed)
        following = suggest_commands(context, *suggest_delay(setting, path), off)
        # Whole pages show that nothing is worse, and not who obeys a rule that nobody meets.
        unseen = (*done.list_changes(), *observed.lines)
        return Verdict(State.NORMAL, summary, because, unseen, links, following, lines)
    following = suggest_commands(context, "fault off", off, "graph")
    effect = join("sentences", summary, delay.describe(user))
    return Verdict(State.DONE, effect, EMPTY, evidence, links, following, lines, notes=delay.notes)


def predict_effect(now: Snapshot, setting: Setting, rule: Object) -> tuple[str, Delay]:
    """Return the user whose slow requests meet the setting, and how they end; "" for nobody."""
    user, seconds = find_delay(now)
    limits = read_limits(read_settings(rule))
    delay = predict_delay(now, user, seconds, limits)
    met = delay.outcomes != predict_delay(now, user, seconds, NO_LIMITS).outcomes
    return (user if met and setting.service == "reviews" else ""), delay


def expect_effect(user: str, delay: Delay) -> tuple[Expectation, ...]:
    """Return what the user meets and others do not; or that all is well, where nobody meets it."""
    if user:
        return build_expectations(user, Fault(delay=delay.seconds), delay.outcomes)
    return (Expectation(NOBODY, Text("reviews on every page"), has_reviews_everywhere),)


def explain_idle(setting: Setting, observed: Observation) -> Text:
    """Return why nobody meets a setting that is in force."""
    slowest = max((seen.p99 for seen in observed.seen), default=0.0)
    if setting.service == "ratings":
        return Text(
            "nobody meets it, and it was not seen to act: the slowest page took {slowest:.0f} ms. "
            "A delay or an abort of `fault` for ratings does not show it, for the fault passes "
            "before the same proxy begins to count or to try again.",
            slowest=slowest,
        )
    return Text(
        "nobody meets it, and it was not seen to act: no request fails or takes that long, the "
        "slowest page took {slowest:.0f} ms.",
        slowest=slowest,
    )


def suggest_delay(setting: Setting, path: DataPath) -> tuple[str, ...]:
    """Return commands by which the setting is seen: a user on reviews v2, and slow ratings, which a
    waypoint cannot make.
    """
    if path is DataPath.WAYPOINT:
        return ()
    if setting.service != "reviews":
        return (f"{setting.step} reviews",)
    return ("route jason v2", "fault jason delay 2s")


def list_set_rules(now: Snapshot, services: Sequence[str], step: str) -> list[Object]:
    """Return the rules of these applications that have what a step sets."""
    names = {"timeout": ("timeout", "timeouts"), "retry": ("retries",)}[step]
    return [
        rule
        for rule in (*now.virtual_services.values(), *now.routes.values())
        if any(is_rule_for(rule, service, now.app_namespace) for service in services)
        and any(name in read_settings(rule) for name in names)
    ]


def clear_setting(rule: Object, step: str) -> Object:
    """Return a rule without what a step sets."""
    gone = {"timeout": None, "timeouts": None} if step == "timeout" else {"retries": None}
    kind = HTTP_ROUTE if rule["kind"] == HTTP_ROUTE.kind else VIRTUAL_SERVICE
    bare = build_object(kind, get_name(rule), rule["metadata"]["namespace"], rule["spec"])
    return change_settings(bare, gone)


async def plan_end(context: Context, services: Sequence[str], step: str) -> Plan | None:
    """Return what others lose with the setting; None when they lose nothing."""
    now = await take_snapshot(context)
    found = []
    for rule in list_set_rules(now, services, step):
        if not is_left_over(now, rule, step):
            found += await find_write_conflicts(context, [clear_setting(rule, step)], exact=True)
    return build_plan(context, found, Text("the rule ends for {names}.", names=Listed(services)))


def is_left_over(now: Snapshot, rule: Object, step: str) -> bool:
    """Tell whether a rule is the bot's and decides nothing without what a step sets."""
    bare = clear_setting(rule, step)
    return find_live(now, rule) is not None and is_plain(bare) and not read_settings(bare)


async def end_setting(context: Context, services: Sequence[str], step: str) -> Verdict:
    """Take the setting out of the applications' rules, and see by requests that all is well."""
    now = await take_snapshot(context)
    done = list[Text]()
    for rule in list_set_rules(now, services, step):
        if is_left_over(now, rule, step):
            done += await enforce.delete_found_rules(context, [rule])
        else:
            done += await enforce.apply_rules(context, [clear_setting(rule, step)])
    following = suggest_commands(context, f"{step} reviews", "status")
    if not (done or context.resumed):
        words = Text("no such rule was in force; nothing was changed.")
        return Verdict(State.DONE, words, next=following)
    whole = Expectation(NOBODY, Text("reviews on every page"), has_reviews_everywhere)
    observed = await wait_for_expectations(context, whole)
    evidence = (*done, *observed.lines)
    if not observed.holds:
        summary = Text("the rule is removed, but pages are not whole.")
        return Verdict(State.NOT_YET, summary, observed.because, evidence, next=following)
    words = Text("the rule is no longer in force; what stood beside it stays.")
    return Verdict(State.DONE, words, evidence=evidence, next=following)
