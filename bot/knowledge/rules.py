"""Putting rules in force: what must be there first, in the order that breaks nothing, and where to look at them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import NotFound
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge.images import wanted
from bot.knowledge.offers import offer
from bot.knowledge.reach import KIALI, console, reach
from bot.knowledge.routing import Path, path_of
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.workloads import name
from bot.steps import Context, Link, State, Verdict

KINDS = {kind.kind: kind for kind in (DESTINATION_RULE, VIRTUAL_SERVICE, HTTP_ROUTE, SERVICE)}
VERSIONS_SAMPLE = "bookinfo/platform/kube/bookinfo-versions.yaml"


def kind_of(obj: Object) -> Kind:
    """The type of a rule."""
    return KINDS[obj["kind"]]


def called(obj: Object) -> str:
    """`VirtualService reviews`."""
    return f"{obj['kind']} {name(obj)}"


def not_possible(context: Context, now: Snapshot) -> Verdict | None:
    """The verdict when rules could not take effect yet: what is missing, and the step that brings it."""
    if not now.app_pods:
        return missing(context, f"Bookinfo does not run in {context.workshop.app_namespace}.", "bookinfo")
    path = path_of(now)
    if path is Path.L4:
        return missing(context, "ztunnel passes bytes and knows no users: rules for HTTP need a waypoint.", "waypoint")
    if path is Path.NONE:
        return missing(context, "the pods have no sidecar, so nothing would obey a rule.", "inject", "ambient")
    return None


def missing(context: Context, because: str, *steps: str) -> Verdict:
    """A verdict for a step that was not begun."""
    return Verdict(State.NOT_YET, "nothing was changed.", because, next=offer(context, *steps))


async def prepare(context: Context, path: Path) -> list[str]:
    """Through a waypoint versions are Services of their own, which the release's sample has; what was done."""
    if path is not Path.WAYPOINT:
        return []
    sample = await asyncio.to_thread(context.mesh.sample, VERSIONS_SAMPLE)
    services = [s | {"metadata": s["metadata"] | {"namespace": context.workshop.app_namespace}} for s in sample]
    done = await put_in_force(context, services)
    return [f"version Services {', '.join(map(name, services))} (the release's sample)"] if done else []


async def put_in_force(context: Context, objects: Sequence[Object]) -> list[str]:
    """Applies rules in the given order; tells which are new or changed, nothing when all was already so."""
    done = []
    for obj in objects:
        before = await context.cluster.get(kind_of(obj), name(obj), obj["metadata"]["namespace"])
        context.progress.say(f"applying {called(obj)}")
        after = await context.cluster.apply(obj, force=True)
        if before is None:
            done.append(f"{called(obj)} made")
        elif wanted(before) != wanted(after):
            done.append(f"{called(obj)} changed")
    return done


async def take_out(context: Context, *rules: tuple[Kind, str]) -> list[str]:
    """Deletes rules, in the given order: what routes first, what it names after."""
    gone = []
    for kind, called_ in rules:
        try:
            if await context.cluster.delete(kind, called_, context.workshop.app_namespace):
                gone.append(f"{kind.kind} {called_} removed")
        except NotFound:
            continue
    return gone


async def displace(context: Context, path: Path, service: str) -> list[str]:
    """Takes out the rules of the other kind for a service: the two together are undefined (Istio 1.23 and 1.30)."""
    if path is not Path.WAYPOINT:
        return await take_out(context, (HTTP_ROUTE, service))
    return await take_out(context, (VIRTUAL_SERVICE, service), (DESTINATION_RULE, service))


@dataclass(frozen=True)
class Enforced:
    """Whether anything had to be changed, and the words for it."""

    changed: bool
    lines: tuple[str, ...]

    @property
    def already(self) -> str:
        """What a summary adds when all was as wanted."""
        return "" if self.changed else " It was already so; nothing was changed."


async def enforce(context: Context, path: Path, objects: Sequence[Object]) -> Enforced:
    """Puts one service's rules in force."""
    service, ready = name(objects[-1]), await prepare(context, path)
    done = [*ready, *await put_in_force(context, objects), *await displace(context, path, service)]
    return Enforced(bool(done), (*(done or ["the rules were already so"]), f"obeyed by {path}"))


async def links(
    context: Context, objects: Iterable[Object], service: str = "reviews"
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Kiali's pages of the very objects, and where the same can be made by hand; and the line that leads to Kiali."""
    kiali = await reach(context, KIALI)
    if not kiali.base:
        return (), ()
    pages, namespace = console(kiali), context.workshop.app_namespace
    found = [Link(f"Kiali: {called(o)}", pages.object(namespace, kind_of(o), name(o))) for o in objects]
    wizard = pages.at(f"/namespaces/{namespace}/services/{service}")
    by_hand = Link(f"by hand: Actions of {service} in Kiali", wizard)
    return (*found, by_hand), ((kiali.line,) if kiali.line else ())
