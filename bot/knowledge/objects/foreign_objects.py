"""What others made in a namespace, for the question before all of it is deleted.

Only kinds that the bot may list are looked through, which Secrets are not; what Kubernetes and
Istio make of others' objects is nobody's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    INGRESS,
    JOB,
    NETWORK_POLICY,
    POD,
    SERVICE,
    STATEFUL_SET,
    VOLUME_CLAIM,
    Kind,
    Object,
)
from bot.knowledge.objects.conflicts import list_setters
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.ownership import is_own, is_recorded, list_foreign_owners
from bot.steps import Context
from bot.text import Listed, Text

ISTIO_GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
)
GATEWAY_GROUP = "gateway.networking.k8s.io"
KINDS = (
    DEPLOYMENT,
    DAEMON_SET,
    STATEFUL_SET,
    JOB,
    CRON_JOB,
    POD,
    VOLUME_CLAIM,
    SERVICE,
    INGRESS,
    CONFIG_MAP,
    NETWORK_POLICY,
)
"""Kinds of Kubernetes' own that people make."""
MAKERS = frozenset({"kube-controller-manager", "istio-operator"})
"""Field managers of Kubernetes' own controllers, one of which puts the cluster's certificate into
each namespace, and of `istioctl install`."""


async def list_rule_kinds(context: Context) -> list[Kind]:
    """Return all kinds in the cluster that say what becomes of requests."""
    served = [await context.cluster.types(group) for group in (*ISTIO_GROUPS, GATEWAY_GROUP)]
    return [kind for kinds in served for kind in kinds if kind.namespaced]


async def find_foreign_objects(
    context: Context, namespace: str, kinds: Sequence[Kind]
) -> list[Object]:
    """Return the objects of a namespace that neither the bot nor a controller made."""
    found = await asyncio.gather(*(context.cluster.find(kind, namespace) for kind in kinds))
    return [obj for objects in found for obj in objects if is_foreign(obj)]


def is_foreign(obj: Object) -> bool:
    """Tell whether others made an object, and not a controller as part of another object, nor the
    installation of the mesh.
    """
    if obj["metadata"].get("ownerReferences") or is_own(obj):
        return False
    managers = {owner.manager for owner in list_foreign_owners(obj)}
    if obj["kind"] == VOLUME_CLAIM.kind:
        # A controller makes those of a StatefulSet, and the data in them are people's.
        return True
    return bool(managers - MAKERS) or not is_recorded(obj)


def name_objects(found: Sequence[Object]) -> Listed:
    """Return objects by kind and name, with who set them."""
    return Listed(
        [
            Text("{object} ({managers})", object=describe_object(obj), managers=list_setters(obj))
            for obj in found
        ],
        "comma",
    )


async def warn_about_foreign_objects(context: Context, namespace: str) -> list[Text]:
    """Return a warning that names what others made in a namespace, [] when there is nothing."""
    kinds = (*KINDS, *await list_rule_kinds(context))
    found = await find_foreign_objects(context, namespace, kinds)
    if not found:
        return []
    return [
        Text(
            "With namespace {namespace} goes what others made in it: {objects}.",
            namespace=namespace,
            objects=name_objects(found),
        )
    ]


async def warn_about_foreign_rules(context: Context, namespace: str) -> list[Text]:
    """Return a warning that names the rules of others in a namespace, [] when there are none."""
    found = await find_foreign_objects(context, namespace, await list_rule_kinds(context))
    if not found:
        return []
    return [
        Text(
            "Rules that others made in {namespace} go too: {objects}.",
            namespace=namespace,
            objects=name_objects(found),
        )
    ]
