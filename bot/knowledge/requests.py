"""What requests for the application's page met, in words; and when nothing answered, whose turn it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import DESTINATION_RULE, POD, VIRTUAL_SERVICE
from bot.knowledge.answering import plainly
from bot.knowledge.offers import offer
from bot.knowledge.typed import spoken
from bot.knowledge.workloads import condition, labels
from bot.ports import Ask, Load, Seen, Stream
from bot.steps import Context, State, Verdict

ALMOST = 0.9
"""Share of the rate that was asked for below which it is said that it was not kept."""


@dataclass(frozen=True)
class Cause:
    """Why requests did not meet what they should, and the commands that go on from there."""

    because: str
    next: tuple[str, ...] = ()


def lines(seen: Seen, rate: float = 0.0) -> tuple[str, ...]:
    """Counts, rates, codes, versions, ratings and times, each line for itself; `rate` is what was asked for."""
    asked = f" (asked for {rate:g}/s)" if rate and seen.asked > 1 else ""
    how = f", {seen.rate:.1f}/s{asked}" if seen.sent > 1 else ""
    through = f" through {seen.via}" if seen.via else ""
    said = [f"{seen.asked} asked, {seen.sent} sent{through}{how}"]
    if seen.codes:
        said.append("status: " + counted(seen.codes, {"0": "no answer"}))
    if seen.versions:
        said.append("reviews: " + counted(seen.versions, {"none": "failed"}))
        said.append("ratings: " + counted(seen.ratings, {"none": "not on the page"}))
        said.append(f"time from the intended start: p50 {ms(seen.p50)}, p95 {ms(seen.p95)}, p99 {ms(seen.p99)}")
    return tuple(said)


async def verdict(context: Context, seen: Seen, load: Load, begun: str = "") -> Verdict:
    """How a load ended: only pages that show reviews are a success. `begun` says what goes on from now."""
    rate = load.rate if load.count > 1 else 0.0
    evidence, notes = lines(seen, rate), cautions(seen, rate)
    pages = sum(seen.versions.values())
    if not pages:
        cause = await (silence(context, seen) if seen.trouble else refused(context, seen))
        return Verdict(State.NOT_YET, "the page was not seen.", cause.because, evidence, next=cause.next)
    if seen.versions.get("none") == pages:
        cause = await no_reviews(context)
        summary = f"{begun} The page answers, but without reviews.".strip()
        return Verdict(State.NOT_YET, summary, cause.because, evidence, next=cause.next, notes=notes)
    times = "request got its page" if pages == 1 else "requests got their pages"
    said = begun or f"{pages} of {seen.asked} {times}, as {who(load.user)}."
    after = offer(context, "graph", "traces", "traffic stop" if begun else "traffic start")
    return Verdict(State.DONE, said, "", evidence, next=after, notes=notes)


def counted(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    """`v1 × 2, v2 × 1`."""
    return ", ".join(f"{names.get(key, key)} × {number}" for key, number in counts.items())


def ms(milliseconds: float) -> str:
    """A time as people read it."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def cautions(seen: Seen, rate: float = 0.0) -> tuple[str, ...]:
    """What should not be overlooked in counts."""
    said = []
    failed, pages = seen.versions.get("none", 0), sum(seen.versions.values())
    if failed:
        said.append(f"The page is 200 even when it fails: {failed} of {pages} pages came without reviews.")
    if seen.ratings.get("unavailable"):
        said.append(f"{seen.ratings['unavailable']} pages say that ratings are unavailable.")
    if rate and seen.asked > 1 and not seen.trouble and seen.rate < rate * ALMOST:
        said.append(f"{rate:g}/s were asked for and {seen.rate:.1f}/s achieved: the answers took too long.")
    if seen.codes.get("0") and not seen.trouble:
        said.append(f"{seen.codes['0']} requests got no answer at all.")
    return tuple(said)


def who(user: str) -> str:
    """`jason`, or `nobody` for who is not logged in."""
    return f"{user}, logged in" if user else "nobody"


def stream_words(stream: Stream) -> str:
    """One stream in a line."""
    left = spoken(max(0.0, stream.until - time.time()))
    met = counted(stream.seen.codes, {"0": "no answer"}) or "nothing sent yet"
    return f"as {who(stream.user)}, every {stream.every:g} s, {left} left: {met}"


async def silence(context: Context, seen: Seen) -> Cause:
    """Why nothing answered, from the API server's words and the objects."""
    namespace, said = context.workshop.app_namespace, seen.trouble
    pods = await context.cluster.find(POD, namespace)
    if not any(labels(pod).get("app") == "productpage" for pod in pods):
        return Cause(f"Bookinfo is not deployed in {namespace}.", offer(context, "bookinfo"))
    if "no endpoints available" in said:
        lagging = [pod["metadata"]["name"] for pod in pods if condition(pod, "Ready").get("status") != "True"]
        words = f"no pod behind {seen.via or 'the page'} is ready ({', '.join(lagging[:3])})"
        return Cause(f"{words}; it goes on by itself.", offer(context, "status"))
    if "forbidden" in said.lower():
        return Cause(f"whoever runs the cluster must grant the bot get and create on services/proxy: {said}")
    if "log" in said and "in (it answered" in said:
        return Cause(f"{said}: the page is there, but its login is not.", offer(context, "status"))
    words = f"the pods are there and nothing answers at their ports: {plainly(said)}"
    return Cause(f"{words}. Whoever runs the cluster: can its API server reach pods?", offer(context, "status"))


async def refused(context: Context, seen: Seen) -> Cause:
    """Why there were answers and no page among them."""
    codes = counted(seen.codes, {"0": "no answer"})
    if "404" in seen.codes and seen.via != "productpage":
        return Cause(f"{seen.via} knows no route to the page (404).", offer(context, "expose"))
    return Cause(f"the page was never answered with 200: {codes}.", offer(context, "status"))


async def no_reviews(context: Context) -> Cause:
    """Why no page shows reviews, from the objects that decide it."""
    namespace = context.workshop.app_namespace
    service = await context.cluster.get(VIRTUAL_SERVICE, "reviews", namespace)
    if service is not None and await context.cluster.get(DESTINATION_RULE, "reviews", namespace) is None:
        return Cause(
            "VirtualService reviews names subsets, and no DestinationRule defines them: callers get 503 (flag NC).",
            offer(context, "mend", "graph"),
        )
    pods = await context.cluster.find(POD, namespace, labels="app=reviews")
    if not any(condition(pod, "Ready").get("status") == "True" for pod in pods):
        return Cause("no pod of reviews is ready.", offer(context, "bookinfo", "status"))
    try:
        answer = await context.web.ask(Ask(namespace, "reviews", 9080, "/health", seconds=5.0))
        said = f"it answers {answer.status}"
    except ClusterError as problem:
        answer, said = None, problem.message
    if answer is None or answer.status >= 500:
        words = "reviews is a Java server that answers only some time after its pod is ready"
        return Cause(f"{words} ({said}). Type it again in a minute.", offer(context, "traffic once"))
    words = f"reviews itself is well ({said}), the calls to it fail on their way; the graph shows with which flag."
    return Cause(words, offer(context, "graph", "status"))
