"""Failures of istioctl: the cause in a sentence, and who can help."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge.objects.pod_causes import AWAY, describe_lagging_parts, suggest_remedies
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import Part
from bot.steps import Context, State, Verdict
from bot.text import Text, counted, join, verbatim

LATE = re.compile(
    r"^failed to wait for resource:|^(Deployment|DaemonSet|Namespace|CustomResourceDefinition)/\S+ "
    r"\("
)
"""What istioctl says of pods that were not ready in time: their own words say more."""

WRITING = re.compile(
    r"failed to update resource with server-side apply for obj [A-Za-z]+/\S*?/[^/:\s]+: "
)
COUNT = re.compile(r"failed to install manifests: (\d+ errors? occurred:)?")
MOST = 3


def is_api_server_away(tail: Sequence[str]) -> bool:
    """Tell whether istioctl ended because it could not reach the API server."""
    return any(AWAY.search(line) for line in extract_errors(tail))


def extract_errors(tail: Sequence[str]) -> list[str]:
    """Return istioctl's errors, one in a line, without its own prefixes; empty when it only
    timed out.

    They follow `Error: `, which stands behind the last line of progress when that was not
    ended (1.23.2, 1.30.3).
    """
    text = "\n".join(tail)
    said = text.rpartition("Error: ")[2] if "Error: " in text else ""
    lines = [
        COUNT.sub("", WRITING.sub("", line.strip(" \t*"))).strip() for line in said.splitlines()
    ]
    return list(dict.fromkeys(line for line in lines if line and not LATE.match(line)))


def build_failure_verdict(
    context: Context, *, code: int, tail: Sequence[str], lagging: Sequence[Part]
) -> Verdict:
    """Return the verdict of a failed istioctl: its errors are the cause, then the pods' own
    messages.
    """
    errors, slow = extract_errors(tail), describe_lagging_parts(lagging)
    causes: list[Text] = [
        *map(verbatim, errors[:MOST]),
        *(
            [counted("and {n} more error", "and {n} more errors", n=len(errors) - MOST)]
            if len(errors) > MOST
            else []
        ),
        *slow,
    ]
    if code < 0:
        causes.insert(0, Text("istioctl was killed in the middle (signal {signal})", signal=-code))
    whole = Text("Istio {version} could not be installed whole.", version=context.mesh.version)
    return Verdict(
        State.NOT_YET,
        whole
        if errors or code < 0
        else Text("Istio {version} did not become ready.", version=context.mesh.version),
        join("semicolon", *causes) or explain_silent_failure(tail),
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
        notes=suggest_remedies([*causes, *map(verbatim, tail)]),
        next=suggest_commands(context, "install", "status"),
    )


def explain_silent_failure(tail: Sequence[str]) -> Text:
    """Return the cause when no pod lags by now and istioctl named no other."""
    if any("resources not ready after" in line for line in tail):
        return Text("istioctl stopped waiting for pods, which have become ready since.")
    return Text("istioctl ended with an error and said nothing.")
