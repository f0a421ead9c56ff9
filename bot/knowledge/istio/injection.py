"""The verdict of `inject`: the sidecars counted pod by pod, after they were put in or taken out."""

from __future__ import annotations

from dataclasses import dataclass

from bot.knowledge.bookinfo import app
from bot.knowledge.istio import sidecars
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_name
from bot.knowledge.observe.probes import link_to_kiali
from bot.steps import Context, State, Verdict
from bot.text import EMPTY, Listed, Text


@dataclass(frozen=True)
class InjectionResult:
    """Result of injecting (`on`) or removing sidecars: changed labels, restarted workloads, and
    the page afterwards, if it showed reviews before.
    """

    on: bool
    labelled: tuple[Text, ...]
    restarted: tuple[str, ...]
    page: app.PageCheck

    @property
    def changed(self) -> bool:
        """True when something was labelled or restarted."""
        return bool(self.labelled or self.restarted)


async def verify_and_report(context: Context, result: InjectionResult) -> Verdict:
    """Count the sidecars again, pod by pod, and return the verdict."""
    found = await sidecars.read_sidecar_state(context, on=result.on)
    opted_out = [w for w in await app.find_workloads(context) if sidecars.is_opted_out(w)]
    restarted = Listed(result.restarted, "comma")
    evidence = (
        describe_pods(found),
        Text("no old pod is left"),
        *([result.page.words] if result.page.words else []),
        *result.labelled,
        Text("restarted: {restarted}", restarted=restarted)
        if restarted
        else Text("nothing had to be restarted"),
        *(
            Text("{name} asks not to be injected", name=get_name(workload))
            for workload in opted_out
            if result.on
        ),
    )
    links, lines = await link_to_kiali(
        context,
        Text("workloads"),
        lambda console: console.workloads_url(context.workshop.app_namespace),
    )
    following = (
        ("expose", "traffic", "graph", "status") if result.on else ("inject", "ambient", "status")
    )
    lost = result.page.cause
    because = (
        Text("The page showed reviews before, and does not now: {cause}.", cause=lost)
        if lost
        else EMPTY
    )
    return Verdict(
        State.NOT_YET if lost else State.DONE,
        summarize(result),
        because,
        evidence,
        links,
        suggest_commands(context, *following),
        lines,
        build_notes(result),
    )


def summarize(result: InjectionResult) -> Text:
    """Return in one sentence where the application is now."""
    if result.on and result.changed:
        return Text("Bookinfo is in the mesh.")
    if result.on:
        return Text("Bookinfo was already in the mesh; nothing was changed.")
    if result.changed:
        return Text("Bookinfo is out of the mesh.")
    return Text("Bookinfo was already out of the mesh; nothing was changed.")


def describe_pods(found: sidecars.SidecarState) -> Text:
    """Return a line with the number of pods that have a sidecar, or are without as wanted."""
    fine, total = found.counted
    if not found.on:
        return Text(
            "{fine} of {total} application pods are without sidecar", fine=fine, total=total
        )
    kind = (
        Text("native sidecars")
        if any(map(sidecars.has_native_sidecar, found.pods))
        else Text("containers of their own")
    )
    return Text(
        "{fine} of {total} application pods carry a sidecar, by their annotation ({kind})",
        fine=fine,
        total=total,
        kind=kind,
    )


def build_notes(result: InjectionResult) -> tuple[Text, ...]:
    """Return the notes: why pods were restarted."""
    notes = []
    if result.on and result.labelled:
        notes.append(
            Text(
                "It is a label on the namespace, and it counts when a pod is created: "
                "hence the restart."
            )
        )
    return tuple(notes)
