"""Results of requests for the application's page, in words; and when nothing answered, the
cause and who can help.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import DESTINATION_RULE, POD, VIRTUAL_SERVICE
from bot.knowledge.objects.durations import format_duration
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.objects.workloads import get_condition, get_labels
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.ports import HttpRequest, LoadSpec, Stream, TrafficReport
from bot.steps import Context, State, Verdict

ALMOST = 0.9
"""Share of the rate that was asked for below which it is said that it was not kept."""


@dataclass(frozen=True)
class Cause:
    """Cause why requests failed, and the commands to type next."""

    because: str
    next: tuple[str, ...] = ()


def describe_report(seen: TrafficReport, rate: float = 0.0) -> tuple[str, ...]:
    """Return lines with counts, rate, codes, versions, ratings and times.

    `rate` is the rate that was asked for, in requests a second.
    """
    asked = f" (asked for {rate:g}/s)" if rate and seen.asked > 1 else ""
    how = f", {seen.rate:.1f}/s{asked}" if seen.sent > 1 else ""
    through = f" through {seen.via}" if seen.via else ""
    said = [f"{seen.asked} asked, {seen.sent} sent{through}{how}"]
    if seen.codes:
        said.append("status: " + format_counts(seen.codes, {"0": "no answer"}))
    if seen.versions:
        said.append("reviews: " + format_counts(seen.versions, {"none": "failed"}))
        said.append("ratings: " + format_counts(seen.ratings, {"none": "not on the page"}))
        said.append(
            f"time from the intended start: p50 {format_milliseconds(seen.p50)}, p95 {format_milliseconds(seen.p95)}, p99 {format_milliseconds(seen.p99)}"
        )
    return tuple(said)


async def build_verdict(
    context: Context, seen: TrafficReport, load: LoadSpec, begun: str = ""
) -> Verdict:
    """Return the verdict of a load: only pages that show reviews are a success.

    `begun` describes a stream that goes on from now.
    """
    rate = load.rate if load.count > 1 else 0.0
    evidence, notes = describe_report(seen, rate), list_cautions(seen, rate)
    pages = sum(seen.versions.values())
    if not pages:
        cause = await (
            explain_silence(context, seen) if seen.trouble else explain_missing_page(context, seen)
        )
        return Verdict(
            State.NOT_YET, "the page was not seen.", cause.because, evidence, next=cause.next
        )
    if seen.versions.get("none") == pages:
        cause = await explain_missing_reviews(context)
        summary = f"{begun} The page answers, but without reviews.".strip()
        return Verdict(
            State.NOT_YET, summary, cause.because, evidence, next=cause.next, notes=notes
        )
    times = "request got its page" if pages == 1 else "requests got their pages"
    said = begun or f"{pages} of {seen.asked} {times}, as {describe_user(load.user)}."
    after = suggest_commands(
        context, "graph", "traces", "traffic stop" if begun else "traffic start"
    )
    return Verdict(State.DONE, said, "", evidence, next=after, notes=notes)


def format_counts(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    """Return counts as `v1 × 2, v2 × 1`."""
    return ", ".join(f"{names.get(key, key)} × {number}" for key, number in counts.items())


def format_milliseconds(milliseconds: float) -> str:
    """Return milliseconds as `42 ms` or `1.3 s`."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def list_cautions(seen: TrafficReport, rate: float = 0.0) -> tuple[str, ...]:
    """Return warnings about counts that are easy to overlook."""
    said = []
    failed, pages = seen.versions.get("none", 0), sum(seen.versions.values())
    if failed:
        said.append(
            f"The page is 200 even when it fails: {failed} of {pages} pages came without reviews."
        )
    if seen.ratings.get("unavailable"):
        said.append(f"{seen.ratings['unavailable']} pages say that ratings are unavailable.")
    if rate and seen.asked > 1 and not seen.trouble and seen.rate < rate * ALMOST:
        said.append(
            f"{rate:g}/s were asked for and {seen.rate:.1f}/s achieved: the answers took too long."
        )
    if seen.codes.get("0") and not seen.trouble:
        said.append(f"{seen.codes['0']} requests got no answer at all.")
    return tuple(said)


