"""Pruning of what an installation no longer renders, and deletion by an uninstall.

Both use the same kinds in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.istio.components.common import COMPONENT, NOT_PRUNED, InstallSettings, Manifest
from sandbox.istio.ctl.apply import build_installation_labels
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import Object

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
"""API version and kind of all that an installation prunes, first to last. Definitions go with a
purge only."""
_REVISIONED = "Pilot,IngressGateways,EgressGateways,Cni,Ztunnel"


def delete_stale_objects(
    run: IstioctlInvocation, settings: InstallSettings, rendered: Mapping[str, list[Manifest]]
) -> None:
    """Delete this installation's objects that `rendered` no longer holds."""
    kept = {
        (o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"])
        for os in rendered.values()
        for o in os
    }
    own = ",".join(f"{key}={value}" for key, value in build_installation_labels(settings).items())
    for api, kind in KINDS:
        for obj in run.kube.list_objects(api, kind, selector=f"{own},{COMPONENT}"):
            metadata = obj["metadata"]
            if (kind, metadata.get("namespace", ""), metadata["name"]) in kept or metadata[
                "labels"
            ].get(NOT_PRUNED) == "true":
                continue
            delete_object(run, obj)


def list_installed_objects(run: IstioctlInvocation) -> list[Object]:
    """Return every object of any installation, CRDs included."""
    return [
        obj
        for api, kind in (*KINDS, _DEFINITIONS)
        for obj in run.kube.list_objects(api, kind, selector=COMPONENT)
    ]


def list_revision_objects(run: IstioctlInvocation, revision: str, namespace: str) -> list[Object]:
    """Return the objects of one revision, without what revisions share."""
    chosen = (
        f"istio.io/rev={revision},install.operator.istio.io/owning-resource-namespace={namespace}"
    )
    selector = f"{chosen},{COMPONENT} in ({_REVISIONED})"
    return [
        obj for api, kind in KINDS for obj in run.kube.list_objects(api, kind, selector=selector)
    ]


def delete_object(run: IstioctlInvocation, obj: Object, *, dry: bool = False) -> None:
    """Delete one object, its dependents first, and print the outcome."""
    name = format_object_name(run, obj)
    if dry:
        run.write_out(f"Not pruning object {name} because of dry run.")
    elif run.kube.delete(obj, "Foreground"):
        run.write_out(f"  Removed {name}.")
    else:
        run.write_out(f"object: {name} is not being deleted because it no longer exists")


def format_object_name(run: IstioctlInvocation, obj: Object) -> str:
    """Return the object as the release's `istioctl` names it."""
    metadata, api = obj["metadata"], obj["apiVersion"]
    return run.release.istioctl.words.removed.format(
        group_version=api if "/" in api else f"/{api}",
        kind=obj["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
    )
