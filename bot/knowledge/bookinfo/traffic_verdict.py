"""The verdict of requests for the application's page: only pages that show reviews are a
success.
"""

from __future__ import annotations

from bot.knowledge.bookinfo.traffic_failures import (
    explain_missing_page,
    explain_missing_reviews,
    explain_silence,
)
from bot.knowledge.bookinfo.traffic_report import describe_report, describe_success, list_cautions
from bot.knowledge.objects.suggestions import suggest_commands
from bot.ports import LoadSpec, TrafficReport
from bot.steps import Context, State, Verdict
from bot.text import EMPTY, Text, join


async def build_verdict(
    context: Context, seen: TrafficReport, load: LoadSpec, begun: Text = EMPTY
) -> Verdict:
    """Return the verdict of a load.

    `begun` is the sentence about a stream that goes on from now.
    """
    rate = load.rate if load.count > 1 else 0.0
    evidence, notes = describe_report(seen, rate), list_cautions(seen, rate)
    pages = sum(seen.versions.values())
    if not pages:
        explain = explain_silence if seen.trouble else explain_missing_page
        cause = await explain(context, seen)
        return Verdict(
            State.NOT_YET, Text("the page was not seen."), cause.because, evidence, next=cause.next
        )
    if seen.versions.get("none") == pages:
        cause = await explain_missing_reviews(context)
        summary = join("sentences", begun, Text("The page answers, but without reviews."))
        return Verdict(
            State.NOT_YET, summary, cause.because, evidence, next=cause.next, notes=notes
        )
    if seen.without_details == pages:
        summary = join("sentences", begun, Text("The page answers, but without details."))
        return Verdict(
            State.NOT_YET,
            summary,
            Text("productpage gets no answer from details."),
            evidence,
            next=suggest_commands(context, "why", "graph"),
            notes=notes,
        )
    following = ("graph", "traces", "traffic stop" if begun else "traffic start")
    return Verdict(
        State.DONE,
        begun or describe_success(seen, load),
        evidence=evidence,
        next=suggest_commands(context, *following),
        notes=notes,
    )
