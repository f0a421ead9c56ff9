"""What an installation would change, before it is confirmed, and options that make no mesh."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import UserError
from bot.kinds import Object
from bot.knowledge.istio import installation, revisions
from bot.knowledge.istio.installation import InstallationDiff
from bot.knowledge.istio.revisions import ControlPlane
from bot.knowledge.objects.digests import compute_digest
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.steps import Context, Plan
from bot.text import Listed, Text, in_context

FORGETFUL = Text("istioctl keeps nothing from before: options that are not typed again are lost.")


async def plan_installation(context: Context, arguments: tuple[str, ...]) -> Plan | None:
    """Return what these arguments would change in what is there, or None when nothing would.

    Raises UserError when istioctl refuses them, or when they make no control plane.
    """
    objects = await installation.render_manifests(context, arguments)
    check_control_plane(context, objects)
    found = await installation.compare_with_cluster(context, objects)
    there = await installation.find_istiod(context) is not None
    others = await revisions.find_other_control_planes(context)
    taken = await revisions.describe_takeover(context)
    if not (found.changed or found.removed or taken or (others and not there)):
        return None
    added = [Text("adds istiod of revision default")] if others and not there else []
    items = (*added, *taken, *found.short_lines)
    return Plan(
        summary=await summarize(context, found, others, there=there),
        items=items,
        warnings=list_warnings(others, there=there),
        confirm=Text("Change it") if there else in_context("button", "Install it"),
        digest=compute_digest((items, found.lines)),
    )


async def summarize(
    context: Context, found: InstallationDiff, others: tuple[ControlPlane, ...], *, there: bool
) -> Text:
    """Return what is there already, in one sentence."""
    if there:
        return Text(
            "Istio {version} is installed with other options.",
            version=await installation.read_installed_version(context),
        )
    if others:
        return Text(
            "a control plane of Istio is here already: {planes}.",
            planes=revisions.list_planes(others),
        )
    return Text("objects of an earlier Istio are here, without an istiod.")


def list_warnings(others: tuple[ControlPlane, ...], *, there: bool) -> tuple[Text, ...]:
    """Return what to know before confirming."""
    if there:
        return (FORGETFUL,)
    return tuple(
        Text(
            "{name} stays beside it. Namespaces labelled istio.io/rev={revision} remain with it; "
            "the steps of the workshop use the new one.",
            name=plane.name,
            revision=plane.revision,
        )
        for plane in others
    )


def check_control_plane(context: Context, rendered: Sequence[Object]) -> None:
    """Raise UserError unless the workshop's istiod is among the rendered objects."""
    mesh = context.workshop.mesh_namespace
    made = [
        obj
        for obj in rendered
        if obj["kind"] == "Deployment"
        and (get_labels(obj).get("app") == "istiod" or get_name(obj) == "istiod")
    ]
    if any((get_name(o), o["metadata"].get("namespace")) == ("istiod", mesh) for o in made):
        return
    hint = Text(
        "Nothing was changed. `{command} install` installs one, and so do the profiles demo, "
        "minimal and ambient.",
        command=context.command,
    )
    if not made:
        raise UserError(
            Text("With these options Istio has no istiod: without a control plane, no mesh."),
            hint,
        )
    places = [f"{get_name(o)} ({o['metadata'].get('namespace', '')})" for o in made]
    raise UserError(
        Text(
            "These options make {istiod}, and the steps of the workshop need istiod ({mesh}), the "
            "default revision.",
            istiod=Listed(places),
            mesh=mesh,
        ),
        hint,
    )
