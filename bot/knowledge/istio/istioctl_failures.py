"""Failures of istioctl: the cause in a sentence, and who can help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.knowledge.istio.istioctl_output import extract_errors
from bot.knowledge.istio.istioctl_runs import IstioctlResult
from bot.knowledge.objects.pod_causes import describe_lagging_parts, suggest_remedies
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import Part
from bot.steps import Context, State, Verdict
from bot.text import Text, counted, join, verbatim

MOST_ERRORS = 3
"""Errors that are shown; istioctl repeats one for each object when the cluster refuses them all."""


def keep_evidence(failure: Verdict, done: Sequence[Text]) -> Verdict:
    """Return the verdict of a failure with what had been done before it."""
    return replace(failure, evidence=(*done, *failure.evidence))


def list_errors(ended: IstioctlResult) -> list[Text]:
    """Return what went wrong by istioctl's own words, and by the bot's when it had to end it."""
    errors = [*map(verbatim, extract_errors(ended.tail))]
    return [ended.trouble, *errors] if ended.trouble else errors


def build_failure_verdict(
    context: Context, ended: IstioctlResult, lagging: Sequence[Part]
) -> Verdict:
    """Return the verdict of a failed istioctl: its errors are the cause, then the pods' words."""
    errors, killed = list_errors(ended), ended.code < 0
    causes = [*shorten_errors(errors), *describe_lagging_parts(lagging)]
    if killed:
        signal = Text("istioctl was killed in the middle (signal {signal})", signal=-ended.code)
        causes.insert(0, signal)
    version = context.mesh.version
    summary = (
        Text("Istio {version} could not be installed whole.", version=version)
        if errors or killed
        else Text("Istio {version} did not become ready.", version=version)
    )
    return Verdict(
        State.NOT_YET,
        summary,
        join("semicolon", *causes) or explain_silent_failure(ended.tail),
        tuple(
            Text(
                "{name} {ready}/{wanted} pods ready",
                name=part.name,
                ready=part.ready,
                wanted=part.wanted,
            )
            for part in lagging
            if part.wanted
        ),
        notes=suggest_remedies([*causes, *map(verbatim, ended.tail)]),
        next=suggest_commands(context, "install", "status"),
    )


def shorten_errors(errors: Sequence[Text]) -> list[Text]:
    """Return the first errors, and how many more there are."""
    more = len(errors) - MOST_ERRORS
    if more <= 0:
        return list(errors)
    return [*errors[:MOST_ERRORS], counted("and {n} more error", "and {n} more errors", n=more)]


def explain_silent_failure(tail: Sequence[str]) -> Text:
    """Return the cause when no pod lags by now and istioctl named no other."""
    if any("resources not ready after" in line for line in tail):
        return Text("istioctl stopped waiting for pods, which have become ready since.")
    return Text("istioctl ended with an error and said nothing.")
