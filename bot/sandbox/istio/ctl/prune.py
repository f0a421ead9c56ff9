"""Removing what an installation no longer renders, and what an uninstall names: the same kinds in the same order."""

from __future__ import annotations

from collections.abc import Mapping

from bot.sandbox.istio.components.common import COMPONENT, NOT_PRUNED, Manifest, Settings
from bot.sandbox.istio.ctl.apply import owner_labels
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.ctl.kube import Object

_NAMESPACED = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Pod"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("policy/v1", "PodDisruptionBudget"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("networking.istio.io/v1alpha3", "EnvoyFilter"),
)
_CLUSTER = (
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
)
_DEFINITIONS = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
KINDS = (*_NAMESPACED, *_CLUSTER)
"""API version and kind of all that an installation prunes, first to last. Definitions go with a purge only."""
_REVISIONED = "Pilot,IngressGateways,EgressGateways,Cni,Ztunnel"


def remove_stale(run: Invocation, settings: Settings, rendered: Mapping[str, list[Manifest]]) -> None:
    """Deletes this installation's objects that `rendered` no longer holds."""
    kept = {
        (o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]) for os in rendered.values() for o in os
    }
    own = ",".join(f"{key}={value}" for key, value in owner_labels(settings).items())
    for api, kind in KINDS:
        for obj in run.kube.find(api, kind, selector=f"{own},{COMPONENT}"):
            metadata = obj["metadata"]
            if (kind, metadata.get("namespace", ""), metadata["name"]) in kept or metadata["labels"].get(
                NOT_PRUNED
            ) == "true":
                continue
            delete(run, obj)


def everything(run: Invocation) -> list[Object]:
    """Every object of any installation, definitions included."""
    return [obj for api, kind in (*KINDS, _DEFINITIONS) for obj in run.kube.find(api, kind, selector=COMPONENT)]


def of_revision(run: Invocation, revision: str, namespace: str) -> list[Object]:
    """The objects of one revision, without what revisions share."""
    chosen = f"istio.io/rev={revision},install.operator.istio.io/owning-resource-namespace={namespace}"
    selector = f"{chosen},{COMPONENT} in ({_REVISIONED})"
    return [obj for api, kind in KINDS for obj in run.kube.find(api, kind, selector=selector)]


def delete(run: Invocation, obj: Object, *, dry: bool = False) -> None:
    """Deletes one object with its dependents first and says so."""
    name = shown(run, obj)
    if dry:
        run.out(f"Not pruning object {name} because of dry run.")
    elif run.kube.delete(obj, "Foreground"):
        run.out(f"  Removed {name}.")
    else:
        run.out(f"object: {name} is not being deleted because it no longer exists")


def shown(run: Invocation, obj: Object) -> str:
    """The object as the release's `istioctl` names it."""
    metadata, api = obj["metadata"], obj["apiVersion"]
    return run.release.words.removed.format(
        group_version=api if "/" in api else f"/{api}",
        kind=obj["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
    )
