"""What a removal of the mesh takes away and leaves, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.kinds import CONFIG_MAP, NAMESPACE
from bot.knowledge.istio import injection_verdict as injection
from bot.knowledge.istio import revisions, sidecars, uninstall_survey
from bot.knowledge.istio.revisions import ControlPlane
from bot.knowledge.istio.uninstall_survey import MeshInventory, ObjectId, survey_mesh
from bot.knowledge.objects import foreign_objects, namespace_removal
from bot.knowledge.objects.conflicts import judge_labels
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, counted, join


def describe_removal(found: MeshInventory, context: Context, *, with_app: bool) -> tuple[Text, ...]:
    """Return what will be removed, counted by kind."""
    lines = (
        describe_own_objects(found),
        describe_labels(found),
        describe_application(found, context) if with_app else EMPTY,
        describe_addons(found),
        describe_control_plane(found),
        describe_crds(found),
        describe_mesh_namespace(found, context),
        describe_gateway_api(found),
    )
    return tuple(filter(None, lines))


def describe_own_objects(found: MeshInventory) -> Text:
    """Return the workshop's rules, routes and gateways by kind, or EMPTY."""
    if not found.own_objects:
        return EMPTY
    places = Listed(sorted({namespace for _, _, namespace in found.own_objects}))
    return Text("{by_kind} in {places}", by_kind=count_by_kind(found.own_objects), places=places)


def describe_labels(found: MeshInventory) -> Text:
    """Return the workshop's namespaces with labels of the mesh, or EMPTY."""
    if not found.labelled:
        return EMPTY
    return Text("the mesh's labels on {labelled}", labelled=Listed(found.labelled, "comma"))


def describe_application(found: MeshInventory, context: Context) -> Text:
    """Return the application's namespace with its Deployments, or EMPTY when there are none."""
    if not found.app:
        return EMPTY
    return Text(
        "the namespace {app} with its {count}",
        app=context.workshop.app_namespace,
        count=count_kind(len(found.app), "Deployment"),
    )


def describe_addons(found: MeshInventory) -> Text:
    """Return the add-ons, or EMPTY."""
    if not found.addons:
        return EMPTY
    names = Listed(found.addons, "comma")
    return counted("{n} add-on: {names}", "{n} add-ons: {names}", n=len(found.addons), names=names)


def describe_control_plane(found: MeshInventory) -> Text:
    """Return the workloads of Istio, or EMPTY."""
    if not found.workloads:
        return EMPTY
    return Text(
        "Istio: {workloads}, with webhooks and roles", workloads=Listed(found.workloads, "comma")
    )


def describe_crds(found: MeshInventory) -> Text:
    """Return Istio's CRDs with what goes with them, or EMPTY."""
    if not found.crds:
        return EMPTY
    return counted(
        "{n} Istio CRD, and with it every rule of its kind in the cluster",
        "{n} Istio CRDs, and with them every rule in the cluster",
        n=len(found.crds),
    )


def describe_mesh_namespace(found: MeshInventory, context: Context) -> Text:
    """Return the mesh's namespace, or EMPTY when there is none."""
    if not found.mesh_namespace:
        return EMPTY
    mesh = context.workshop.mesh_namespace
    return Text("the namespace {mesh} with all that is in it", mesh=mesh)


def describe_gateway_api(found: MeshInventory) -> Text:
    """Return the Gateway API's CRDs when they go, or EMPTY."""
    if not found.removes_gateway_api:
        return EMPTY
    return Text(
        "the Gateway API CRDs {version}, which this bot applied", version=found.gateway_api.version
    )


def list_kept(found: MeshInventory, context: Context, *, with_app: bool) -> tuple[Text, ...]:
    """Return lines about what is kept: the application, and CRDs that others need."""
    lines = list[Text]()
    if found.app and not with_app:
        lines.append(Text("kept: {words}", words=describe_kept_application(found, context)))
    if found.gateway_api.ours and found.gateway_api_users:
        lines.append(
            Text(
                "kept: the Gateway API CRDs {version}, for {names}",
                version=found.gateway_api.version,
                names=list_names(found.gateway_api_users),
            )
        )
    if found.removes_gateway_api and found.other_crds:
        names = Listed(found.other_crds, "comma")
        lines.append(Text("kept: CRDs of the Gateway API that others set: {names}", names=names))
    return tuple(lines)


