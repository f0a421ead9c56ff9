"""Applying rules: what must be there first, in a safe order, and links to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import NotFound
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.routing.request_proof import Observation
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Link, State, Verdict
from bot.text import EMPTY, Listed, Text

KINDS = {kind.kind: kind for kind in (DESTINATION_RULE, VIRTUAL_SERVICE, HTTP_ROUTE, SERVICE)}
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
        Text("nothing was changed."),
        because,
        next=suggest_commands(context, *steps),
    )


async def ensure_version_services(context: Context, path: DataPath) -> list[Text]:
    """Apply the Services of each version, which rules for a waypoint need (a sample of the
    release); return what was done.
    """
    if path is not DataPath.WAYPOINT:
        return []
    sample = await asyncio.to_thread(context.mesh.sample, VERSIONS_SAMPLE)
    namespace = context.workshop.app_namespace
    services = [obj | {"metadata": obj["metadata"] | {"namespace": namespace}} for obj in sample]
    if not await apply_rules(context, services):
        return []
    names = Listed(map(get_name, services), "comma")
    return [Text("version Services {names} (the release's sample)", names=names)]


async def apply_rules(context: Context, objects: Sequence[Object]) -> list[Text]:
    """Apply rules in the given order; return which are new or changed."""
    done = []
    for obj in objects:
        name = describe_object(obj)
        before = await context.cluster.get(
            get_rule_kind(obj), get_name(obj), obj["metadata"]["namespace"]
        )
        context.progress.say(Text("applying {object}", object=name))
        after = await context.cluster.apply(obj, force=True)
        if before is None:
            done.append(Text("{object} made", object=name))
        elif extract_desired_state(before) != extract_desired_state(after):
            done.append(Text("{object} changed", object=name))
    return done


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


async def delete_conflicting_rules(context: Context, path: DataPath, service: str) -> list[Text]:
    """Delete the rules of the other kind for a service: the two together are undefined (Istio
    1.23 and 1.30).
    """
    if path is not DataPath.WAYPOINT:
        return await delete_rules(context, (HTTP_ROUTE, service))
    return await delete_rules(context, (VIRTUAL_SERVICE, service), (DESTINATION_RULE, service))


@dataclass(frozen=True)
class EnforcementResult:
    """Result of applying rules: what was changed, and the proxies that are to enforce them."""

    path: DataPath
    changes: tuple[Text, ...]

    @property
    def already(self) -> Text:
        """The sentence that a summary adds when nothing had to be changed, else EMPTY."""
        if self.changes:
            return EMPTY
        return Text("It was already so; nothing was changed.")

    def list_evidence(self, observed: Observation) -> tuple[Text, ...]:
        """Return what was applied and, only when the requests show it, who enforces it."""
        applied = self.changes or (Text("the rules were already so"),)
        return (*applied, OBEYED[self.path]) if observed.holds else applied


async def enforce_rules(
    context: Context, path: DataPath, objects: Sequence[Object]
) -> EnforcementResult:
    """Apply one service's rules, and delete those that conflict with them."""
    service = get_name(objects[-1])
    # Apply before deleting: the other way round there would be a moment without any rule.
    changes = (
        *await ensure_version_services(context, path),
        *await apply_rules(context, objects),
        *await delete_conflicting_rules(context, path, service),
    )
    return EnforcementResult(path, changes)


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
