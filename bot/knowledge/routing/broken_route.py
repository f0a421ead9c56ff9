"""Removing the DestinationRule that a route needs, the effect on the page and in Kiali,
and restoring it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import DESTINATION_RULE, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.conflicts import judge_write, require_confirmed
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.objects.writes import compare_write, write_object
from bot.knowledge.observe import kiali
from bot.knowledge.routing.hosts import is_rule_for
from bot.knowledge.routing.manifests import VERSIONS, build_destination_rule
from bot.knowledge.routing.request_proof import NOBODY, Expectation, choose_other_user, count_pages
from bot.knowledge.routing.rules_in_the_way import select_rules
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context
from bot.text import Listed, Text, counted

SERVICE = "reviews"
CODE = "KIA1107"
"""Kiali's code for a route to a subset that no DestinationRule has (1.87 and 2.26): a warning, once
per route."""
EXPLANATION = Text(
    "The VirtualService sends requests to subsets, and only the DestinationRule says which pods "
    "those are. Without it the caller's proxy knows no such cluster and answers 503 itself "
    "(response flag NC): reviews is never asked."
)
RETRY_DELAY = 1.0
"""Seconds between two questions to Kiali."""


def find_dangling_subsets(now: Snapshot) -> tuple[str, ...]:
    """Return the subsets that VirtualService reviews names and no DestinationRule for reviews
    defines, whatever it is called.
    """
    defined = {name for rule in list_defining_rules(now) for name in list_subsets(rule)}
    return tuple(subset for subset in list_named_subsets(now) if subset not in defined)


def select_needed_rules(now: Snapshot) -> list[Object]:
    """Return the DestinationRules without which the route breaks: that called reviews, and others
    that define what it names.
    """
    named = set(list_named_subsets(now))
    own = select_rules(now, SERVICE, DESTINATION_RULE)
    others = [r for r in list_defining_rules(now) if named & set(list_subsets(r))]
    return [*own, *(rule for rule in others if get_name(rule) != SERVICE)]


def list_named_subsets(now: Snapshot) -> tuple[str, ...]:
    """Return the subsets that VirtualService reviews names, each once."""
    service = now.virtual_services.get(SERVICE)
    named = [
        str(to["destination"]["subset"])
        for http in (service["spec"].get("http") or [] if service else [])
        for to in http.get("route") or []
        if "subset" in to["destination"]
    ]
    return tuple(dict.fromkeys(named))


def list_defining_rules(now: Snapshot) -> list[Object]:
    """Return the namespace's DestinationRules for reviews."""
    rules = now.destination_rules.values()
    return [rule for rule in rules if is_rule_for(rule, SERVICE, now.app_namespace)]


def list_subsets(rule: Object) -> list[str]:
    """Return the subsets that a DestinationRule defines."""
    return [str(subset.get("name")) for subset in rule["spec"].get("subsets") or []]


def expect_no_reviews() -> Expectation:
    """Return the expectation that nobody gets reviews."""
    return Expectation(
        NOBODY,
        Text("reviews fail on every page"),
        lambda seen: count_pages(seen) > 0 and set(seen.versions) == {"none"},
    )


def expect_reviews(user: str) -> tuple[Expectation, ...]:
    """Return the expectations that everybody gets reviews, also the user of the route."""
    return tuple(
        Expectation(
            each,
            Text("reviews on every page"),
            lambda seen: count_pages(seen) > 0 and "none" not in seen.versions,
        )
        for each in (NOBODY, user or choose_other_user(""))
    )


@dataclass(frozen=True)
class KialiResult:
    """What Kiali says of VirtualService reviews, and whether that is as expected.

    `lags`: Kiali answers, but did not say the expected in time.
    """

    holds: bool
    words: Text
    lags: bool = False


async def wait_for_kiali_check(context: Context, *, shows: bool) -> KialiResult:
    """Ask Kiali about VirtualService reviews until it shows KIA1107, or shows it no more."""
    if not await kiali.read_image_version(context):
        return KialiResult(False, Text("there is no Kiali that could be asked"))
    seconds = min(kiali.VALIDATION_DELAY, context.workshop.readiness_timeout)
    deadline = time.monotonic() + seconds
    while True:
        context.progress.say(Text("asking Kiali what it finds"))
        try:
            found = await kiali.check_object(
                context, VIRTUAL_SERVICE, context.workshop.app_namespace, SERVICE
            )
        except ClusterError as problem:
            return KialiResult(False, Text("Kiali tells nothing of it: {why}", why=problem.message))
        checks = [check for check in found if check.code == CODE]
        if bool(checks) == shows:
            return KialiResult(True, describe_checks(checks))
        if time.monotonic() > deadline:
            return KialiResult(False, describe_lag(seconds, shown=bool(checks)), lags=True)
        await asyncio.sleep(RETRY_DELAY)


def describe_lag(seconds: float, *, shown: bool) -> Text:
    """Return what Kiali says in the end, when it is not what was expected."""
    if shown:
        return Text("Kiali still shows {code} after {seconds:.0f} s", code=CODE, seconds=seconds)
    return Text("Kiali does not show {code} after {seconds:.0f} s", code=CODE, seconds=seconds)


def describe_checks(found: list[kiali.Check]) -> Text:
    """Describe what Kiali finds wrong with VirtualService reviews."""
    if not found:
        return Text("Kiali finds no {code} on VirtualService {name}", code=CODE, name=SERVICE)
    return counted(
        "Kiali: {code} {message} ({severity}, {n} time: {routes})",
        "Kiali: {code} {message} ({severity}, {n} times: {routes})",
        n=len(found),
        code=CODE,
        message=found[0].message.removeprefix(CODE).strip(),
        severity=found[0].severity,
        routes=Listed((check.path for check in found), "comma"),
    )


async def find_removed_rule(context: Context) -> Object | None:
    """Return DestinationRule reviews as it was before this bot last removed it; None when that
    is not known.
    """
    for change in await context.history.changes(context.workshop.app_namespace):
        for image in change.images:
            same = image.kind.kind == DESTINATION_RULE.kind and image.name == SERVICE
            if same and image.before is not None and image.after is None:
                return image.before
    return None


async def build_wanted_rule(context: Context) -> Object:
    """Return DestinationRule reviews as it is to be: as it was, or else with every version."""
    image = await find_removed_rule(context)
    if image is not None:
        return extract_desired_state(image)
    return build_destination_rule(SERVICE, context.workshop.app_namespace, VERSIONS)


async def restore_destination_rule(context: Context) -> Text:
    """Restore the DestinationRule; return what was done, and whether it is as it was.

    Raises UserError when that takes something from others that nobody was asked about.
    """
    namespace, image = context.workshop.app_namespace, await find_removed_rule(context)
    write = await compare_write(context, await build_wanted_rule(context), exact=True)
    require_confirmed(context, judge_write(write))
    if image is None:
        await write_object(context, write)
        return Text(
            "DestinationRule reviews made anew with v1, v2, v3: this bot did not remove the old one"
        )
    await context.cluster.put(image)
    live = await context.cluster.get(DESTINATION_RULE, SERVICE, namespace)
    if live is None or extract_desired_state(live) != extract_desired_state(image):
        return Text(
            "DestinationRule reviews is back, but not just as it was: something else changes it"
        )
    subsets = Listed((str(subset["name"]) for subset in live["spec"].get("subsets") or []), "comma")
    return Text(
        "DestinationRule reviews is back just as it was (subsets {subsets})", subsets=subsets
    )
