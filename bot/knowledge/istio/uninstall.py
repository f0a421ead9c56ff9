"""The removal of the mesh, stage by stage; each stage is waited for before the next begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from bot.kinds import CRD, DEPLOYMENT, NAMESPACE, POD, Kind, Object
from bot.knowledge.istio import istioctl_failures, uninstall_survey
from bot.knowledge.istio.gateway_api_crds import GROUP
from bot.knowledge.istio.istioctl_runs import run_istioctl
from bot.knowledge.istio.sidecars import withdraw_own_requests
from bot.knowledge.istio.uninstall_survey import MeshInventory
from bot.knowledge.objects import namespace_removal
from bot.knowledge.objects.apply import restart_deployment
from bot.knowledge.objects.foreign_objects import ISTIO_GROUPS
from bot.knowledge.objects.mesh_pods import has_sidecar
from bot.knowledge.objects.ownership import is_of_bot_alone
from bot.knowledge.objects.pod_causes import suggest_remedies
from bot.knowledge.objects.waiting import wait_until
from bot.knowledge.objects.workloads import get_labels, get_name, select_pods
from bot.ports import Part
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, join, verbatim

Stage = Callable[[Context, MeshInventory], Awaitable[Text]]
"""One stage; returns EMPTY when it is through, or why the next one must not begin."""

STAGE_TIMEOUT = 180.0
"""Seconds that a stage may take: what is deleted goes in one to three minutes on a busy cluster."""


async def remove_rules_and_gateways(context: Context, found: MeshInventory) -> Text:
    """Delete the workshop's rules, routes and gateways.

    Returns when istiod's Deployments for the gateways are gone.
    """
    await uninstall_survey.delete_all(context, found.own_objects)
    await wait_until(
        context,
        context.workshop.app_namespace,
        STAGE_TIMEOUT,
        (DEPLOYMENT,),
        lambda deployments: (
            not any("gateway.istio.io/managed" in get_labels(d) for d in deployments)
        ),
    )
    return EMPTY


async def remove_mesh_labels(context: Context, found: MeshInventory) -> Text:
    """Remove the mesh's labels from the workshop's namespaces.

    Returns when istio-cni, which must still run then, redirects no pod any more.
    """
    for namespace in found.labelled:
        live = await context.cluster.get(NAMESPACE, namespace)
        if live is not None:
            await context.cluster.merge(
                NAMESPACE, namespace, "", uninstall_survey.build_unlabel_patch(live)
            )
    app = context.workshop.app_namespace
    if await wait_until(
        context, app, STAGE_TIMEOUT, (POD,), lambda pods: not any(map(has_redirection, pods))
    ):
        return EMPTY
    return Text("pods in {app} are still in the ambient mesh: is istio-cni running?", app=app)


def has_redirection(pod: Object) -> bool:
    """Tell whether istio-cni still redirects a pod's traffic."""
    return "ambient.istio.io/redirection" in (pod["metadata"].get("annotations") or {})


async def remove_application(context: Context, found: MeshInventory, *, with_app: bool) -> Text:
    """Delete the application's namespace, or restart what has sidecars until they are gone."""
    namespace = context.workshop.app_namespace
    if with_app:
        return await remove_application_namespace(context)
    await withdraw_own_requests(context)
    for deployment in found.injected:
        await restart_deployment(context, namespace, deployment)
    if await wait_until(
        context,
        namespace,
        STAGE_TIMEOUT,
        (DEPLOYMENT, POD),
        partial(has_no_sidecars, found.injected),
    ):
        return EMPTY
    return Text(
        "pods in {namespace} do not restart without their sidecars: `kubectl get pods -n "
        "{namespace}` shows why; `{command} uninstall app` deletes the namespace instead",
        namespace=namespace,
        command=context.command,
    )


async def remove_application_namespace(context: Context) -> Text:
    """Delete the application's namespace, and return what blocks that, or EMPTY when it is gone."""
    namespace = context.workshop.app_namespace
    await context.cluster.delete(NAMESPACE, namespace)
    if await namespace_removal.wait_until_gone(context, namespace):
        return EMPTY
    blocker = await namespace_removal.find_deletion_blocker(context, namespace)
    if not blocker:
        return Text("namespace {namespace} does not go", namespace=namespace)
    return Text("namespace {namespace} does not go: {why}", namespace=namespace, why=blocker)


def has_no_sidecars(
    injected: tuple[str, ...], deployments: list[Object], pods: list[Object]
) -> bool:
    """Tell whether no pod of these Deployments has a sidecar any more."""
    ours = [pod for d in deployments if get_name(d) in injected for pod in select_pods(pods, d)]
    return not any(map(has_sidecar, ours))


