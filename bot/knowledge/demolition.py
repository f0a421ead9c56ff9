"""The removal itself, stage by stage, each waited for before the next begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from bot.kinds import CRD, DEPLOYMENT, NAMESPACE, POD, Kind, Object
from bot.knowledge import namespaces, removal, setbacks
from bot.knowledge.gatewayapi import GROUP
from bot.knowledge.removal import Found
from bot.knowledge.running import istioctl
from bot.knowledge.waiting import until
from bot.knowledge.workloads import labels, name, selected
from bot.ports import Part
from bot.steps import Context

Stage = Callable[[Context, Found], Awaitable[str]]
"""One stage; gives "" when it is through, or why the next one must not begin."""

PATIENCE = 180.0
"""Seconds that a stage may take: what is deleted goes in one to three minutes on a busy cluster."""


async def rules_and_gateways(context: Context, found: Found) -> str:
    """The workshop's rules, routes and gateways, and what istiod runs for the gateways."""
    await removal.delete_all(context, found.mine)
    await until(
        context,
        context.workshop.app_namespace,
        PATIENCE,
        (DEPLOYMENT,),
        lambda deployments: not any("gateway.istio.io/managed" in labels(d) for d in deployments),
    )
    return ""


async def unlabel(context: Context, found: Found) -> str:
    """Takes the workshop's namespaces out of the mesh while istio-cni still runs, and waits until it let go."""
    for namespace in found.labelled:
        live = await context.cluster.get(NAMESPACE, namespace)
        if live is not None:
            await context.cluster.merge(NAMESPACE, namespace, "", removal.unlabelled(live))
    app = context.workshop.app_namespace
    if await until(context, app, PATIENCE, (POD,), lambda pods: not any(map(captured, pods))):
        return ""
    return f"pods in {app} are still in the ambient mesh: is istio-cni running?"


def captured(pod: Object) -> bool:
    """True while istio-cni redirects a pod's traffic."""
    return "ambient.istio.io/redirection" in (pod["metadata"].get("annotations") or {})


async def application(context: Context, found: Found, *, with_app: bool) -> str:
    """Deletes the application's namespace, or restarts what has sidecars and waits until they are gone."""
    namespace = context.workshop.app_namespace
    if with_app:
        await context.cluster.delete(NAMESPACE, namespace)
        if await namespaces.gone(context, namespace):
            return ""
        return f"namespace {namespace} does not go: {await namespaces.holds(context, namespace)}".rstrip(": ")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}}}
    for deployment in found.injected:
        await context.cluster.merge(DEPLOYMENT, deployment, namespace, restart)
    if await until(context, namespace, PATIENCE, (DEPLOYMENT, POD), partial(shed, found.injected)):
        return ""
    return (
        f"pods in {namespace} do not restart without their sidecars: `kubectl get pods -n {namespace}` shows why; "
        f"`{context.command} uninstall app` deletes the namespace instead"
    )


def shed(injected: tuple[str, ...], deployments: list[Object], pods: list[Object]) -> bool:
    """True when no pod of these Deployments has a sidecar any more."""
    ours = [pod for d in deployments if name(d) in injected for pod in selected(pods, d)]
    return not any(map(removal.has_sidecar, ours))


async def addons(context: Context, found: Found) -> str:
    """The add-ons' workloads and their cluster-wide roles; the rest goes with the namespace."""
    for addon in found.addons:
        await context.cluster.delete(DEPLOYMENT, addon, context.workshop.mesh_namespace)
    for kind, names in removal.CLUSTER_WIDE:
        for called in names:
            await context.cluster.delete(kind, called)
    return ""


async def control_plane(context: Context, found: Found) -> str:
    """`istioctl uninstall --purge`: the control plane, webhooks, roles and CRDs."""
    if not found.workloads and not found.crds:
        return ""
    ended = await istioctl(context, ["uninstall", "-y", "--purge"], partial(tell, context))
    if ended.code != 0:
        said = setbacks.words(ended.tail) or ended.tail[-1:] or [f"it ended with code {ended.code}"]
        return f"istioctl uninstall: {'; '.join(said[: setbacks.MOST])}. {' '.join(setbacks.advice(said))}".rstrip(".")
    await until(context, "", PATIENCE, (CRD,), lambda crds: all(c["spec"]["group"] not in removal.GROUPS for c in crds))
    return ""


def tell(context: Context, line: str) -> None:
    """Shows what istioctl has removed."""
    if "Removed" in line:
        context.progress.say(line.strip().rstrip("."))


async def namespace(context: Context, found: Found) -> str:
    """The mesh's namespace, and what istiod left elsewhere."""
    mesh = context.workshop.mesh_namespace
    if found.mesh_namespace:
        await context.cluster.delete(NAMESPACE, mesh)
        await namespaces.gone(context, mesh)
    await removal.delete_all(context, await removal.gateway_classes(context))
    await removal.delete_all(context, await removal.certificates(context))
    return ""


async def gateway_api(context: Context, found: Found) -> str:
    """The Gateway API CRDs, only when this bot applied them."""
    if not found.gateway_api.ours:
        return ""
    for policy in await policies(context):
        await context.cluster.delete(*policy)
    for crd in await context.cluster.find(CRD):
        if crd["spec"]["group"] == GROUP:
            await context.cluster.delete(CRD, name(crd))
    await until(context, "", PATIENCE, (CRD,), lambda crds: all(crd["spec"]["group"] != GROUP for crd in crds))
    return ""


async def policies(context: Context) -> list[tuple[Kind, str]]:
    """The admission policy that came with the CRDs, its binding first."""
    kinds = await context.cluster.types("admissionregistration.k8s.io")
    wanted = [k for k in kinds if k.kind in {"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"}]
    found = [(k, name(p)) for k in wanted for p in await context.cluster.find(k) if name(p) == f"safe-upgrades.{GROUP}"]
    return sorted(found, key=lambda pair: pair[0].kind, reverse=True)


async def demolish(context: Context, found: Found, *, with_app: bool) -> str:
    """All stages in the mesh's order, each shown; "", or why it stopped before a stage that would have done harm."""
    stages: tuple[tuple[str, Stage], ...] = (
        ("rules and gateways", rules_and_gateways),
        ("labels", unlabel),
        ("application", partial(application, with_app=with_app)),
        ("add-ons", addons),
        ("control plane", control_plane),
        ("namespace", namespace),
        ("Gateway API", gateway_api),
    )
    for title, stage in stages:
        context.progress.say(f"removing: {title}")
        context.progress.part(Part(title))
        if why := await stage(context, found):
            return why
        context.progress.part(Part(title, done=True))
    return ""
