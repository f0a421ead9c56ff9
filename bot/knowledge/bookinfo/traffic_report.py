"""Results of requests for the application's page, in words."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bot.ports import NO_ANSWER, UNREAD, LoadSpec, Stream, TrafficReport
from bot.text import Seconds, Text, counted, in_context, join

KEPT_SHARE = 0.9
"""Share of the rate that was asked for below which it is said that it was not achieved."""
WITHOUT_STATUS = {NO_ANSWER: Text("no answer"), UNREAD: Text("answer too long or too slow")}
FAILED_REVIEWS = {"none": in_context("reviews", "failed")}
PAGE_RATINGS = {
    "seen": in_context("ratings", "seen"),
    "unavailable": in_context("ratings", "unavailable"),
    "none": in_context("ratings", "not on the page"),
}


def describe_report(seen: TrafficReport, rate: float = 0.0) -> tuple[Text, ...]:
    """Return lines with counts, rate, codes, versions, ratings and times.

    `rate` is the rate that was asked for, in requests a second.
    """
    lines = [describe_sent(seen, rate)]
    if seen.codes:
        lines.append(Text("status: {counts}", counts=format_codes(seen.codes)))
    if seen.versions:
        lines += [
            Text("reviews: {counts}", counts=format_counts(seen.versions, FAILED_REVIEWS)),
            Text("ratings: {counts}", counts=format_counts(seen.ratings, PAGE_RATINGS)),
            Text(
                "time from the intended start: p50 {p50}, p95 {p95}, p99 {p99}",
                p50=format_milliseconds(seen.p50),
                p95=format_milliseconds(seen.p95),
                p99=format_milliseconds(seen.p99),
            ),
        ]
    return tuple(lines)


def describe_sent(seen: TrafficReport, rate: float) -> Text:
    """Return `40 asked, 40 sent through productpage, 20.0/s (asked for 20/s)`."""
    if seen.via:
        sent = Text(
            "{asked} asked, {sent} sent through {service}",
            asked=seen.asked,
            sent=seen.sent,
            service=seen.via,
        )
    else:
        sent = Text("{asked} asked, {sent} sent", asked=seen.asked, sent=seen.sent)
    if seen.sent <= 1:
        return sent
    if rate and seen.asked > 1:
        achieved = Text("{rate:.1f}/s (asked for {wanted:g}/s)", rate=seen.rate, wanted=float(rate))
    else:
        achieved = Text("{rate:.1f}/s", rate=seen.rate)
    return join("comma", sent, achieved)


def describe_success(seen: TrafficReport, load: LoadSpec) -> Text:
    """Return `40 of 40 requests got their pages, as jason, logged in.`"""
    pages = sum(seen.versions.values())
    if not load.user:
        return counted(
            "{n} of {asked} request got its page, as nobody.",
            "{n} of {asked} requests got their pages, as nobody.",
            n=pages,
            asked=seen.asked,
        )
    return counted(
        "{n} of {asked} request got its page, as {user}, logged in.",
        "{n} of {asked} requests got their pages, as {user}, logged in.",
        n=pages,
        asked=seen.asked,
        user=load.user,
    )


def list_cautions(seen: TrafficReport, rate: float = 0.0) -> tuple[Text, ...]:
    """Return warnings about counts that are easy to overlook."""
    found = []
    if failed := seen.versions.get("none", 0):
        found.append(
            counted(
                "The page is 200 even when it fails: {n} of {pages} pages came without reviews.",
                "The page is 200 even when it fails: {n} of {pages} pages came without reviews.",
                n=failed,
                pages=sum(seen.versions.values()),
            )
        )
    if unavailable := seen.ratings.get("unavailable", 0):
        found.append(
            counted(
                "{n} page says that ratings are unavailable.",
                "{n} pages say that ratings are unavailable.",
                n=unavailable,
            )
        )
    if seen.without_details:
        found.append(
            counted(
                "{n} page came without details.",
                "{n} pages came without details.",
                n=seen.without_details,
            )
        )
    if rate and seen.asked > 1 and not seen.trouble and seen.rate < rate * KEPT_SHARE:
        found.append(
            Text(
                "{wanted:g}/s were asked for and {rate:.1f}/s achieved: the answers took too long.",
                wanted=float(rate),
                rate=seen.rate,
            )
        )
    if (silent := seen.codes.get(NO_ANSWER, 0)) and not seen.trouble:
        found.append(
            counted(
                "{n} request got no answer at all.",
                "{n} requests got no answer at all.",
                n=silent,
            )
        )
    return tuple(found)


def describe_stream(stream: Stream) -> Text:
    """Return `as jason, logged in, every 3 s, 10 min left: 200 × 4`."""
    left = Seconds(max(0.0, stream.until - time.time()), "rough")
    result = format_codes(stream.seen.codes) or Text("nothing sent yet")
    if not stream.user:
        return Text(
            "as nobody, every {every:g} s, {left} left: {result}",
            every=float(stream.every),
            left=left,
            result=result,
        )
    return Text(
        "as {user}, logged in, every {every:g} s, {left} left: {result}",
        user=stream.user,
        every=float(stream.every),
        left=left,
        result=result,
    )


def format_codes(codes: Mapping[str, int]) -> Text:
    """Return counts of HTTP statuses as `200 × 4, no answer × 1`."""
    return format_counts(codes, WITHOUT_STATUS)


def format_counts(counts: Mapping[str, int], words: Mapping[str, Text]) -> Text:
    """Return counts as `v1 × 2, v2 × 1`, with `words` for the keys that have some; EMPTY for
    none.
    """
    return join(
        "comma",
        *(
            Text("{key} × {number}", key=words.get(key, key), number=number)
            for key, number in counts.items()
        ),
    )


def format_milliseconds(milliseconds: float) -> Text:
    """Return milliseconds as `42 ms` or `1.3 s`."""
    if milliseconds < 1000:
        return Text("{milliseconds:.0f} ms", milliseconds=milliseconds)
    return Text("{seconds:.1f} s", seconds=milliseconds / 1000)
