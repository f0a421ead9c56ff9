"""What steps about rules take from others, for the question before them; None when they take
nothing, or would not begin.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.kinds import DESTINATION_RULE, Object
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts, judge_deletion
from bot.knowledge.routing import broken_route, enforce, shares
from bot.knowledge.routing.faults import Fault
from bot.knowledge.routing.kept_rules import find_kept_rules
from bot.knowledge.routing.manifests import (
    build_user_fault,
    build_user_route,
    build_weighted_route,
    find_data_path,
    find_reviews_version,
)
from bot.knowledge.routing.remove import plan_removal
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Plan
from bot.text import Text


async def plan_user_route(context: Context, user: str, version: str) -> Plan | None:
    """Plan the route of one user, or the end of all routes when the user is `off`."""
    if user == "off":
        return await plan_removal(context, fault=False)
    now = await take_snapshot(context)
    if not user or enforce.check_prerequisites(context, now) is not None:
        return None
    path, namespace = find_data_path(now), context.workshop.app_namespace
    words = Text("{user} gets reviews {version}, everybody else v1.", user=user, version=version)
    objects = build_user_route(path, namespace, user, version)
    return await enforce.plan_rules(context, now, objects, words)


async def plan_user_fault(context: Context, user: str, fault: Fault) -> Plan | None:
    """Plan the fault of one user, or the end of the fault when the user is `off`."""
    if user == "off":
        return await plan_removal(context, fault=True)
    now = await take_snapshot(context)
    if not user or enforce.check_prerequisites(context, now) is not None:
        return None
    if find_reviews_version(now, user) == "v1":
        return None
    path, namespace = find_data_path(now), context.workshop.app_namespace
    objects = build_user_fault(path, namespace, user, fault.spec)
    return await enforce.plan_rules(context, now, objects, fault.describe_effect(user))


async def plan_shares(context: Context, weights: Mapping[str, int]) -> Plan | None:
    """Plan the shares of the versions."""
    now = await take_snapshot(context)
    if enforce.check_prerequisites(context, now) is not None:
        return None
    path, namespace = find_data_path(now), context.workshop.app_namespace
    kept = find_kept_rules(now, path, namespace)
    objects = build_weighted_route(path, namespace, weights, kept.rules)
    words = Text("requests are shared: {shares}.", shares=shares.list_weights(weights))
    return await enforce.plan_rules(context, now, objects, words)


async def plan_break(context: Context) -> Plan | None:
    """Plan the removal of the DestinationRule that a route needs."""
    now = await take_snapshot(context)
    if enforce.check_prerequisites(context, now) is not None:
        return None
    if not broken_route.list_named_subsets(now):
        return None
    rules = broken_route.select_needed_rules(now)
    return build_plan(context, [found for rule in rules if (found := judge_deletion(rule))])


async def plan_mend(context: Context) -> Plan | None:
    """Plan the return of the DestinationRule that a route needs."""
    if not broken_route.find_dangling_subsets(await take_snapshot(context)):
        return None
    wanted: Object = await broken_route.build_wanted_rule(context)
    assert wanted["kind"] == DESTINATION_RULE.kind
    return build_plan(context, await find_write_conflicts(context, [wanted], exact=True))
