"""Removing the DestinationRule that a route needs, the effect on the page and in Kiali,
and restoring it.
"""

from __future__ import annotations

import asyncio
import time

from bot.errors import ClusterError
from bot.kinds import DESTINATION_RULE, VIRTUAL_SERVICE, Object
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.observe import kiali
from bot.knowledge.routing.manifests import VERSIONS, build_destination_rule
from bot.knowledge.routing.request_proof import NOBODY, Expectation, choose_other_user, count_pages
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context

SERVICE = "reviews"
CODE = "KIA1107"
"""Kiali's code for a route to a subset that no DestinationRule has (1.87 and 2.26): a warning, once
per route."""
EXPLANATION = (
    "The VirtualService sends requests to subsets, and only the DestinationRule says which pods those are. Without it "
    "the caller's proxy knows no such cluster and answers 503 itself (response flag NC): reviews is never asked.",
)
PAUSE = 1.0


def find_dangling_subsets(now: Snapshot) -> tuple[str, ...]:
    """Return the subsets that VirtualService reviews names and no DestinationRule of reviews
    defines.
    """
    service, rule = now.virtual_services.get(SERVICE), now.destination_rules.get(SERVICE)
    named = [
        str(to["destination"]["subset"])
        for http in (service["spec"].get("http") or [] if service else [])
        for to in http.get("route") or []
        if "subset" in to["destination"]
    ]
    there = {subset["name"] for subset in rule["spec"].get("subsets") or []} if rule else set()
    return tuple(dict.fromkeys(subset for subset in named if subset not in there))


def expect_no_reviews() -> Expectation:
    """Return the expectation that nobody gets reviews."""
    return Expectation(
        NOBODY,
        "reviews fail on every page",
        lambda seen: count_pages(seen) > 0 and set(seen.versions) == {"none"},
    )


def expect_reviews(user: str) -> tuple[Expectation, ...]:
    """Return the expectations that everybody gets reviews, also the user of the route."""
    return tuple(
        Expectation(
            each,
            "reviews on every page",
            lambda seen: count_pages(seen) > 0 and "none" not in seen.versions,
        )
        for each in (NOBODY, user or choose_other_user(""))
    )


def find_routed_user(now: Snapshot) -> str:
    """Return the user whom VirtualService reviews names first, or ""."""
    service = now.virtual_services.get(SERVICE) or {"spec": {}}
    matches = [
        match for http in service["spec"].get("http") or [] for match in http.get("match") or []
    ]
    found = [match.get("headers", {}).get("end-user", {}).get("exact") for match in matches]
    return str(next(filter(None, found), ""))


async def wait_for_kiali_check(context: Context, *, shows: bool) -> tuple[bool, str]:
    """Ask Kiali about VirtualService reviews until it shows KIA1107, or shows it no more.

    Returns whether that was reached, and a description of what Kiali says.
    """
    if not await kiali.read_image_version(context):
        return False, "there is no Kiali that could be asked"
    patience = min(kiali.LAG, context.workshop.readiness_timeout)
    deadline = time.monotonic() + patience
    while True:
        context.progress.say("asking Kiali what it finds")
        try:
            found = await kiali.check_object(
                context, VIRTUAL_SERVICE, context.workshop.app_namespace, SERVICE
            )
        except ClusterError as problem:
            return False, f"Kiali does not answer: {problem}"
        codes = [check for check in found if check.code == CODE]
        if bool(codes) == shows:
            return True, describe_checks(codes)
        if time.monotonic() > deadline:
            return (
                False,
                f"Kiali {'still shows' if codes else 'does not show'} {CODE} after {patience:.0f} s",
            )
        await asyncio.sleep(PAUSE)


def describe_checks(found: list[kiali.Check]) -> str:
    """Describe what Kiali finds wrong with VirtualService reviews."""
    if not found:
        return f"Kiali finds no {CODE} on VirtualService {SERVICE}"
    routes = ", ".join(check.path for check in found)
    message = found[0].message.removeprefix(CODE).strip()
    return f"Kiali: {CODE} {message} ({found[0].severity}, {len(found)} times: {routes})"


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


async def restore_destination_rule(context: Context) -> tuple[str, ...]:
    """Restore the DestinationRule; return what was done, and whether it is as it was."""
    namespace, image = context.workshop.app_namespace, await find_removed_rule(context)
    if image is None:
        await context.cluster.apply(
            build_destination_rule(SERVICE, namespace, VERSIONS), force=True
        )
        return (
            "DestinationRule reviews made anew with v1, v2, v3: this bot did not remove the old one",
        )
    await context.cluster.put(image)
    live = await context.cluster.get(DESTINATION_RULE, SERVICE, namespace)
    if live is None or extract_desired_state(live) != extract_desired_state(image):
        return (
            "DestinationRule reviews is back, but not just as it was: something else changes it",
        )
    subsets = ", ".join(subset["name"] for subset in live["spec"].get("subsets") or [])
    return (f"DestinationRule reviews is back just as it was (subsets {subsets})",)
