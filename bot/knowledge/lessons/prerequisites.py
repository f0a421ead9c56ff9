"""What must be there before a lesson: the application, its proxies, a caller inside the mesh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.kinds import Object
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_condition, get_labels
from bot.knowledge.routing.enforce import build_unchanged_verdict
from bot.knowledge.snapshot import Snapshot
from bot.steps import Context, Verdict
from bot.text import Listed, Text


def check_members(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when pods of the application are missing or have no proxy, else None."""
    pods, namespace = now.app_pods, context.workshop.app_namespace
    if not pods:
        because = Text("Bookinfo does not run in {namespace}.", namespace=namespace)
        return build_unchanged_verdict(context, because, "bookinfo")
    outside = list_outsiders(pods)
    if not outside:
        return None
    if len(outside) == len(list_apps(pods)):
        because = Text("the pods have no proxy of the mesh, so that nothing knows who calls.")
        return build_unchanged_verdict(context, because, "inject", "ambient")
    because = Text(
        "some pods have no proxy of the mesh, and would be shut out: {apps}.",
        apps=Listed(outside, "comma"),
    )
    return build_unchanged_verdict(context, because, "inject", "ambient")


def list_outsiders(pods: Sequence[Object]) -> list[str]:
    """Return the applications of which a pod has no proxy, by their label `app`."""
    return list_apps(pod for pod in pods if not (has_sidecar(pod) or is_captured(pod)))


def list_apps(pods: Iterable[Object]) -> list[str]:
    """Return the values of the label `app`, sorted, each once."""
    return sorted({get_labels(pod).get("app", "") for pod in pods})


def check_gateway(context: Context, now: Snapshot) -> Verdict | None:
    """Return a verdict when no gateway serves the page, else None.

    The gateway is the caller inside the mesh that the bot can ask through.
    """
    gateways = [g for g in now.gateways.values() if g["spec"].get("gatewayClassName") == "istio"]
    if any(get_condition(g, "Programmed").get("status") == "True" for g in gateways):
        return None
    because = Text(
        "without a gateway I could only ask from outside the mesh, and nobody would see that "
        "inside all is well."
    )
    return build_unchanged_verdict(context, because, "expose")