def describe_user(user: str) -> str:
    """Return `jason, logged in`, or `nobody` for requests without a login."""
    return f"{user}, logged in" if user else "nobody"


def describe_stream(stream: Stream) -> str:
    """Describe one stream in a line."""
    left = format_duration(max(0.0, stream.until - time.time()))
    met = format_counts(stream.seen.codes, {"0": "no answer"}) or "nothing sent yet"
    return f"as {describe_user(stream.user)}, every {stream.every:g} s, {left} left: {met}"


async def explain_silence(context: Context, seen: TrafficReport) -> Cause:
    """Return why nothing answered, from the API server's message and the objects."""
    namespace, said = context.workshop.app_namespace, seen.trouble
    pods = await context.cluster.find(POD, namespace)
    if not any(get_labels(pod).get("app") == "productpage" for pod in pods):
        return Cause(
            f"Bookinfo is not deployed in {namespace}.", suggest_commands(context, "bookinfo")
        )
    if "no endpoints available" in said:
        lagging = [
            pod["metadata"]["name"]
            for pod in pods
            if get_condition(pod, "Ready").get("status") != "True"
        ]
        words = f"no pod behind {seen.via or 'the page'} is ready ({', '.join(lagging[:3])})"
        return Cause(f"{words}; it goes on by itself.", suggest_commands(context, "status"))
    if "forbidden" in said.lower():
        return Cause(
            f"whoever runs the cluster must grant the bot get and create on services/proxy: {said}"
        )
    if "log" in said and "in (it answered" in said:
        return Cause(
            f"{said}: the page is there, but its login is not.", suggest_commands(context, "status")
        )
    words = f"the pods are there and nothing answers at their ports: {strip_proxy_prefix(said)}"
    return Cause(
        f"{words}. Whoever runs the cluster: can its API server reach pods?",
        suggest_commands(context, "status"),
    )


async def explain_missing_page(context: Context, seen: TrafficReport) -> Cause:
    """Return why there were answers and no page among them."""
    codes = format_counts(seen.codes, {"0": "no answer"})
    if "404" in seen.codes and seen.via != "productpage":
        return Cause(
            f"{seen.via} knows no route to the page (404).", suggest_commands(context, "expose")
        )
    return Cause(
        f"the page was never answered with 200: {codes}.", suggest_commands(context, "status")
    )


async def explain_missing_reviews(context: Context) -> Cause:
    """Return why no page shows reviews, from the objects that decide it."""
    namespace = context.workshop.app_namespace
    service = await context.cluster.get(VIRTUAL_SERVICE, "reviews", namespace)
    if (
        service is not None
        and await context.cluster.get(DESTINATION_RULE, "reviews", namespace) is None
    ):
        return Cause(
            "VirtualService reviews names subsets, and no DestinationRule defines them: callers get 503 (flag NC).",
            suggest_commands(context, "mend", "graph"),
        )
    pods = await context.cluster.find(POD, namespace, labels="app=reviews")
    if not any(get_condition(pod, "Ready").get("status") == "True" for pod in pods):
        return Cause("no pod of reviews is ready.", suggest_commands(context, "bookinfo", "status"))
    try:
        answer = await context.web.ask(
            HttpRequest(namespace, "reviews", 9080, "/health", seconds=5.0)
        )
        said = f"it answers {answer.status}"
    except ClusterError as problem:
        answer, said = None, problem.message
    if answer is None or answer.status >= 500:
        words = "reviews is a Java server that answers only some time after its pod is ready"
        return Cause(
            f"{words} ({said}). Type it again in a minute.",
            suggest_commands(context, "traffic once"),
        )
    words = f"reviews itself is well ({said}), the calls to it fail on their way; the graph shows with which flag."
    return Cause(words, suggest_commands(context, "graph", "status"))
