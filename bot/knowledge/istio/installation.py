"""The Istio installation: istioctl's arguments for it, how a live one differs, and its
state.
"""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import NotFound, UserError
from bot.kinds import CRD, DAEMON_SET, DEPLOYMENT, SERVICE, Kind, Object
from bot.knowledge.objects.diff import describe_differences, describe_object
from bot.knowledge.objects.workloads import count_ready_pods, get_labels, get_name, is_ready
from bot.ports import Cluster
from bot.steps import Context
from bot.text import Listed, Text, verbatim

TRACING = (
    "values.meshConfig.enableTracing=true",
    "values.meshConfig.defaultConfig.tracing.zipkin.address=zipkin.istio-system:9411",
    "values.meshConfig.defaultConfig.tracing.sampling=100.0",
)
"""The workshop's settings. istioctl remembers nothing, so each call repeats them (Istio 1.23 and
1.30)."""

ACCESS_LOG = "values.meshConfig.accessLogFile=/dev/stdout"
SETTING = re.compile(
    r"(values|meshConfig|components|hub|tag|revision|unvalidatedValues)[\w.\-\[\]\\/]*=[^\s\x00]*"
)
ONCE = {
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
}
"""Kinds that istiod or the API server change after the installation: only their presence is
compared."""
OWNER = "install.operator.istio.io/owning-resource"
"""A label that the installer writes over what is rendered (Istio 1.23)."""
AT_ONCE = 8


@dataclass(frozen=True)
class InstallationDiff:
    """Changes that an installation with these arguments would make to the cluster; false when
    there are none.
    """

    new: tuple[Text, ...] = ()
    changed: tuple[Text, ...] = ()
    removed: tuple[Text, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.removed)

    @property
    def lines(self) -> tuple[Text, ...]:
        """The changes in words, removals first."""
        return (
            *(Text("removes {thing}", thing=thing) for thing in self.removed),
            *(Text("changes {thing}", thing=thing) for thing in self.changed),
            *(Text("adds {thing}", thing=thing) for thing in self.new),
        )


def build_arguments(
    context: Context, *, profile: str, settings: Sequence[str], access_log: bool
) -> tuple[str, ...]:
    """Return istioctl's arguments for an installation.

    Raises UserError for profiles and settings that this release does not have.
    """
    profiles = context.mesh.profiles
    if profile not in profiles:
        near = difflib.get_close_matches(profile, profiles, n=1)
        hint = Text("Did you mean `{near}`? ", near=near[0]) if near else ""
        raise UserError(
            Text(
                "Istio {version} has no profile “{profile}”.",
                version=context.mesh.version,
                profile=profile,
            ),
            Text("{hint}It has {profiles}.", hint=hint, profiles=Listed(profiles, "comma")),
        )
    for setting in settings:
        if not SETTING.fullmatch(setting):
            raise UserError(
                Text("“{setting}” is not a setting of Istio.", setting=setting),
                Text("Settings look like `values.pilot.resources.requests.cpu=100m`."),
            )
    wanted = [
        *TRACING,
        *context.workshop.settings,
        *([ACCESS_LOG] if access_log else []),
        *settings,
    ]
    chosen = ["--set", f"profile={profile}"] if profile != "default" else []
    return (*chosen, *(word for setting in wanted for word in ("--set", setting)))


def infer_kind(obj: Object) -> Kind:
    """Return the type of a rendered object, by the plural rule of the kinds that Istio
    renders.
    """
    group, _, version = obj["apiVersion"].rpartition("/")
    kind = obj["kind"]
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    plural = plural[:-2] + "ies" if kind.endswith("cy") else plural
    return Kind(group, version, plural, kind, namespaced="namespace" in obj["metadata"])


