"""The Istio installation: istioctl's arguments for it, how a live one differs, and its state."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.errors import IstioError, NotFound, UserError
from bot.kinds import CRD, DAEMON_SET, DEPLOYMENT, SERVICE, Kind, Object
from bot.knowledge.objects.changes import summarize_differences
from bot.knowledge.objects.desired import extract_desired_state
from bot.knowledge.objects.diff import describe_object
from bot.knowledge.objects.workloads import (
    count_ready_pods,
    get_image_tag,
    get_labels,
    get_name,
    is_being_deleted,
    is_ready,
)
from bot.ports import Cluster
from bot.steps import Context
from bot.text import Listed, Text, counted, join, verbatim

TRACING_SETTINGS = (
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
PRESENCE_ONLY = {
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
}
"""Kinds that istiod or the API server change after the installation: only their presence is
compared."""
OWNER_LABEL = "install.operator.istio.io/owning-resource"
"""A label that the installer writes over what is rendered (Istio 1.23)."""
MANAGED = "operator.istio.io/managed=Reconcile"
"""Selects what the installer made and keeps (Istio 1.23 and 1.30)."""
REVISION, DEFAULT_REVISION = "istio.io/rev", "default"
"""The label that says which revision something is of, and the one that the workshop installs."""
MOST_CONCURRENT = 8
"""Dry runs that are under way at the same time."""


@dataclass(frozen=True)
class InstallationDiff:
    """Changes that an installation with certain arguments would make; false when there are none."""

    new: tuple[Text, ...] = ()
    changed: tuple[Text, ...] = ()
    removed: tuple[Text, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.removed)

    @property
    def lines(self) -> tuple[Text, ...]:
        """The changes in words, removals first."""
        return (
            *self.changing_lines,
            *(Text("adds {thing}", thing=thing) for thing in self.new),
        )

    @property
    def changing_lines(self) -> tuple[Text, ...]:
        """What is removed and changed, in words."""
        return (
            *(Text("removes {thing}", thing=thing) for thing in self.removed),
            *(Text("changes {thing}", thing=thing) for thing in self.changed),
        )

    @property
    def short_lines(self) -> tuple[Text, ...]:
        """The changes in words: of what is new, the workloads are named and the rest is counted."""
        workloads = [
            thing for thing in self.new if str(thing).startswith(("Deployment ", "DaemonSet "))
        ]
        added: list[Text] = [*workloads]
        if more := len(self.new) - len(workloads):
            added.append(
                counted(
                    "{n} more object (accounts, roles, configuration)",
                    "{n} more objects (accounts, roles, configuration)",
                    n=more,
                )
            )
        adds = (Text("adds {added}", added=Listed(added, "comma")),) if added else ()
        return (*self.changing_lines, *adds)


def build_arguments(
    context: Context, *, profile: str, settings: Sequence[str], access_log: bool
) -> tuple[str, ...]:
    """Return istioctl's arguments for an installation.

    Raises UserError for profiles and settings that this release does not have.
    """
    profiles = context.mesh.profiles
    profile = next((known for known in profiles if known == profile.lower()), profile)
    if profile not in profiles:
        near = difflib.get_close_matches(profile.lower(), profiles, n=1)
        has = Text("It has {profiles}.", profiles=Listed(profiles, "comma"))
        raise UserError(
            Text(
                "Istio {version} has no profile “{profile}”.",
                version=context.mesh.version,
                profile=profile,
            ),
            join("sentences", Text("Did you mean `{near}`?", near=near[0]), has) if near else has,
            tuple(f"install {name}" for name in near),
        )
    for setting in settings:
        if not SETTING.fullmatch(setting):
            raise UserError(
                Text("“{setting}” is not a setting of Istio.", setting=setting),
                Text("Settings look like `values.pilot.resources.requests.cpu=100m`."),
            )
    wanted = [
        *TRACING_SETTINGS,
        *context.workshop.settings,
        *([ACCESS_LOG] if access_log else []),
        *settings,
    ]
    chosen = ["--set", f"profile={profile}"] if profile != "default" else []
    return (*chosen, *(word for setting in wanted for word in ("--set", setting)))


def infer_kind(obj: Object) -> Kind:
    """Return the type of a rendered object, by a plural rule that fits the kinds Istio renders."""
    group, _, version = obj["apiVersion"].rpartition("/")
    kind = obj["kind"]
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    plural = plural[:-2] + "ies" if kind.endswith("cy") else plural
    return Kind(group, version, plural, kind, namespaced="namespace" in obj["metadata"])


async def compare_with_cluster(context: Context, rendered: Sequence[Object]) -> InstallationDiff:
    """Ask the API server, by dry runs, what applying the rendered objects would change."""
    crds = {get_name(crd) for crd in await context.cluster.find(CRD)}
    limit = asyncio.Semaphore(MOST_CONCURRENT)

    async def compare(obj: Object) -> tuple[str, tuple[Text, ...]]:
        async with limit:
            return await compare_object(context.cluster, obj, crds)

    found = await asyncio.gather(*map(compare, rendered))
    return InstallationDiff(
        new=tuple(text for change, texts in found for text in texts if change == "new"),
        changed=tuple(text for change, texts in found for text in texts if change == "changed"),
        removed=tuple(await find_pruned_objects(context, rendered)),
    )


async def compare_object(
    cluster: Cluster, obj: Object, crds: Iterable[str]
) -> tuple[str, tuple[Text, ...]]:
    """Return (`new` or `changed`, descriptions, each for a line) for one object; no description
    when it would not change.
    """
    name = describe_object(obj)
    if obj["kind"] == "CustomResourceDefinition":
        return "new", (() if get_name(obj) in crds else (verbatim(name),))
    live = await cluster.get(infer_kind(obj), get_name(obj), obj["metadata"].get("namespace", ""))
    if live is None:
        return "new", (verbatim(name),)
    if obj["kind"] in PRESENCE_ONLY:
        return "changed", ()
    try:
        after = await cluster.apply(
            remove_owner_label(obj), force=True, dry_run=True, manager="meshbot-plan"
        )
    except NotFound:
        return "new", (verbatim(name),)
    changes = summarize_differences(extract_desired_state(live), extract_desired_state(after))
    return "changed", tuple(
        Text("{thing} ({changes})", thing=name, changes=each) for each in changes
    )


def remove_owner_label(obj: Object) -> Object:
    """Return a rendered object without the label in which the installer says who owns it."""
    kept = {key: value for key, value in get_labels(obj).items() if key != OWNER_LABEL}
    return obj | {"metadata": obj["metadata"] | {"labels": kept}} if get_labels(obj) else obj


async def find_pruned_objects(context: Context, rendered: Sequence[Object]) -> list[Text]:
    """Return the workloads and Services that istioctl would prune, being no longer rendered.

    It prunes what its own version installed for the same revision (Istio 1.23 and 1.30).
    """
    kept = {(obj["kind"], get_name(obj)) for obj in rendered}
    pruned = []
    for kind in (DEPLOYMENT, DAEMON_SET, SERVICE):
        owned = await context.cluster.find(
            kind,
            context.workshop.mesh_namespace,
            labels=f"{MANAGED},operator.istio.io/component,{REVISION}={DEFAULT_REVISION},"
            f"operator.istio.io/version={context.mesh.version}",
        )
        pruned += [
            verbatim(f"{kind.kind} {get_name(obj)}")
            for obj in owned
            if (kind.kind, get_name(obj)) not in kept
            and not is_being_deleted(obj)
            and get_labels(obj).get("install.operator.istio.io/owning-resource-not-pruned")
            != "true"
        ]
    return pruned


async def find_istiod(context: Context) -> Object | None:
    """Return the Deployment istiod, or None."""
    return await context.cluster.get(DEPLOYMENT, "istiod", context.workshop.mesh_namespace)


async def read_installed_version(context: Context) -> str:
    """Return istiod's version, or "" without an istiod."""
    istiod = await find_istiod(context)
    return get_istio_version(istiod) if istiod else ""


