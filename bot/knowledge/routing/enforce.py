"""Applying rules: what must be there first, in a safe order, and links to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import NotFound
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.knowledge.routing.manifests import DataPath, find_data_path
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Link, State, Verdict

KINDS = {kind.kind: kind for kind in (DESTINATION_RULE, VIRTUAL_SERVICE, HTTP_ROUTE, SERVICE)}
VERSIONS_SAMPLE = "bookinfo/platform/kube/bookinfo-versions.yaml"


def get_rule_kind(obj: Object) -> Kind:
    """Return the type of a rule."""
    return KINDS[obj["kind"]]


def describe_object(obj: Object) -> str:
    """Return an object's kind and name, such as `VirtualService reviews`."""
    return f"{obj['kind']} {get_name(obj)}"


def check_prerequisites(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when rules could not take effect yet, with the step that helps, else
    None.
    """
    if not now.app_pods:
        return build_unchanged_verdict(
            context, f"Bookinfo does not run in {context.workshop.app_namespace}.", "bookinfo"
        )
    path = find_data_path(now)
    if path is DataPath.L4:
        return build_unchanged_verdict(
            context,
            "ztunnel passes bytes and knows no users: rules for HTTP need a waypoint.",
            "waypoint",
        )
    if path is DataPath.NONE:
        return build_unchanged_verdict(
            context, "the pods have no sidecar, so nothing would obey a rule.", "inject", "ambient"
        )
    return None


def build_unchanged_verdict(context: Context, because: str, *steps: str) -> Verdict:
    """Return the verdict of a step that was not begun."""
    return Verdict(
        State.NOT_YET, "nothing was changed.", because, next=suggest_commands(context, *steps)
    )


async def ensure_version_services(context: Context, path: DataPath) -> list[str]:
    """Apply the Services of each version, which rules for a waypoint need (a sample of the
    release); return what was done.
    """
    if path is not DataPath.WAYPOINT:
        return []
    sample = await asyncio.to_thread(context.mesh.sample, VERSIONS_SAMPLE)
    services = [
        s | {"metadata": s["metadata"] | {"namespace": context.workshop.app_namespace}}
        for s in sample
    ]
    done = await apply_rules(context, services)
    return (
        [f"version Services {', '.join(map(get_name, services))} (the release's sample)"]
        if done
        else []
    )


async def apply_rules(context: Context, objects: Sequence[Object]) -> list[str]:
    """Apply rules in the given order; return which are new or changed."""
    done = []
    for obj in objects:
        before = await context.cluster.get(
            get_rule_kind(obj), get_name(obj), obj["metadata"]["namespace"]
        )
        context.progress.say(f"applying {describe_object(obj)}")
        after = await context.cluster.apply(obj, force=True)
        if before is None:
            done.append(f"{describe_object(obj)} made")
        elif extract_desired_state(before) != extract_desired_state(after):
            done.append(f"{describe_object(obj)} changed")
    return done


async def delete_rules(context: Context, *rules: tuple[Kind, str]) -> list[str]:
    """Delete rules in the given order; return those that existed, in words.

    Give first what routes, then what it names.
    """
    gone = []
    for kind, called_ in rules:
        try:
            if await context.cluster.delete(kind, called_, context.workshop.app_namespace):
                gone.append(f"{kind.kind} {called_} removed")
        except NotFound:
            continue
    return gone


async def delete_conflicting_rules(context: Context, path: DataPath, service: str) -> list[str]:
    """Delete the rules of the other kind for a service: the two together are undefined (Istio
    1.23 and 1.30).
    """
    if path is not DataPath.WAYPOINT:
        return await delete_rules(context, (HTTP_ROUTE, service))
    return await delete_rules(context, (VIRTUAL_SERVICE, service), (DESTINATION_RULE, service))


@dataclass(frozen=True)
class EnforcementResult:
    """Result of enforcing rules: whether anything was changed, and a description."""

    changed: bool
    lines: tuple[str, ...]

    @property
    def already(self) -> str:
        """The text that a summary adds when nothing had to be changed."""
        return "" if self.changed else " It was already so; nothing was changed."


async def enforce_rules(
    context: Context, path: DataPath, objects: Sequence[Object]
) -> EnforcementResult:
    """Apply one service's rules, and delete those that conflict with them."""
    service, ready = get_name(objects[-1]), await ensure_version_services(context, path)
    done = [
        *ready,
        *await apply_rules(context, objects),
        *await delete_conflicting_rules(context, path, service),
    ]
    return EnforcementResult(
        bool(done), (*(done or ["the rules were already so"]), f"obeyed by {path}")
    )


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
            f"Kiali: {describe_object(o)}",
            pages.object_url(namespace, get_rule_kind(o), get_name(o)),
        )
        for o in objects
    ]
    wizard = pages.build_url(f"/namespaces/{namespace}/services/{service}")
    by_hand = Link(f"by hand: Actions of {service} in Kiali", wizard)
    return (*found, by_hand), ((kiali.line,) if kiali.line else ())