async def compare_with_cluster(context: Context, rendered: Sequence[Object]) -> InstallationDiff:
    """Ask the API server, by dry runs, what applying the rendered objects would change."""
    crds = {get_name(crd) for crd in await context.cluster.find(CRD)}
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(obj: Object) -> tuple[str, Text] | None:
        async with gate:
            return await compare_object(context.cluster, obj, crds)

    found = [answer for answer in await asyncio.gather(*map(one, rendered)) if answer]
    return InstallationDiff(
        new=tuple(text for what, text in found if what == "new"),
        changed=tuple(text for what, text in found if what == "changed"),
        removed=tuple(await find_pruned_objects(context, rendered)),
    )


async def compare_object(
    cluster: Cluster, obj: Object, crds: Iterable[str]
) -> tuple[str, Text] | None:
    """Return (`new` or `changed`, description) for one object, or None when it would not
    change.
    """
    if obj["kind"] == "CustomResourceDefinition":
        return None if get_name(obj) in crds else ("new", verbatim(describe_object(obj)))
    live = await cluster.get(infer_kind(obj), get_name(obj), obj["metadata"].get("namespace", ""))
    if live is None:
        return "new", verbatim(describe_object(obj))
    if obj["kind"] in ONCE:
        return None
    try:
        after = await cluster.apply(
            remove_owner_label(obj), force=True, dry_run=True, manager="meshbot-plan"
        )
    except NotFound:
        return "new", verbatim(describe_object(obj))
    changes = describe_differences(strip_server_fields(live), strip_server_fields(after))
    if not changes:
        return None
    words = Text(
        "{thing} ({changes})",
        thing=describe_object(obj),
        changes=Listed(changes[:4], "semicolon"),
    )
    return "changed", words


def remove_owner_label(obj: Object) -> Object:
    """Return a rendered object without the label in which the installer says who owns it."""
    kept = {key: value for key, value in get_labels(obj).items() if key != OWNER}
    return obj | {"metadata": obj["metadata"] | {"labels": kept}} if get_labels(obj) else obj


def strip_server_fields(obj: Object) -> Object:
    """Return an object without its status and the metadata that the API server writes."""
    kept = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"}
    meta = {k: v for k, v in obj["metadata"].items() if k not in kept}
    return {k: v for k, v in obj.items() if k not in {"status", "metadata"}} | {"metadata": meta}


async def find_pruned_objects(context: Context, rendered: Sequence[Object]) -> list[Text]:
    """Return the workloads and Services that istioctl would prune, because they are no longer
    rendered.
    """
    kept = {(obj["kind"], get_name(obj)) for obj in rendered}
    gone = []
    for kind in (DEPLOYMENT, DAEMON_SET, SERVICE):
        owned = await context.cluster.find(
            kind,
            context.workshop.mesh_namespace,
            labels="operator.istio.io/managed=Reconcile,operator.istio.io/component",
        )
        gone += [
            verbatim(f"{kind.kind} {get_name(obj)}")
            for obj in owned
            if (kind.kind, get_name(obj)) not in kept
            and get_labels(obj).get("install.operator.istio.io/owning-resource-not-pruned")
            != "true"
        ]
    return gone


async def find_istiod(context: Context) -> Object | None:
    """Return the Deployment istiod, or None."""
    return await context.cluster.get(DEPLOYMENT, "istiod", context.workshop.mesh_namespace)


async def read_installed_version(context: Context) -> str:
    """Return the version that the installer wrote on istiod, or ""."""
    istiod = await find_istiod(context)
    return get_labels(istiod).get("operator.istio.io/version", "") if istiod else ""


async def is_installation_ready(context: Context) -> bool:
    """Tell whether each workload of the installation has all its pods, and none is scaled to
    0.
    """
    namespace, owned = context.workshop.mesh_namespace, "operator.istio.io/managed=Reconcile"
    found = [
        w
        for kind in (DEPLOYMENT, DAEMON_SET)
        for w in await context.cluster.find(kind, namespace, labels=owned)
    ]
    return bool(found) and all(is_ready(w) and count_ready_pods(w)[1] for w in found)
