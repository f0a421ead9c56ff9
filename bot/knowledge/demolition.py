"""The removal itself, stage by stage, each waited for before the next begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from bot.errors import IstioError
from bot.kinds import CRD, DEPLOYMENT, NAMESPACE, POD, Kind, Object
from bot.knowledge import removal
from bot.knowledge.gatewayapi import GROUP
from bot.knowledge.removal import Found
from bot.knowledge.waiting import until
from bot.knowledge.workloads import is_ready, labels, name
from bot.ports import Part
from bot.steps import Context

Stage = Callable[[Context, Found], Awaitable[None]]

PATIENCE = 180.0
"""Seconds that a stage may take: a namespace goes in one to three minutes on a busy cluster."""


async def rules_and_gateways(context: Context, found: Found) -> None:
    """The workshop's rules, routes and gateways, and what istiod runs for the gateways."""
    await removal.delete_all(context, found.mine)
    await until(
        context,
        context.workshop.app_namespace,
        PATIENCE,
        (DEPLOYMENT,),
        lambda deployments: not any("gateway.istio.io/managed" in labels(d) for d in deployments),
    )


async def unlabel(context: Context, found: Found) -> None:
    """Takes the workshop's namespaces out of the mesh while istio-cni still runs, and waits until it let go."""
    for namespace in found.labelled:
        live = await context.cluster.get(NAMESPACE, namespace)
        if live is not None:
            await context.cluster.merge(NAMESPACE, namespace, "", removal.unlabelled(live))
    await until(context, context.workshop.app_namespace, PATIENCE, (POD,), lambda pods: not any(map(captured, pods)))


def captured(pod: Object) -> bool:
    """True while istio-cni redirects a pod's traffic."""
    return "ambient.istio.io/redirection" in (pod["metadata"].get("annotations") or {})


def has_sidecar(pod: Object) -> bool:
    """True for an injected pod, native sidecars too."""
    return "sidecar.istio.io/status" in (pod["metadata"].get("annotations") or {})


async def application(context: Context, found: Found, *, with_app: bool) -> None:
    """Deletes the application's namespace, or restarts what has sidecars."""
    namespace = context.workshop.app_namespace
    if with_app:
        await context.cluster.delete(NAMESPACE, namespace)
        await gone(context, namespace)
        return
    if not any(map(has_sidecar, await context.cluster.find(POD, namespace))):
        return
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}}}
    for deployment in found.app:
        await context.cluster.merge(DEPLOYMENT, deployment, namespace, restart)
    await until(
        context,
        namespace,
        PATIENCE,
        (DEPLOYMENT, POD),
        lambda deployments, pods: all(map(is_ready, deployments)) and not any(map(has_sidecar, pods)),
    )


async def addons(context: Context, found: Found) -> None:
    """The add-ons' workloads and their cluster-wide roles; the rest goes with the namespace."""
    for addon in found.addons:
        await context.cluster.delete(DEPLOYMENT, addon, context.workshop.mesh_namespace)
    for kind, names in removal.CLUSTER_WIDE:
        for called in names:
            await context.cluster.delete(kind, called)


async def control_plane(context: Context, found: Found) -> None:
    """`istioctl uninstall --purge`: the control plane, webhooks, roles and CRDs."""
    if not found.workloads and not found.crds:
        return
    async with context.mesh.run(["uninstall", "-y", "--purge"]) as program:
        async for output in program.output():
            if "Removed" in output.line:
                context.progress.say(output.line.strip().rstrip("."))
        if await program.wait() != 0:
            raise IstioError("uninstall: " + " ".join(program.tail[-3:]))
    await until(context, "", PATIENCE, (CRD,), lambda crds: all(c["spec"]["group"] not in removal.GROUPS for c in crds))


async def namespace(context: Context, found: Found) -> None:
    """The mesh's namespace, and what istiod left elsewhere."""
    if found.mesh_namespace:
        await context.cluster.delete(NAMESPACE, context.workshop.mesh_namespace)
        await gone(context, context.workshop.mesh_namespace)
    await removal.delete_all(context, await removal.gateway_classes(context))
    await removal.delete_all(context, await removal.certificates(context))


async def gateway_api(context: Context, found: Found) -> None:
    """The Gateway API CRDs, only when this bot applied them."""
    if not found.gateway_api.ours:
        return
    for policy in await policies(context):
        await context.cluster.delete(*policy)
    for crd in await context.cluster.find(CRD):
        if crd["spec"]["group"] == GROUP:
            await context.cluster.delete(CRD, name(crd))
    await until(context, "", PATIENCE, (CRD,), lambda crds: all(crd["spec"]["group"] != GROUP for crd in crds))


async def policies(context: Context) -> list[tuple[Kind, str]]:
    """The admission policy that came with the CRDs, its binding first."""
    kinds = await context.cluster.types("admissionregistration.k8s.io")
    wanted = [k for k in kinds if k.kind in {"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"}]
    found = [(k, name(p)) for k in wanted for p in await context.cluster.find(k) if name(p) == f"safe-upgrades.{GROUP}"]
    return sorted(found, key=lambda pair: pair[0].kind, reverse=True)


async def gone(context: Context, wanted: str) -> bool:
    """Waits until a namespace is gone."""
    return await until(context, "", PATIENCE, (NAMESPACE,), lambda spaces: all(name(s) != wanted for s in spaces))


async def demolish(context: Context, found: Found, *, with_app: bool) -> None:
    """All stages in the mesh's order, each shown."""
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
        await stage(context, found)
        context.progress.part(Part(title, done=True))