def describe_kept_application(found: MeshInventory, context: Context) -> Text:
    """Return the application's Deployments, and how many of them restart without sidecars."""
    namespace, count = context.workshop.app_namespace, count_kind(len(found.app), "Deployment")
    if not found.injected:
        return Text("{count} in {namespace}", count=count, namespace=namespace)
    return counted(
        "{count} in {namespace}; {n} of them restarts without sidecars",
        "{count} in {namespace}; {n} of them restart without sidecars",
        count=count,
        namespace=namespace,
        n=len(found.injected),
    )


def warn_about_others(found: MeshInventory) -> tuple[Text, ...]:
    """Return warnings about objects of other people that are concerned, by name."""
    lines = []
    if found.other_rules:
        lines.append(
            Text(
                "Rules of others go too ({by_kind}): {names}.",
                by_kind=count_by_kind(found.other_rules),
                names=list_names(found.other_rules),
            )
        )
    if found.other_gateways:
        lines.append(
            Text(
                "Gateways of others lose their controller: {names}.",
                names=list_names(found.other_gateways),
            )
        )
    if found.stuck:
        lines.append(
            Text(
                "Pods that no Deployment restarts keep dead sidecars: {pods}.",
                pods=Listed(found.stuck, "comma"),
            )
        )
    if found.other_labelled:
        lines.append(
            Text(
                "Other namespaces are in the mesh; their pods keep dead sidecars: {namespaces}.",
                namespaces=Listed(found.other_labelled, "comma"),
            )
        )
    return tuple(lines)


async def list_warnings(
    context: Context, found: MeshInventory, *, with_app: bool
) -> tuple[Text, ...]:
    """Return warnings about what belongs to others, also within the workshop's namespaces."""
    mesh, app = context.workshop.mesh_namespace, context.workshop.app_namespace
    lines = await foreign_objects.warn_about_foreign_objects(context, mesh)
    warn = (
        foreign_objects.warn_about_foreign_objects
        if with_app
        else foreign_objects.warn_about_foreign_rules
    )
    planes = await revisions.find_other_control_planes(context)
    return (
        *warn_about_others(found),
        *warn_about_planes(planes),
        *await warn_about_labels(context, found),
        *lines,
        *await warn(context, app),
        *([] if with_app else await warn_about_own_requests(context)),
    )


def warn_about_planes(planes: tuple[ControlPlane, ...]) -> list[Text]:
    """Return a warning about other control planes: istioctl removes each that it installed."""
    if not planes:
        return []
    return [
        counted(
            "Another control plane goes too: {planes}.",
            "Other control planes go too: {planes}.",
            n=len(planes),
            planes=revisions.list_planes(planes),
        )
    ]


async def warn_about_own_requests(context: Context) -> list[Text]:
    """Return warnings about labels in pod templates that would bring sidecars back."""
    found = await sidecars.find_own_requests(context)
    return [
        Text("{what}.", what=what) for what in await injection.describe_own_requests(context, found)
    ]


async def warn_about_labels(context: Context, found: MeshInventory) -> list[Text]:
    """Return warnings about labels of others that the workshop's namespaces lose."""
    lines = []
    for name in found.labelled:
        live = await context.cluster.get(NAMESPACE, name)
        gone = uninstall_survey.build_unlabel_patch(live)["metadata"]["labels"] if live else {}
        if live and (lost := judge_labels(live, gone)):
            lines.append(
                Text(
                    "Namespace {name} loses what {managers} set: {changes}.",
                    name=name,
                    managers=Listed(lost.managers, "comma"),
                    changes=Listed(lost.changes, "comma"),
                )
            )
    return lines


@dataclass(frozen=True)
class Leftovers:
    """Objects that are still there after a removal.

    `mesh` holds those of the mesh itself, which should be gone; `other` those that it leaves.
    """

    mesh: tuple[Text, ...]
    other: tuple[Text, ...]