async def remove_addons(context: Context, found: MeshInventory) -> Text:
    """Delete the add-ons' Deployments and cluster-wide roles; the rest goes with the namespace."""
    for addon in found.addons:
        await context.cluster.delete(DEPLOYMENT, addon, context.workshop.mesh_namespace)
    await uninstall_survey.delete_all(context, await uninstall_survey.find_addon_roles(context))
    return EMPTY


async def remove_control_plane(context: Context, found: MeshInventory) -> Text:
    """Run `istioctl uninstall --purge`, which removes the control plane, webhooks, roles, CRDs."""
    if not found.workloads and not found.crds:
        return EMPTY
    ended = await run_istioctl(
        context, ["uninstall", "-y", "--purge"], partial(show_removal_progress, context)
    )
    if ended.code != 0:
        causes = (
            istioctl_failures.list_errors(ended)
            or [*map(verbatim, ended.tail[-1:])]
            or [Text("it ended with code {code}", code=ended.code)]
        )
        return Text(
            "istioctl uninstall: {causes}. {remedies}",
            causes=Listed(causes[: istioctl_failures.MOST_ERRORS], "semicolon"),
            remedies=join("sentences", *suggest_remedies(causes)),
        )
    await wait_until(
        context,
        "",
        STAGE_TIMEOUT,
        (CRD,),
        lambda crds: all(c["spec"]["group"] not in ISTIO_GROUPS for c in crds),
    )
    return EMPTY


def show_removal_progress(context: Context, line: str) -> None:
    """Show what istioctl has removed."""
    if "Removed" in line:
        context.progress.say(verbatim(line.strip().rstrip(".")))


async def remove_mesh_namespace(context: Context, found: MeshInventory) -> Text:
    """Delete the mesh's namespace, and what istiod left elsewhere."""
    mesh = context.workshop.mesh_namespace
    if found.mesh_namespace:
        await context.cluster.delete(NAMESPACE, mesh)
        await namespace_removal.wait_until_gone(context, mesh)
    await uninstall_survey.delete_all(context, await uninstall_survey.find_gateway_classes(context))
    await uninstall_survey.delete_all(context, await uninstall_survey.find_ca_config_maps(context))
    return EMPTY


async def remove_gateway_api(context: Context, found: MeshInventory) -> Text:
    """Delete the Gateway API CRDs, only when this bot applied them and nobody else needs them;
    those that others set stay.
    """
    if not found.removes_gateway_api:
        return EMPTY
    for policy in await find_admission_policies(context):
        await context.cluster.delete(*policy)
    ours = {
        get_name(crd)
        for crd in await context.cluster.find(CRD)
        if crd["spec"]["group"] == GROUP and is_of_bot_alone(crd)
    }
    for name in sorted(ours):
        await context.cluster.delete(CRD, name)
    await wait_until(
        context,
        "",
        STAGE_TIMEOUT,
        (CRD,),
        lambda crds: ours.isdisjoint(map(get_name, crds)),
    )
    return EMPTY


async def find_admission_policies(context: Context) -> list[tuple[Kind, str]]:
    """Return the admission policy that came with the CRDs as (kind, name), its binding first."""
    kinds = await context.cluster.types("admissionregistration.k8s.io")
    wanted = [
        k
        for k in kinds
        if k.kind in {"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"}
    ]
    found = [
        (k, get_name(p))
        for k in wanted
        for p in await context.cluster.find(k)
        if get_name(p) == f"safe-upgrades.{GROUP}" and is_of_bot_alone(p)
    ]
    return sorted(found, key=lambda pair: pair[0].kind, reverse=True)


async def remove_mesh(context: Context, found: MeshInventory, *, with_app: bool) -> Text:
    """Run all stages in order and show each.

    Returns EMPTY, or why it stopped before a stage that would have done harm.
    """
    stages: tuple[tuple[Text, Stage], ...] = (
        (Text("rules and gateways"), remove_rules_and_gateways),
        (Text("labels"), remove_mesh_labels),
        (Text("application"), partial(remove_application, with_app=with_app)),
        (Text("add-ons"), remove_addons),
        (Text("control plane"), remove_control_plane),
        (Text("namespace"), remove_mesh_namespace),
        (Text("Gateway API"), remove_gateway_api),
    )
    for title, stage in stages:
        context.progress.say(Text("removing: {title}", title=title))
        context.progress.part(Part(title))
        if why := await stage(context, found):
            return why
        context.progress.part(Part(title, done=True))
    return EMPTY
