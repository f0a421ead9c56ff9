"""The parts of a recap: what was done in a channel, and what to try at home."""

from __future__ import annotations

from collections import Counter

from bot.knowledge.objects.mesh_pods import is_captured
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.workshop.session_log import ICONS, SessionLog, describe_count, find_start
from bot.records import AuditEntry
from bot.steps import Context, Link, mark_person
from bot.text import Listed, Moment, Seconds, Text

MOST = 14
"""Steps that are listed: an answer has twenty lines."""
TRACING = (
    "istioctl install --set values.meshConfig.enableTracing=true "
    "--set values.meshConfig.defaultConfig.tracing.sampling=100.0"
)
SIDECARS = "kubectl label namespace default istio-injection=enabled"
AMBIENT = "kubectl label namespace default istio.io/dataplane-mode=ambient"
LINKS = (
    Link(Text("Istio: the documentation"), "https://istio.io/latest/docs/"),
    Link(Text("Istio: Bookinfo"), "https://istio.io/latest/docs/examples/bookinfo/"),
    Link(Text("Kiali: the documentation"), "https://kiali.io/docs/"),
)


def summarize(log: SessionLog) -> Text:
    """Return how much was done, and how long it took."""
    return Text(
        "{count}, in {time}.", count=describe_count(log), time=Seconds(log.seconds, "rough")
    )


def describe_steps(context: Context, log: SessionLog) -> tuple[Text, ...]:
    """Return a line for each command that was run, with how it ended last; older ones are
    counted.
    """
    steps = log.steps
    lines = [describe_entry(context, entry) for entry in steps[-MOST:]]
    if len(steps) > MOST:
        lines.insert(0, Text("… {n} steps before these", n=len(steps) - MOST))
    return tuple(lines)


def describe_entry(context: Context, entry: AuditEntry) -> Text:
    """Return one command with its time, who gave it, and what came of it."""
    icon, words = ICONS.get(entry.outcome, "•"), entry.summary
    at = format_moment(context, find_start(entry))
    if entry.user == context.caller.user:
        return Text(
            "{icon} {at} you: `{typed}` — {words}",
            icon=icon,
            at=at,
            typed=entry.arguments,
            words=words,
        )
    return Text(
        "{icon} {at} {person}: `{typed}` — {words}",
        icon=icon,
        at=at,
        person=mark_person(entry.user),
        typed=entry.arguments,
        words=words,
    )


def format_moment(context: Context, at: float) -> Moment:
    """Return a time of the session, in the workshop's zone."""
    return Moment(at, context.workshop.timezone, date="", time="minutes", named="")


def describe_own(context: Context, log: SessionLog) -> tuple[Text, ...]:
    """Return a line that counts what the caller asked without a run; empty when that is nothing."""
    own = Counter(
        entry.step
        for entry in log.questions
        if entry.user == context.caller.user and entry.step and entry.outcome != "denied"
    )
    if not own:
        return ()
    asked = Listed((f"{step} ×{n}" if n > 1 else step for step, n in own.items()), "comma")
    return (Text("💬 you asked: {asked}", asked=asked),)


def list_home_commands(now: Snapshot | None) -> tuple[Text, ...]:
    """Return three commands to try on a cluster of one's own.

    The second is about the mesh that was left, ambient or sidecars.
    """
    ambient = now is not None and any(map(is_captured, now.app_pods))
    join_mesh = AMBIENT if ambient else SIDECARS
    lines = (TRACING, join_mesh, "istioctl analyze -n default")
    return tuple(Text("🏠 at home: `{line}`", line=line) for line in lines)
