"""The ambient mesh: the upgrade to its profile and back, and enrolling a namespace or
releasing it, in a safe order.

Enrolling: the profile, then sidecars off, then the label, since pods that still have a
sidecar are passed over. Releasing: the label first, while istio-cni still runs; without
it pods keep sending to a ztunnel that is gone (Istio 1.23 and 1.30).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.kinds import DAEMON_SET, NAMESPACE, POD, Object
from bot.knowledge.istio import installation, kept_settings, platforms
from bot.knowledge.istio.installation import InstallationDiff
from bot.knowledge.istio.uninstall import has_redirection
from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_labels, get_name, is_ready
from bot.steps import Context
from bot.text import Listed, Text, counted, join

LABEL, MODE = "istio.io/dataplane-mode", "ambient"
AGENTS = ("istio-cni-node", "ztunnel")
"""The DaemonSets of the ambient profile."""


@dataclass(frozen=True)
class ProfileUpgrade:
    """istioctl's arguments for a profile with every setting repeated, and what they change."""

    arguments: tuple[str, ...]
    repeated: tuple[str, ...]
    lost: tuple[str, ...]
    difference: InstallationDiff = field(default_factory=InstallationDiff)

    @property
    def settings(self) -> Text:
        """The settings that are repeated, for a sentence; without any, tracing alone is set."""
        return join("comma", *self.repeated) if self.repeated else Text("tracing")

    def warn_about_losses(self) -> list[Text]:
        """Return a warning for each setting that istioctl does not take again."""
        return [
            Text("This setting cannot be repeated and is lost: {path}.", path=path)
            for path in self.lost
        ]


async def plan_upgrade(context: Context, profile: str, platform: str = "") -> ProfileUpgrade:
    """Compare the installation with a profile, repeating the settings of the live
    installation.
    """
    context.progress.say(Text("reading which settings the installation has"))
    has = await context.cluster.get(DAEMON_SET, "ztunnel", context.workshop.mesh_namespace)
    base = installation.build_arguments(
        context, profile=MODE if has else "default", settings=(), access_log=False
    )
    found = await kept_settings.read_live_settings(context, await context.mesh.render(base))
    more = platforms.get_platform_settings(context, platform)
    fresh = tuple(
        setting
        for setting in found.sets
        if setting.partition("=")[0] not in {s.partition("=")[0] for s in more}
    )

    def arguments(sets: Sequence[str]) -> tuple[str, ...]:
        return installation.build_arguments(
            context, profile=profile, settings=(*sets, *more), access_log=False
        )

    taken, rendered = await kept_settings.drop_unknown_settings(context.mesh, fresh, arguments)
    difference = await installation.compare_with_cluster(context, rendered)
    return ProfileUpgrade(
        arguments(taken.sets), (*taken.sets, *more), (*found.lost, *taken.lost), difference
    )


async def wait_for_agents(context: Context) -> bool:
    """Wait until each node has its istio-cni and its ztunnel; return False when it takes too
    long.
    """

    def all_ready(daemons: list[Object]) -> bool:
        return {get_name(d) for d in daemons if is_ready(d)} >= set(AGENTS)

    namespace, limit = context.workshop.mesh_namespace, context.workshop.readiness_timeout
    return await wait_until(context, namespace, limit, (DAEMON_SET,), all_ready)


async def wait_until_enrolled(context: Context) -> bool:
    """Wait until ztunnel captures every pod of the application that can be, showing how many it
    has; return False when one is not captured, or never is.
    """
    seen = list[Object]()

    def is_settled(pods: list[Object]) -> bool:
        seen[:] = select_application_pods(pods)
        return is_fully_enrolled(context, seen)

    limit, app = context.workshop.readiness_timeout, context.workshop.app_namespace
    settled = await wait_until(context, app, limit, (POD,), is_settled)
    return settled and all(map(is_captured, seen))


def is_fully_enrolled(context: Context, own: Sequence[Object]) -> bool:
    """Tell whether these pods are captured, but for those that never are; show how many are."""
    captured = sum(map(is_captured, own))
    context.progress.say(
        Text("{captured} of {pods} pods are in the ambient mesh", captured=captured, pods=len(own))
    )
    return bool(own) and all(is_captured(pod) or is_kept_out(pod) for pod in own)


def is_kept_out(pod: Object) -> bool:
    """Tell whether a pod is never captured: it asks so, or it is on the host's network."""
    return get_labels(pod).get(LABEL) == "none" or bool(pod["spec"].get("hostNetwork"))


def select_application_pods(pods: Sequence[Object]) -> list[Object]:
    """Return the application's pods, without gateways and waypoints, which ztunnel never
    captures, and pods being deleted.
    """
    gateway = "gateway.networking.k8s.io/gateway-name"
    return [
        p for p in pods if gateway not in get_labels(p) and "deletionTimestamp" not in p["metadata"]
    ]


async def wait_until_released(context: Context) -> bool:
    """Wait until istio-cni redirects no pod any more; return False when it takes too long."""
    limit, app = context.workshop.readiness_timeout, context.workshop.app_namespace
    return await wait_until(
        context, app, limit, (POD,), lambda pods: not any(map(has_redirection, pods))
    )


async def find_other_ambient_namespaces(context: Context) -> tuple[str, ...]:
    """Return other namespaces in the ambient mesh; without ztunnel their traffic would go
    nowhere.
    """
    found = await context.cluster.find(NAMESPACE, labels=f"{LABEL}={MODE}")
    return tuple(
        get_name(space) for space in found if get_name(space) != context.workshop.app_namespace
    )


def explain_kept_profile(others: Sequence[str]) -> Text:
    """Return why the ambient profile stays: other namespaces are in the ambient mesh too."""
    return counted(
        "Istio keeps the ambient profile: {others} is in the ambient mesh too.",
        "Istio keeps the ambient profile: {others} are in the ambient mesh too.",
        n=len(others),
        others=Listed(others, "comma"),
    )