async def find_leftovers(context: Context) -> Leftovers:
    """Survey the mesh again, and return what is left with its owner or reason."""
    found = await survey_mesh(context)
    maps = await context.cluster.find(CONFIG_MAP, labels="istio.io/config=true")
    namespace = await describe_blocked_namespace(context) if found.mesh_namespace else EMPTY
    return Leftovers(
        tuple(list_mesh_leftovers(found, namespace)), tuple(list_other_leftovers(found, len(maps)))
    )


def list_mesh_leftovers(found: MeshInventory, namespace: Text) -> list[Text]:
    """Return what is left of the mesh itself; `namespace` describes its namespace, or is EMPTY."""
    left = []
    if found.crds:
        left.append(counted("{n} Istio CRD", "{n} Istio CRDs", n=len(found.crds)))
    if found.workloads or found.addons:
        names = Listed([*found.workloads, *found.addons], "comma")
        left.append(Text("workloads {names}", names=names))
    if namespace:
        left.append(namespace)
    if found.own_objects:
        left.append(join("comma", *count_by_kind(found.own_objects).items))
    return left


async def describe_blocked_namespace(context: Context) -> Text:
    """Return the mesh's namespace with what blocks its deletion."""
    namespace = context.workshop.mesh_namespace
    why = await namespace_removal.find_deletion_blocker(context, namespace)
    if not why:
        return Text("namespace {namespace}", namespace=namespace)
    return Text("namespace {namespace} ({why})", namespace=namespace, why=why)


def list_other_leftovers(found: MeshInventory, ca_config_maps: int) -> list[Text]:
    """Return what a removal leaves because others own it."""
    left = []
    if found.gateway_api.version:
        version = found.gateway_api.version
        left.append(
            Text("Gateway API CRDs {version} (others use them)", version=version)
            if found.gateway_api.ours
            else Text("Gateway API CRDs {version} (not applied by this bot)", version=version)
        )
    if found.stuck:
        left.append(
            Text(
                "pods with dead sidecars, for their owners to restart: {pods}",
                pods=Listed(found.stuck, "comma"),
            )
        )
    if found.other_labelled:
        left.append(
            Text("mesh labels on {namespaces}", namespaces=Listed(found.other_labelled, "comma"))
        )
    if ca_config_maps:
        left.append(
            Text(
                "{count} with Istio's CA certificate", count=count_kind(ca_config_maps, "ConfigMap")
            )
        )
    return left


def count_by_kind(objects: Iterable[ObjectId]) -> Listed:
    """Return objects counted by kind, such as `2 VirtualServices, 1 Gateway`."""
    found = sorted(Counter(kind.kind for kind, _, _ in objects).items())
    return Listed([count_kind(n, kind) for kind, n in found], "comma")


def count_kind(count: int, kind: str) -> str:
    """Return a count of a Kubernetes kind, such as `2 Gateways`; kinds are not translated."""
    return f"{count} {kind if count == 1 else pluralize(kind)}"


def pluralize(kind: str) -> str:
    """Return the plural of a kind: `Policies` of `Policy`, `Gateways` of `Gateway`."""
    if kind.endswith("y") and kind[-2] not in "aeiou":
        return f"{kind[:-1]}ies"
    return f"{kind}s"


def list_names(objects: Iterable[ObjectId], most: int = 10) -> Text:
    """Return objects by name, such as `VirtualService shop/cart, …`, at most `most` of them."""
    names = [
        f"{kind.kind} {namespace}/{name}" if namespace else f"{kind.kind} {name}"
        for kind, name, namespace in objects
    ]
    more = len(names) - most
    if more <= 0:
        return join("comma", *names)
    return counted(
        "{names} and {n} more", "{names} and {n} more", names=Listed(names[:most], "comma"), n=more
    )


def explain_leftovers(left: Sequence[Text], why: str) -> Text:
    """Return what of the mesh is still there; `why` is what holds it, by Kubernetes, or ""."""
    there = Listed(left, "comma")
    if why:
        return Text("still there: {mesh}; {why}.", mesh=there, why=why)
    return Text("still there: {mesh}; Kubernetes does not say what holds it.", mesh=there)
