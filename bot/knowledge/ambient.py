"""The ambient mesh: the upgrade there and back, and a namespace's way in and out, in the order that breaks nothing.

In: the profile, then sidecars off, then the label, since pods that still have a sidecar are passed over. Out: the label
first, while istio-cni still runs; without it pods keep sending to a ztunnel that is gone (Istio 1.23 and 1.30).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from bot.kinds import DAEMON_SET, DESTINATION_RULE, NAMESPACE, POD, VIRTUAL_SERVICE, Kind, Object
from bot.knowledge import installation, platforms, repeating
from bot.knowledge.board import captured
from bot.knowledge.demolition import captured as held
from bot.knowledge.snapshot import Snapshot, take
from bot.knowledge.waiting import until
from bot.knowledge.workloads import is_ready, labels, name
from bot.steps import Context, Plan

LABEL, MODE = "istio.io/dataplane-mode", "ambient"
AGENTS = ("istio-cni-node", "ztunnel")
"""The DaemonSets of the ambient profile."""
OTHER_WAYS = ("istio-injection", "istio.io/rev")
"""Labels by which pods would get sidecars again."""


@dataclass(frozen=True)
class Upgrade:
    """istioctl's arguments for a profile with every setting repeated, and what they would change."""

    arguments: tuple[str, ...]
    repeated: tuple[str, ...]
    lost: tuple[str, ...]
    difference: installation.Difference = field(default_factory=installation.Difference)


async def upgrade(context: Context, profile: str, platform: str = "") -> Upgrade:
    """Compares what is installed with a profile; settings of the live installation are repeated."""
    context.progress.say("reading which settings the installation has")
    has = await context.cluster.get(DAEMON_SET, "ztunnel", context.workshop.mesh_namespace)
    base = installation.arguments(context, profile=MODE if has else "default", settings=(), access_log=False)
    found = await repeating.live(context, await context.mesh.render(base))
    more = platforms.settings(context, platform)
    fresh = tuple(
        setting for setting in found.sets if setting.partition("=")[0] not in {s.partition("=")[0] for s in more}
    )

    def arguments(sets: Sequence[str]) -> tuple[str, ...]:
        return installation.arguments(context, profile=profile, settings=(*sets, *more), access_log=False)

    taken, rendered = await repeating.takeable(context.mesh, fresh, arguments)
    difference = await installation.compare(context, rendered)
    return Upgrade(arguments(taken.sets), (*taken.sets, *more), (*found.lost, *taken.lost), difference)


@dataclass(frozen=True)
class Way:
    """What is to be done for a namespace: the upgrade, rules that would be left without effect, pods with sidecars."""

    upgrade: Upgrade
    rules: tuple[tuple[Kind, str], ...]
    now: Snapshot

    @property
    def digest(self) -> str:
        """Changes when something else would be done."""
        said = repr((self.upgrade, [(kind.kind, called) for kind, called in self.rules]))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


async def way_in(context: Context, platform: str, *, keep_rules: bool) -> Way:
    """What `ambient` would do."""
    now = await take(context)
    chosen = platform or await platforms.detect(context)
    rules = () if keep_rules else sidecar_rules(now)
    return Way(await upgrade(context, MODE, chosen), rules, now)


def sidecar_rules(now: Snapshot) -> tuple[tuple[Kind, str], ...]:
    """Rules of the time of the sidecars: ztunnel obeys none, and beside an HTTPRoute they are undefined."""
    services = tuple((VIRTUAL_SERVICE, called) for called in now.virtual_services)
    return (*services, *((DESTINATION_RULE, called) for called in now.destination_rules))


def plan(way: Way) -> Plan | None:
    """What would be upgraded and removed; nothing to ask when nothing is."""
    items = [f"{kind.kind} {called} removed: ztunnel knows no HTTP" for kind, called in way.rules]
    items += shortened(way.upgrade.difference)
    if not items:
        return None
    warnings = [f"This setting cannot be repeated and is lost: {path}." for path in way.upgrade.lost]
    if any("istio-ingressgateway" in line for line in way.upgrade.difference.removed):
        warnings.append("The ambient profile has no istio-ingressgateway: what comes in through it stops.")
    if way.rules:
        warnings.append("To keep the rules, type `ambient rules=keep`.")
    return Plan("the ambient profile, and the application out of its sidecars.", tuple(items), tuple(warnings),
                "Go ambient", way.digest)  # fmt: skip


def shortened(found: installation.Difference) -> list[str]:
    """What goes and what changes, each; what is new only counted, but for the agents."""
    lines = [line for line in found.lines if not line.startswith("adds ")]
    agents = [thing for thing in found.new if thing.startswith("DaemonSet ")]
    more = len(found.new) - len(agents)
    added = [*agents, *([f"{more} more objects (accounts, roles, configuration)"] if more else [])]
    return [*lines, *([f"adds {', '.join(added)}"] if added else [])]


async def agents_ready(context: Context) -> bool:
    """Waits until each node has its istio-cni and its ztunnel."""

    def full(daemons: list[Object]) -> bool:
        return {name(d) for d in daemons if is_ready(d)} >= set(AGENTS)

    limit = context.workshop.readiness_timeout
    return await until(context, context.workshop.mesh_namespace, limit, (DAEMON_SET,), full)


async def relabel(context: Context, wanted: dict[str, str | None]) -> tuple[str, ...]:
    """Sets labels of the namespace, or removes those that are None; what was changed, in words."""
    namespace = context.workshop.app_namespace
    live = await context.cluster.get(NAMESPACE, namespace)
    there = labels(live) if live else {}
    patch = {key: value for key, value in wanted.items() if there.get(key) != value}
    if patch:
        await context.cluster.merge(NAMESPACE, namespace, "", {"metadata": {"labels": patch}})
    return tuple(f"label {key}={value} set" if value else f"label {key} removed" for key, value in patch.items())


async def enrolled(context: Context) -> bool:
    """Waits until ztunnel has every pod of the application; says how many it has."""
    return await until(
        context,
        context.workshop.app_namespace,
        context.workshop.readiness_timeout,
        (POD,),
        partial(counted, context),
    )


def counted(context: Context, pods: list[Object]) -> bool:
    """True when all of the application's pods are in; shows how many are."""
    mine = own(pods)
    inside = sum(map(captured, mine))
    context.progress.say(f"{inside} of {len(mine)} pods are in the ambient mesh")
    return bool(mine) and inside == len(mine)


def own(pods: Sequence[Object]) -> list[Object]:
    """The application's pods: no gateways and waypoints, which ztunnel never takes, none that is going."""
    gateway = "gateway.networking.k8s.io/gateway-name"
    return [p for p in pods if gateway not in labels(p) and "deletionTimestamp" not in p["metadata"]]


async def released(context: Context) -> bool:
    """Waits until istio-cni has let go of every pod."""
    limit, app = context.workshop.readiness_timeout, context.workshop.app_namespace
    return await until(context, app, limit, (POD,), lambda pods: not any(map(held, pods)))


async def others(context: Context) -> tuple[str, ...]:
    """Other namespaces that are in the ambient mesh: without ztunnel, their traffic would go nowhere."""
    found = await context.cluster.find(NAMESPACE, labels=f"{LABEL}={MODE}")
    return tuple(name(space) for space in found if name(space) != context.workshop.app_namespace)
