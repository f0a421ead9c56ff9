"""What moving the application into the ambient mesh changes, and who notices, before it is
confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import Forbidden
from bot.kinds import AUTHORIZATION_POLICY, ISTIO_GATEWAY, Kind, Object
from bot.knowledge.ambient.displaced_rules import (
    RuleChanges,
    describe_kept,
    describe_removal,
    sort_rules,
)
from bot.knowledge.ambient.join import LABEL, MODE, ProfileUpgrade, plan_upgrade
from bot.knowledge.istio import injection_verdict, platforms, sidecars
from bot.knowledge.istio.injectors import (
    LabelChange,
    Labels,
    change_labels,
    choose_labels,
    read_injectors,
)
from bot.knowledge.objects.conflicts import judge_labels
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Context, Plan
from bot.text import Listed, Text, counted, in_context

INGRESS = "istio-ingressgateway"
HTTP_FIELDS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
"""Fields of an AuthorizationPolicy's operation that only a proxy for HTTP can check."""
HTTP_SOURCES = ("requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks")
"""The same, of its source (Istio 1.23 and 1.30)."""


@dataclass(frozen=True)
class EnrollmentPlan:
    """The changes that `ambient` makes, and the state before.

    `restarts` are Deployments whose pods lose their sidecars, `requests` those whose pods ask for
    one themselves, with their labels; `stranded` is what comes in through a gateway that goes.
    """

    upgrade: ProfileUpgrade
    rules: RuleChanges
    now: Snapshot
    labels: tuple[Text, ...] = ()
    restarts: tuple[str, ...] = ()
    requests: tuple[Text, ...] = ()
    foreign_labels: tuple[Text, ...] = ()
    stranded: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether somebody notices what is changed."""
        return bool(
            self.upgrade.difference
            or self.rules.removed
            or self.restarts
            or self.requests
            or self.foreign_labels
        )


async def plan_enrollment(context: Context, platform: str, *, keep_rules: bool) -> EnrollmentPlan:
    """Return what `ambient` would do."""
    now = await take_snapshot(context)
    chosen = platform or await platforms.detect_platform(context)
    upgrade = await plan_upgrade(context, MODE, chosen)
    state = await sidecars.read_sidecar_state(context, on=False)
    requests = await sidecars.find_own_requests(context)
    wanted = choose_labels(await read_injectors(context), now.app_labels, on=False)
    change = wanted | {LABEL: MODE}
    conflict = judge_labels(now.namespace, change) if now.namespace else None
    return EnrollmentPlan(
        upgrade,
        sort_rules(now, keep=keep_rules),
        now,
        labels=describe_labels(now.app_labels, change),
        restarts=state.to_restart,
        requests=await injection_verdict.describe_own_requests(context, requests),
        foreign_labels=conflict.lines if conflict else (),
        stranded=await find_stranded_gateways(context, upgrade, now),
        policies=await find_http_policies(context),
    )


def describe_labels(labels: Labels, change: LabelChange) -> tuple[Text, ...]:
    """Return the changes of the namespace's labels."""
    after = change_labels(labels, change)
    return tuple(
        Text("label {key} removed", key=key)
        if key not in after
        else Text("label {key}={value} set", key=key, value=after[key])
        for key in change
        if labels.get(key) != after.get(key)
    )


async def find_stranded_gateways(
    context: Context, upgrade: ProfileUpgrade, now: Snapshot
) -> tuple[str, ...]:
    """Return Istio's Gateways that lead through istio-ingressgateway, if the profile removes it."""
    ingress = now.mesh.get(INGRESS)
    if ingress is None or not removes_ingress(upgrade):
        return ()
    labels = get_labels({"metadata": ingress["spec"]["template"].get("metadata") or {}})
    return tuple(
        f"{gateway['metadata']['namespace']}/{get_name(gateway)}"
        for gateway in await find_everywhere(context, ISTIO_GATEWAY)
        if (selector := gateway["spec"].get("selector")) and selector.items() <= labels.items()
    )


def removes_ingress(upgrade: ProfileUpgrade) -> bool:
    """Tell whether the profile removes istio-ingressgateway."""
    return any(INGRESS in str(line) for line in upgrade.difference.removed)


