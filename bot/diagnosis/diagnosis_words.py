"""A diagnosis in words: the verdict of `why`, and one cause for other verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from bot.diagnosis.cause import Finding, Fix
from bot.diagnosis.cause_list import HEALTHY
from bot.diagnosis.diagnose import Diagnosis, NamedCause
from bot.diagnosis.mesh_state import NamespaceState
from bot.knowledge.objects.suggestions import suggest_commands
from bot.steps import Context, Scope, State, Verdict
from bot.text import EMPTY, Text, counted, join, verbatim

MOST_CAUSES = 6
"""Causes that are shown with their evidence; more are named in one line."""
MOST_FINDINGS = 3
"""Findings of one cause that are shown."""
MOST_FACTS = 3
"""Facts that are shown of one finding."""


def mark_id(id: str) -> Text:
    """Return a cause's id as it is searched for in the documentation, in backticks."""
    return verbatim(f"`cause: {id}`")


def build_verdict(
    context: Context, state: NamespaceState, diagnosis: Diagnosis, *, place: str = ""
) -> Verdict:
    """Return the answer of `why`: what is broken, the gravest first; what is normal; or healthy.

    `place` is the namespace that commands have to name, "" for the shared one.
    """
    occasional = [named for named in diagnosis.normal if is_told_first(named, state)]
    modes = [named for named in diagnosis.normal if named not in occasional]
    shown = [*diagnosis.broken, *occasional]
    lines = [line for named in shown[:MOST_CAUSES] for line in describe_cause(context, named)]
    lines += [
        Text(
            "{cause} {sentence}", cause=mark_id(named.cause.id), sentence=named.findings[0].sentence
        )
        for named in shown[MOST_CAUSES:]
    ]
    if diagnosis.is_healthy:
        lines.append(describe_healthy(state, diagnosis))
    lines += describe_page(diagnosis)
    lines += [
        Text(
            "{cause} {sentence}", cause=mark_id(named.cause.id), sentence=named.findings[0].sentence
        )
        for named in modes
    ]
    lines += [
        Text("not looked at: {what} ({why})", what=unread.what, why=unread.why)
        for unread in diagnosis.unread
    ]
    fixes = [finding.fix for named in shown[:MOST_CAUSES] for finding in named.findings]
    return Verdict(
        State.DONE,
        summarize(context, diagnosis),
        evidence=tuple(lines),
        brief=tuple(lines),
        next=choose_commands(context, fixes, place=place),
    )


def is_told_first(named: NamedCause, state: NamespaceState) -> bool:
    """Tell whether a normal cause is of an event, or of the step that the question is about."""
    return not named.cause.always or bool(state.activity.step in named.cause.steps)


def summarize(context: Context, diagnosis: Diagnosis) -> Text:
    """Return in one sentence how it stands."""
    namespace = context.workshop.app_namespace
    if diagnosis.broken:
        return counted(
            "{n} cause in {namespace}.",
            "{n} causes in {namespace}, the gravest first.",
            n=len(diagnosis.broken),
            namespace=namespace,
        )
    failed = diagnosis.page.failed if diagnosis.page is not None else None
    if diagnosis.is_page_unexplained and failed is not None and failed.user:
        return Text(
            "the page of {namespace} is not whole for {user}, and no cause that I know holds.",
            namespace=namespace,
            user=failed.user,
        )
    if diagnosis.is_page_unexplained and failed is not None and not failed.status:
        return Text(
            "the page of {namespace} gave no answer, and no cause that I know holds.",
            namespace=namespace,
        )
    if diagnosis.is_page_unexplained:
        return Text(
            "the page of {namespace} is not whole, and no cause that I know holds.",
            namespace=namespace,
        )
    if diagnosis.is_page_starting:
        return Text(
            "the page of {namespace} is not whole while pods start; nothing is known to be broken "
            "yet.",
            namespace=namespace,
        )
    if diagnosis.unread:
        return Text("nothing is broken in {namespace} as far as I could look.", namespace=namespace)
    if any(not named.cause.always for named in diagnosis.normal):
        return Text(
            "nothing is broken in {namespace}; this looks so and is correct.", namespace=namespace
        )
    return Text("nothing is broken in {namespace}.", namespace=namespace)


