"""Other steps' verdicts with a cause: why it is not yet, and what a Done would leave broken."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from bot.diagnosis.asked_diagnosis import diagnose_namespace
from bot.diagnosis.asking import read_activity
from bot.diagnosis.cause import CauseKind, Subject
from bot.diagnosis.diagnose import Diagnosis, NamedCause, diagnose
from bot.diagnosis.diagnosis_words import explain_in_one_sentence
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.reading import read_cluster_state
from bot.diagnosis.repeats import omit_repeated
from bot.errors import MeshbotError
from bot.knowledge.objects.suggestions import suggest_commands
from bot.steps import Context, State, Step, Verdict
from bot.text import EMPTY, Text

log = logging.getLogger(__name__)

TIMEOUT = 8.0
"""Seconds for a diagnosis beside a verdict; without it the verdict stands as the step gave it."""
MOST_PLACES = 4
"""Places of the first cause that a verdict names; `why` lists all."""
EVERYWHERE = {Subject.CLUSTER, Subject.APPLICATION}
SUBJECTS = {
    "install": {Subject.CLUSTER},
    "addons": {Subject.CLUSTER, Subject.OBSERVING},
    "kiali": {Subject.CLUSTER, Subject.OBSERVING},
    "bookinfo": EVERYWHERE | {Subject.RULES, Subject.SECURITY},
    "inject": EVERYWHERE | {Subject.SIDECARS, Subject.RULES, Subject.SECURITY},
    "expose": EVERYWHERE | {Subject.EXPOSING, Subject.RULES, Subject.SECURITY},
    "graph": EVERYWHERE | {Subject.OBSERVING, Subject.SIDECARS, Subject.AMBIENT},
    "traces": EVERYWHERE | {Subject.OBSERVING, Subject.SIDECARS, Subject.AMBIENT},
    "traffic": set(Subject) - {Subject.OBSERVING},
    "ping": set(Subject) - {Subject.OBSERVING},
}
"""Subjects that can be the cause of a step's not yet; those of other steps that change rules are
all but what only observes."""
ROUTED = {"route": frozenset({"reviews"}), "shift": frozenset({"reviews"})}
"""Services that a step's rules are for: what is wrong with another one leaves its Done as it was
seen."""
UNTOUCHED = frozenset(
    {"break", "undo", "reset", "uninstall", "preflight", "why", "status", "links"}
)
"""Steps whose verdicts are left alone: they look themselves, or take things away on purpose."""
CHECKED = frozenset(
    {
        "install",
        "bookinfo",
        "inject",
        "expose",
        "route",
        "fault",
        "shift",
        "mend",
        "ambient",
        "waypoint",
        "mtls",
        "authorize",
        "timeout",
        "retry",
        "breaker",
        "mirror",
    }
)
"""Steps whose Done is looked at once more: what they leave must be able to have its effect."""
UNMET = frozenset({"timeout", "retry"})
"""Steps that end as normal where nobody meets what they set: that it could act is looked at too."""


async def complete_verdict(
    context: Context, step: Step, verdict: Verdict, *, takes_away: bool = False
) -> Verdict:
    """Return a step's verdict with the cause that the diagnosis names.

    A verdict that is not yet gets the first cause in place of the step's own words. A Done that
    left something broken which is met at that step is not Done. `takes_away`: the step was asked
    to end something, e.g. by `off`. A verdict is returned as it is when nothing is known, or when
    the cluster cannot be read in time.
    """
    if step.id in UNTOUCHED:
        return verdict
    done = verdict.state is State.DONE or (verdict.state is State.NORMAL and step.id in UNMET)
    if (done and (takes_away or step.id not in CHECKED)) or (
        verdict.state is State.NORMAL and not done
    ):
        return verdict
    try:
        async with asyncio.timeout(TIMEOUT):
            diagnosis = await read_diagnosis(context, step, with_questions=not done)
    except (MeshbotError, TimeoutError) as problem:
        log.info("no diagnosis for %s: %s", step.id, problem)
        return verdict
    named = choose_cause(step, diagnosis, met=done)
    if named is not None:
        return omit_repetition(step, named, add_cause(context, verdict, named))
    return verdict if done else say_unexplained(verdict)


async def explain_failure(context: Context, step: Step) -> Text:
    """Return the cause of a step's failure in a sentence; EMPTY when none is known in time.

    What the bot's own requests met just now counts.
    """
    if step.id in UNTOUCHED:
        return EMPTY
    namespace = context.workshop.app_namespace
    try:
        async with asyncio.timeout(TIMEOUT):
            cluster = await read_cluster_state(context, namespace)
            activity = await read_activity(context, namespace, step.id)
        diagnosis = diagnose(NamespaceState(cluster, namespace, activity=activity))
    except (MeshbotError, TimeoutError) as problem:
        log.info("no diagnosis for %s: %s", step.id, problem)
        return EMPTY
    named = choose_cause(step, diagnosis, met=False)
    return EMPTY if named is None else explain_in_one_sentence(named)


async def read_diagnosis(context: Context, step: Step, *, with_questions: bool) -> Diagnosis:
    """Return the diagnosis of the namespace; `with_questions` asks Prometheus and the page too.

    Raises ClusterError.
    """
    namespace = context.workshop.app_namespace
    cluster = await read_cluster_state(context, namespace)
    if not with_questions:
        return diagnose(NamespaceState(cluster, namespace))
    return (await diagnose_namespace(context, cluster, namespace, step=step.id))[1]


def choose_cause(step: Step, diagnosis: Diagnosis, *, met: bool) -> NamedCause | None:
    """Return the first cause that can be the reason of a step's verdict; None when there is none.

    With `met`, only one that people meet at that very step.
    """
    subjects = SUBJECTS.get(step.id, set(Subject) - {Subject.OBSERVING})
    broken = [
        named
        for named in diagnosis.broken
        if step.id in named.cause.steps or (not met and named.cause.subject in subjects)
        if not met or concerns_services(named, ROUTED.get(step.id))
    ]
    if broken or met:
        return broken[0] if broken else None
    normal = [
        named
        for named in diagnosis.normal
        if step.id in named.cause.steps or (not named.cause.always and not named.cause.steps)
    ]
    return normal[0] if normal else None


def concerns_services(named: NamedCause, services: frozenset[str] | None) -> bool:
    """Tell whether a cause is about one of these Services; one that names none is about all."""
    for finding in named.findings:
        told = [name.partition("/") for name in finding.objects]
        found = {name for kind, _, name in told if kind in ("Service", "app")}
        if services is None or not found or found & services:
            return True
    return False


def say_unexplained(verdict: Verdict) -> Verdict:
    """Return a verdict that is not yet with what was looked at in vain."""
    looked = Text(
        "no cause that I know holds: looked at nodes, pods, events, Services, labels, webhooks, "
        "gateways, rules and policies"
    )
    return replace(verdict, evidence=(*verdict.evidence, looked))


def omit_repetition(step: Step, named: NamedCause, verdict: Verdict) -> Verdict:
    """Return a verdict without the button of its own step, where what was seen is as it should be:
    typed again it would say the same.
    """
    if named.cause.kind is not CauseKind.NORMAL:
        return verdict
    return replace(verdict, next=tuple(n for n in verdict.next if n.split()[0] != step.id))


def add_cause(context: Context, verdict: Verdict, named: NamedCause) -> Verdict:
    """Return a verdict that names a cause, with its evidence and what ends it."""
    finding = named.findings[0]
    commands = [finding.fix.command] if finding.fix.command else []
    lines = (finding.fix.line,) if finding.fix.line and not commands else ()
    because = explain_in_one_sentence(named)
    # What the step itself saw stays, below the cause of it; a pod's words are quoted once.
    more = [other.sentence for other in named.findings[1:MOST_PLACES]]
    seen = [*more, *([verdict.because] if verdict.because else [])]
    evidence = [omit_repeated(line, str(because)) for line in (*seen, *verdict.evidence)]
    return replace(
        verdict,
        state=State.NOT_YET,
        because=because,
        evidence=tuple(evidence),
        next=tuple(dict.fromkeys((*suggest_commands(context, *commands), *verdict.next))),
        lines=(*lines, *verdict.lines),
    )