async def find_everywhere(context: Context, kind: Kind) -> list[Object]:
    """Return all objects of a type: those of the application's namespace alone where the rest is
    kept from whoever asks.
    """
    try:
        return await context.cluster.find(kind)
    except Forbidden:
        return await context.cluster.find(kind, context.workshop.app_namespace)


async def find_http_policies(context: Context) -> tuple[str, ...]:
    """Return the namespace's AuthorizationPolicies that name what only a proxy for HTTP checks."""
    found = await context.cluster.find(AUTHORIZATION_POLICY, context.workshop.app_namespace)
    return tuple(get_name(policy) for policy in found if names_http(policy))


def names_http(policy: Object) -> bool:
    """Tell whether a policy's rules name anything of HTTP."""
    rules = (policy.get("spec") or {}).get("rules") or []
    operations = [to.get("operation") or {} for rule in rules for to in rule.get("to") or []]
    sources = [by.get("source") or {} for rule in rules for by in rule.get("from") or []]
    return any(field in each for each in operations for field in HTTP_FIELDS) or any(
        field in each for each in sources for field in HTTP_SOURCES
    )


def build_plan(way: EnrollmentPlan) -> Plan | None:
    """Return what would change, in words, or None when nobody would notice anything."""
    if not way.asks:
        return None
    items = (
        *map(describe_removal, way.rules.removed),
        *describe_upgrade(way.upgrade),
        *describe_restarts(way.restarts),
        *way.requests,
        *way.labels,
        *way.foreign_labels,
    )
    return Plan(
        Text("the ambient profile, and the application out of its sidecars."),
        items,
        tuple(list_warnings(way)),
        in_context("button", "Go ambient"),
        compute_digest((items, way.upgrade)),
        details=way.upgrade.difference.lines,
    )


def describe_upgrade(upgrade: ProfileUpgrade) -> list[Text]:
    """Return what becomes of the installation, in words."""
    found = upgrade.difference
    if not found:
        return []
    lines = [Text("removes {thing}", thing=thing) for thing in found.removed]
    lines.append(
        Text(
            "Istio gets the ambient profile; settings repeated: {settings}",
            settings=upgrade.settings,
        )
    )
    if agents := [thing for thing in found.new if str(thing).startswith("DaemonSet ")]:
        lines.append(Text("every node gets a pod of {agents}", agents=Listed(agents)))
    if any(str(thing).startswith("Deployment istiod ") for thing in found.changed):
        lines.append(
            Text("istiod restarts: new rules wait for it, for up to a minute; traffic goes on")
        )
    return lines


def describe_restarts(names: Sequence[str]) -> list[Text]:
    """Return the restart that takes the sidecars out, and who notices it."""
    if not names:
        return []
    return [
        counted(
            "{n} Deployment restarts without its sidecar: {names}. Open connections end, and the "
            "page may lack reviews for a minute",
            "{n} Deployments restart without their sidecars: {names}. Open connections end, and "
            "the page may lack reviews for a minute",
            n=len(names),
            names=Listed(names, "comma"),
        )
    ]


def list_warnings(way: EnrollmentPlan) -> list[Text]:
    """Return what stops working, what stays, and how to decide otherwise."""
    warnings = way.upgrade.warn_about_losses()
    if removes_ingress(way.upgrade):
        warnings.append(
            Text("The ambient profile has no istio-ingressgateway: what comes in through it stops.")
        )
    if way.stranded:
        warnings.append(
            counted(
                "Gateway {names} leads through it.",
                "Gateways {names} lead through it.",
                n=len(way.stranded),
                names=Listed(way.stranded, "comma"),
            )
        )
    if way.restarts:
        warnings.append(
            Text(
                "Without sidecars nothing routes, retries or measures HTTP between the services, "
                "until there is a waypoint."
            )
        )
    if way.policies:
        warnings.append(
            Text(
                "ztunnel cannot check what AuthorizationPolicy {names} says of HTTP, and refuses "
                "more than before, until there is a waypoint.",
                names=Listed(way.policies, "comma"),
            )
        )
    warnings += map(describe_kept, way.rules.kept)
    if way.rules.removed:
        warnings.append(Text("To keep the rules, type `ambient rules=keep`."))
    return warnings
