"""Control planes of Istio beside the workshop's own, and what changes hands between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.kinds import DEPLOYMENT, MUTATING_WEBHOOK, NAMESPACE, Object
from bot.knowledge.istio.installation import (
    DEFAULT_REVISION,
    REVISION,
    find_istiod,
    get_istio_version,
)
from bot.knowledge.objects.workloads import get_labels, get_name, is_being_deleted
from bot.steps import Context
from bot.text import EMPTY, Listed, Text, counted

TAG = "istio.io/tag"
"""The label of a webhook that makes a revision known under another name (Istio 1.23 and 1.30)."""
INJECTION = "istio-injection"


@dataclass(frozen=True)
class ControlPlane:
    """An istiod by name and namespace, with its revision and version."""

    name: str
    namespace: str
    revision: str
    version: str

    @property
    def words(self) -> Text:
        """Its name, and what tells it from others."""
        return Text(
            "{name} in {namespace} (revision {revision}, Istio {version})",
            name=self.name,
            namespace=self.namespace,
            revision=self.revision,
            version=self.version,
        )


def build_control_plane(istiod: Object) -> ControlPlane:
    """Return the control plane of a Deployment of istiod; without a label it is the default one."""
    revision = get_labels(istiod).get(REVISION) or DEFAULT_REVISION
    namespace = str(istiod["metadata"].get("namespace", ""))
    return ControlPlane(get_name(istiod), namespace, revision, get_istio_version(istiod))


async def find_other_control_planes(context: Context) -> tuple[ControlPlane, ...]:
    """Return each istiod of the cluster but the workshop's, which is `istiod` in the mesh's
    namespace.
    """
    found = await context.cluster.find(DEPLOYMENT, labels="app=istiod")
    planes = [build_control_plane(each) for each in found if not is_being_deleted(each)]
    own = ("istiod", context.workshop.mesh_namespace)
    return tuple(plane for plane in planes if (plane.name, plane.namespace) != own)


async def explain_absence(context: Context) -> Text:
    """Return why there is no istiod to work with, without a full stop, or EMPTY."""
    if await find_istiod(context) is not None:
        return EMPTY
    mesh = context.workshop.mesh_namespace
    if others := await find_other_control_planes(context):
        return Text(
            "Istio is not installed as the default revision: there is no istiod in {mesh}, only "
            "{planes}",
            mesh=mesh,
            planes=list_planes(others),
        )
    return Text("Istio is not installed: there is no istiod in {mesh}", mesh=mesh)


def list_planes(planes: tuple[ControlPlane, ...]) -> Listed:
    """Return control planes in words, as a list for a sentence."""
    return Listed([plane.words for plane in planes])


async def describe_takeover(context: Context) -> tuple[Text, ...]:
    """Return what an installation of the default revision takes over from another control plane:
    webhooks that lead there, and the namespaces whose pods they inject.
    """
    webhooks = await context.cluster.find(MUTATING_WEBHOOK, labels="app=sidecar-injector")
    taken = [each for each in webhooks if is_taken_over(each, context.workshop.mesh_namespace)]
    if not taken:
        return ()
    lines = [
        Text(
            "takes over MutatingWebhookConfiguration {name} from revision {revision}",
            name=get_name(each),
            revision=get_labels(each).get(REVISION, DEFAULT_REVISION),
        )
        for each in taken
    ]
    spaces = await context.cluster.find(NAMESPACE)
    served = [get_name(space) for space in spaces if is_injected_by_default(get_labels(space))]
    if served:
        lines.append(
            counted(
                "namespace {names} gets the sidecars of the new istiod when its pods restart",
                "namespaces {names} get the sidecars of the new istiod when their pods restart",
                n=len(served),
                names=Listed(served, "comma"),
            )
        )
    return tuple(lines)


def is_taken_over(webhook: Object, namespace: str) -> bool:
    """Tell whether a webhook is one that istioctl writes for the default revision in that
    namespace, and belongs to another control plane.
    """
    labels = get_labels(webhook)
    if labels.get(TAG) != DEFAULT_REVISION and get_name(webhook) != "istio-sidecar-injector":
        return False
    services = [
        (hook.get("clientConfig") or {}).get("service") or {}
        for hook in webhook.get("webhooks") or []
    ]
    elsewhere = any(each.get("namespace", namespace) != namespace for each in services)
    return elsewhere or labels.get(REVISION, DEFAULT_REVISION) != DEFAULT_REVISION


def is_injected_by_default(labels: Mapping[str, str]) -> bool:
    """Tell whether a namespace's labels ask the default revision for sidecars."""
    if INJECTION in labels:
        return labels[INJECTION] == "enabled"
    return labels.get(REVISION) == DEFAULT_REVISION