def describe_cause(context: Context, named: NamedCause) -> list[Text]:
    """Return the lines of a cause: its id and sentence, its evidence, who can end it."""
    lines = []
    for number, finding in enumerate(named.findings[:MOST_FINDINGS]):
        if number:
            lines.append(Text("also: {sentence}", sentence=finding.sentence))
        else:
            lines.append(
                Text("{cause} {sentence}", cause=mark_id(named.cause.id), sentence=finding.sentence)
            )
        lines += [Text("◦ seen: {fact}", fact=fact) for fact in finding.evidence[:MOST_FACTS]]
    left = len(named.findings) - MOST_FINDINGS
    if left > 0:
        lines.append(counted("◦ and {n} more of the kind", "◦ and {n} more of the kind", n=left))
    return [*lines, *describe_fix(context, named.findings[0].fix)]


def describe_fix(context: Context, fix: Fix) -> list[Text]:
    """Return who can end a cause, and how."""
    if fix.command and suggest_commands(context, fix.command):
        return [Text("◦ ends it: `{command}`", command=f"{context.command} {fix.command}")]
    if fix.command:
        return [
            Text(
                "◦ ends it: `{command}`, which a host can type",
                command=f"{context.command} {fix.command}",
            )
        ]
    if fix.line:
        return [Text("◦ ends it, for whoever has kubectl: `{line}`", line=fix.line)]
    return [Text("◦ {advice}", advice=fix.advice)] if fix.advice else []


def describe_healthy(state: NamespaceState, diagnosis: Diagnosis) -> Text:
    """Return that nothing is wrong, with what was looked at."""
    return Text(
        "{cause} looked at: {pods} pods, {services} Services, {rules} rules of {namespace}, and "
        "what all share in {mesh}",
        cause=mark_id(HEALTHY),
        pods=len(state.pods),
        services=len(state.services),
        rules=count_rules(state),
        namespace=state.namespace,
        mesh=state.cluster.mesh_namespace,
    )


def count_rules(state: NamespaceState) -> int:
    """Return how many objects of the namespace steer requests."""
    kinds = ("VirtualService", "DestinationRule", "HTTPRoute", "Gateway")
    return sum(
        obj["metadata"].get("namespace") == state.namespace
        for kind, objects in state.cluster.objects.items()
        if kind.kind in kinds
        for obj in objects
    )


def describe_page(diagnosis: Diagnosis) -> list[Text]:
    """Return the answer to the request for the page, where one was sent."""
    page = diagnosis.page
    return [each.words for each in (page, *page.known)] if page is not None else []


def choose_commands(context: Context, fixes: Sequence[Fix], *, place: str) -> tuple[str, ...]:
    """Return the commands that end the causes, else what one does next.

    `place` is the namespace that has to be named in them, "" for the shared one.
    """
    commands = dict.fromkeys(
        add_namespace(context, fix.command, place) for fix in fixes if fix.command
    )
    return suggest_commands(context, *(commands or ["status", "graph"]))[:3]


def add_namespace(context: Context, command: str, place: str) -> str:
    """Return a command with `in=` where its step acts in a namespace that has to be named."""
    step = next((s for s in context.steps if s.id == command.split()[0]), None)
    if step is None or step.scope is not Scope.APPLICATION or not place:
        return command
    return f"{command} in={place}"


def explain_in_one_sentence(named: NamedCause) -> Text:
    """Return a cause for another verdict's because: id, sentence, and its first fact."""
    finding: Finding = named.findings[0]
    seen = Text("Seen: {fact}.", fact=finding.evidence[0]) if finding.evidence else EMPTY
    return Text(
        "{cause} {sentence}",
        cause=mark_id(named.cause.id),
        sentence=join("sentences", finding.sentence, seen),
    )