def get_istio_version(workload: Object) -> str:
    """Return the version that the installer wrote on a workload of Istio, else its image's tag."""
    written = get_labels(workload).get("operator.istio.io/version")
    return written or get_image_tag(workload).removesuffix("-distroless")


async def find_workloads(context: Context) -> list[Object]:
    """Return the workloads of the installation, the Deployments first.

    Those that are being removed are left out; those of other revisions too, where there is a
    control plane of the default one.
    """
    found = [each for each in await find_all_workloads(context) if not is_being_deleted(each)]
    return [each for each in found if get_labels(each).get(REVISION) == DEFAULT_REVISION] or found


async def find_leaving_workloads(context: Context) -> tuple[str, ...]:
    """Return the names of the workloads of the installation that are being removed."""
    found = await find_all_workloads(context)
    return tuple(get_name(each) for each in found if is_being_deleted(each))


async def find_all_workloads(context: Context) -> list[Object]:
    """Return all that Istio's installer made in the mesh's namespace and that is still there."""
    return [
        workload
        for kind in (DEPLOYMENT, DAEMON_SET)
        for workload in await context.cluster.find(
            kind, context.workshop.mesh_namespace, labels=MANAGED
        )
    ]


async def is_installation_ready(context: Context) -> bool:
    """Tell whether each workload of the installation has all its pods, and at least one."""
    found = await find_workloads(context)
    if not found and (istiod := await find_istiod(context)):
        # Another installer than istioctl made it, such as Helm.
        found = [istiod]
    return bool(found) and all(is_ready(w) and count_ready_pods(w)[1] for w in found)


async def render_manifests(context: Context, arguments: Sequence[str]) -> list[Object]:
    """Return the objects that istioctl would apply with these arguments.

    Raises UserError, before anything is written, when istioctl refuses them.
    """
    context.progress.say(Text("comparing with what is installed"))
    try:
        return await context.mesh.render(arguments)
    except IstioError as problem:
        # A code of 0 or less means that istioctl did not run to its end: that is not a refusal.
        if problem.code <= 0:
            raise
        raise UserError(
            Text("Istio refuses these options: {problem}", problem=problem.message),
            Text("Nothing was changed."),
        ) from problem


async def is_installed_as_wanted(context: Context, arguments: Sequence[str]) -> bool:
    """Tell whether Istio is installed with exactly these arguments and all its pods are ready."""
    if await find_istiod(context) is None:
        return False
    if not await is_installation_ready(context):
        return False
    return not await compare_with_cluster(context, await render_manifests(context, arguments))
