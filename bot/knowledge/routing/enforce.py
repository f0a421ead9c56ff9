"""Applying rules: what must be there first, in a safe order, and links to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.errors import NotFound
from bot.kinds import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    HTTP_ROUTE,
    PEER_AUTHENTICATION,
    SERVICE,
    SERVICE_ENTRY,
    SIDECAR,
    VIRTUAL_SERVICE,
    Kind,
    Object,
)
from bot.knowledge.objects.apply import ensure_objects
from bot.knowledge.objects.conflicts import (
    build_plan,
    find_write_conflicts,
    judge_deletion,
    judge_write,
    require_confirmed,
)
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.suggestions import describe_standstill, suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.objects.writes import compare_write, write_object
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.knowledge.routing.describe import describe_rules
from bot.knowledge.routing.hosts import is_rule_for
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.routing.request_proof import Observation
from bot.knowledge.routing.route_settings import PLACES, is_plain, keep_settings
from bot.knowledge.routing.rules_in_the_way import explain_conflicts, select_conflicting_rules
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Link, Plan, State, Verdict
from bot.text import EMPTY, Listed, Text

KINDS = {
    kind.kind: kind
    for kind in (
        DESTINATION_RULE,
        VIRTUAL_SERVICE,
        HTTP_ROUTE,
        SERVICE,
        PEER_AUTHENTICATION,
        AUTHORIZATION_POLICY,
        SIDECAR,
        SERVICE_ENTRY,
    )
}
VERSIONS_SAMPLE = "bookinfo/platform/kube/bookinfo-versions.yaml"
OBEYED = {
    DataPath.SIDECAR: Text("obeyed by sidecars, as the requests show"),
    DataPath.WAYPOINT: Text("obeyed by the waypoint, as the requests show"),
}
"""Who enforces the rules, said only when requests met what the rules say."""


def get_rule_kind(obj: Object) -> Kind:
    """Return the type of a rule."""
    return KINDS[obj["kind"]]


def check_prerequisites(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when rules could not take effect yet, with the step that helps, else
    None.
    """
    if not now.app_pods:
        namespace = context.workshop.app_namespace
        return build_unchanged_verdict(
            context,
            Text("Bookinfo does not run in {namespace}.", namespace=namespace),
            "bookinfo",
        )
    path = find_data_path(now)
    if path is DataPath.L4:
        return build_unchanged_verdict(
            context,
            Text("ztunnel passes bytes and knows no users: rules for HTTP need a waypoint."),
            "waypoint",
        )
    if path is DataPath.NONE:
        return build_unchanged_verdict(
            context,
            Text("the pods have no sidecar, so nothing would obey a rule."),
            "inject",
            "ambient",
        )
    return None


def build_unchanged_verdict(context: Context, because: Text, *steps: str) -> Verdict:
    """Return the verdict of a step that was not begun."""
    return Verdict(
        State.NOT_YET,
        describe_standstill(context),
        because,
        next=suggest_commands(context, *steps),
    )


async def load_version_services(context: Context, path: DataPath) -> list[Object]:
    """Return the Services of each version, which rules for a waypoint need (a sample of the
    release); none on another path.
    """
    if path is not DataPath.WAYPOINT:
        return []
    sample = await asyncio.to_thread(context.mesh.sample, VERSIONS_SAMPLE)
    namespace = context.workshop.app_namespace
    return [obj | {"metadata": obj["metadata"] | {"namespace": namespace}} for obj in sample]


async def ensure_version_services(context: Context, path: DataPath) -> list[Text]:
    """Write the Services of each version where they are needed; return what was done."""
    services = await load_version_services(context, path)
    if not (await ensure_objects(context, services, exact=True, asked=True)):
        return []
    names = Listed(map(get_name, services), "comma")
    return [Text("version Services {names} (the release's sample)", names=names)]


async def apply_rules(context: Context, objects: Sequence[Object]) -> list[Text]:
    """Write rules in the given order, so that they are what is given and nothing else; return
    which are new or changed, and what is no longer in force.
    """
    done = []
    for obj in objects:
        write = await compare_write(context, obj, exact=True)
        if not write.is_needed:
            continue
        require_confirmed(context, judge_write(write))
        name = describe_object(obj)
        context.progress.say(Text("applying {object}", object=name))
        await write_object(context, write)
        if write.live is None:
            done.append(Text("{object} made", object=name))
            continue
        done.append(
            Text("{object} changed", object=name)
            if write.replacement is None
            else Text("{object} replaced", object=name)
        )
        done += list_ended_rules(write.live, obj)
    return done


def list_ended_rules(before: Object, after: Object) -> list[Text]:
    """Return the rules that were in force by an object and are no longer, in words."""
    if not is_rule_for(before, get_name(after), after["metadata"]["namespace"]):
        return []
    if before["kind"] in PLACES and is_plain(before):
        return []
    still = list(describe_rules(after))
    return [
        Text("ended: {rule}", rule=rule) for rule in describe_rules(before) if rule not in still
    ]


async def delete_rules(context: Context, *rules: tuple[Kind, str]) -> list[Text]:
    """Delete rules in the given order; return those that existed, in words.

    Give first what routes, then what it names: a route whose subsets are gone before it answers
    503 in the meantime.
    """
    gone = []
    for kind, name in rules:
        try:
            if await context.cluster.delete(kind, name, context.workshop.app_namespace):
                gone.append(Text("{kind} {name} removed", kind=kind.kind, name=name))
        except NotFound:
            continue
    return gone


async def delete_found_rules(context: Context, found: Sequence[Object]) -> list[Text]:
    """Delete rules in the given order; return those that still existed, in words.

    Raises UserError for one of others that nobody was asked about.
    """
    for rule in found:
        require_confirmed(context, judge_deletion(rule))
    return await delete_rules(context, *((get_rule_kind(rule), get_name(rule)) for rule in found))


@dataclass(frozen=True)
class EnforcementResult:
    """Result of applying rules: what was changed, and the proxies that are to enforce them."""

    path: DataPath
    changes: tuple[Text, ...]
    again: bool = False
    """The run goes on with what it had begun in a process that is gone."""

    @property
    def already(self) -> Text:
        """The sentence that a summary adds when nothing had to be changed, else EMPTY."""
        if self.changes or self.again:
            return EMPTY
        return Text("It was already so; nothing was changed.")

    def list_changes(self) -> tuple[Text, ...]:
        """Return what was applied, or that it was so already."""
        return self.changes or (Text("the rules were already so"),)

    def list_evidence(self, observed: Observation) -> tuple[Text, ...]:
        """Return what was applied and, only when the requests show it, who enforces it."""
        applied = self.list_changes()
        return (*applied, OBEYED[self.path]) if observed.holds else applied


async def enforce_rules(
    context: Context,
    now: Snapshot,
    objects: Sequence[Object],
    *,
    keep: bool = True,
    service: str = "",
) -> EnforcementResult:
    """Write one service's rules, and delete those that conflict with them.

    `keep`: settings of the bot's own rules, such as time limits, stay in them. The service is that
    after which the last object is called, unless it is given.
    """
    objects = keep_settings(now, objects) if keep else objects
    path, service = find_data_path(now), service or get_name(objects[-1])
    # Apply before deleting: the other way round there would be a moment without any rule.
    changes = (
        *await ensure_version_services(context, path),
        *await apply_rules(context, objects),
        *await delete_found_rules(context, select_conflicting_rules(now, path, service, objects)),
    )
    return EnforcementResult(path, changes, context.resumed)


async def plan_rules(
    context: Context,
    now: Snapshot,
    objects: Sequence[Object],
    summary: Text,
    *,
    keep: bool = True,
    service: str = "",
) -> Plan | None:
    """Return what enforcing these rules takes from others, None when it takes nothing; `keep` and
    `service` as for enforce_rules.
    """
    objects = keep_settings(now, objects) if keep else objects
    path, service = find_data_path(now), service or get_name(objects[-1])
    wanted = [*await load_version_services(context, path), *objects]
    found = await find_write_conflicts(context, wanted, exact=True)
    conflicting = select_conflicting_rules(now, path, service, objects)
    lost = [rule for rule in conflicting if judge_deletion(rule) is not None]
    found += filter(None, map(judge_deletion, lost))
    plan = build_plan(context, found, summary)
    if plan is None:
        return None
    reasons = explain_conflicts(lost, service, objects)
    return replace(plan, warnings=(*reasons, *plan.warnings))


async def link_to_rules(
    context: Context, objects: Iterable[Object], service: str = "reviews"
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return links to these objects in Kiali and to its wizard for the service, and the
    port-forward line to type first.
    """
    kiali = await find_web_address(context, KIALI)
    if not kiali.base:
        return (), ()
    pages, namespace = build_console(kiali), context.workshop.app_namespace
    found = [
        Link(
            Text("Kiali: {label}", label=describe_object(obj)),
            pages.object_url(namespace, get_rule_kind(obj), get_name(obj)),
        )
        for obj in objects
    ]
    wizard = pages.build_url(f"/namespaces/{namespace}/services/{service}")
    by_hand = Link(Text("by hand: Actions of {service} in Kiali", service=service), wizard)
    return (*found, by_hand), ((kiali.line,) if kiali.line else ())
