"""Two graphs of a namespace compared, before and after a change: what is new, gone or otherwise,
in words and as one picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.drawings import Comparison, ComparisonPicture, Edge, EdgeChange, GraphPicture
from bot.knowledge.graph.picture import format_utc_time
from bot.knowledge.observe.graph import Graph, describe_graph
from bot.text import EMPTY, Listed, Seconds, Text, counted, in_context, verbatim

LEAST_CALLS = 3.0
"""Calls that must be missing or new, by what there were in the other graph, before that is told:
chance alone leaves out as many once in twenty times."""
LEAST_SHARE = 15.0
"""Percentage points by which a version's share differs, or the share of errors."""
DEVIATIONS = 2.5
"""Standard deviations of chance beyond which a share differs."""
OUTSIDE = "workload/unknown"
MOST_LINES = 4
"""Changes that are listed; the picture has all."""


@dataclass(frozen=True)
class Observed:
    """A graph, its picture, and how many requests it is about (0 for connections alone)."""

    graph: Graph
    picture: GraphPicture

    @property
    def calls(self) -> float:
        """How many requests the busiest of its calls had."""
        rates = [edge.rate for edge in self.picture.edges if edge.protocol != "tcp"]
        return max(rates, default=0.0) * self.graph.seconds

    def count_expected(self, edge: Edge, other: Observed) -> float:
        """Return how many calls there would be in the other graph, if all were as in this one."""
        if edge.protocol == "tcp" or not self.calls:
            return LEAST_CALLS
        return edge.rate * self.graph.seconds / self.calls * (other.calls or self.calls)


def compare_graphs(before: Observed, after: Observed, title: Text) -> Comparison | None:
    """Return what changed from one graph to the other; None when nothing did that is more than
    chance.
    """
    earlier, later = index_edges(before.picture), index_edges(after.picture)
    changes, lines = [], []
    for key in sorted(earlier.keys() | later.keys()):
        old, new = earlier.get(key), later.get(key)
        note = describe_change(old, new, before, after)
        if note is None:
            continue
        changes.append(EdgeChange(*key, note))
        lines.append(describe_line(key, old, new))
    if not changes:
        return None
    picture = ComparisonPicture(
        title=title,
        caption=Text("{title}, by {source}", title=before.picture.title, source=after.graph.source),
        before=replace(before.picture, caption=caption_panel(before.graph, is_after=False)),
        after=replace(after.picture, caption=caption_panel(after.graph, is_after=True)),
        changes=tuple(changes),
        words=Text(
            "Two traffic graphs, before and after. Changed: {changes}. After: {calls}",
            changes=Listed(lines, "semicolon"),
            calls=Listed(describe_graph(after.graph), "semicolon"),
        ),
    )
    return Comparison((introduce_lines(before.graph, after.graph), *limit_lines(lines)), picture)


def index_edges(picture: GraphPicture) -> dict[tuple[str, str], Edge]:
    """Return the edges by their ends; requests count before connections."""
    ordered = sorted(picture.edges, key=lambda edge: edge.protocol != "tcp")
    return {(edge.source, edge.target): edge for edge in ordered}


def describe_change(
    old: Edge | None, new: Edge | None, before: Observed, after: Observed
) -> Text | None:
    """Return what stands beside an edge that changed, EMPTY where its figures say it; None for one
    that did not.
    """
    if old is None or new is None:
        edge, seen, other = (new, after, before) if old is None else (old, before, after)
        if edge is None or seen.count_expected(edge, other) < LEAST_CALLS:
            return None
        # The bot's own proofs come from outside, and are over.
        if edge.source == OUTSIDE:
            return None
        return in_context("change", "new") if old is None else in_context("change", "gone")
    return next(list_differences(old, new, before, after), None)


def list_differences(old: Edge, new: Edge, before: Observed, after: Observed) -> Iterator[Text]:
    """Yield how an edge differs, the most important first."""
    if bool(old.failed) != bool(new.failed) or abs(old.failed - new.failed) >= LEAST_SHARE:
        yield EMPTY if new.failed else Text("was {share:.0f} % errors", share=max(old.failed, 1.0))
    if (old.protocol == "tcp") != (new.protocol == "tcp"):
        yield Text("was {protocol}", protocol=old.protocol.upper())
    if is_secure(old) is not None and is_secure(new) not in (None, is_secure(old)):
        yield Text("was mTLS") if is_secure(old) else Text("was not mTLS")
    if old.waypoint != new.waypoint:
        yield EMPTY if new.waypoint else Text("no waypoint")
    if old.share is None and new.share is None:
        return
    was, now = (100.0 if edge.share is None else edge.share for edge in (old, new))
    if abs(was - now) >= max(LEAST_SHARE, 100 * DEVIATIONS * deviate(was, now, before, after)):
        yield Text("was {share:.0f} %", share=was)


def deviate(was: float, now: float, before: Observed, after: Observed) -> float:
    """Return the standard deviation of the difference of two shares (percent), from 0 to 1."""
    parts = (
        share / 100 * (1 - share / 100) / max(seen.calls, 1.0)
        for share, seen in ((was, before), (now, after))
    )
    return math.sqrt(sum(parts))


def is_secure(edge: Edge) -> bool | None:
    """Tell whether calls came with mutual TLS; None where nobody could tell."""
    return None if edge.secure is None else edge.secure >= 99.5


def describe_line(key: tuple[str, str], old: Edge | None, new: Edge | None) -> Text:
    """Return `◦ reviews → reviews-v2: was 33 %, no errors; now 100 %, 5 % errors (503 UH)`."""
    source, target = (end.partition("/")[2] or "unknown" for end in key)
    path = f"{source} → {target}"
    if old is None or new is None:
        if new is None:
            return Text("◦ {path}: no calls any more", path=path)
        return Text("◦ {path}: new, {now}", path=path, now=Listed(list_facts(new), "comma"))
    # What did not change is not said.
    facts, others = list_facts(old), list_facts(new)
    was = [fact for fact in facts if fact not in others]
    now = [fact for fact in others if fact not in facts]
    if not was or not now:
        said = Listed(now or was, "comma")
        if now:
            return Text("◦ {path}: now {new}", path=path, new=said)
        return Text("◦ {path}: no longer {old}", path=path, old=said)
    return Text(
        "◦ {path}: was {old}; now {new}",
        path=path,
        old=Listed(was, "comma"),
        new=Listed(now, "comma"),
    )


def list_facts(edge: Edge) -> list[Text]:
    """Return share, errors, protocol, mutual TLS and waypoint of an edge, as far as known."""
    return [
        fact
        for fact in (
            EMPTY if edge.share is None else Text("{share:.0f} %", share=edge.share),
            describe_failures(edge),
            verbatim(edge.protocol.upper()),
            {True: Text("mTLS"), False: Text("no mTLS"), None: EMPTY}[is_secure(edge)],
            Text("by the waypoint") if edge.waypoint else EMPTY,
        )
        if fact
    ]


def describe_failures(edge: Edge) -> Text:
    """Return `50 % errors (500 FI)`; EMPTY for connections, of which nobody can tell."""
    if not edge.failed:
        return EMPTY if edge.protocol == "tcp" else Text("no errors")
    share = max(edge.failed, 1.0)
    if not edge.why:
        return Text("{share:.0f} % errors", share=share)
    return Text("{share:.0f} % errors ({why})", share=share, why=edge.why)


def introduce_lines(before: Graph, after: Graph) -> Text:
    """Return where the lines below it come from, and of which times they tell."""
    return Text(
        "traffic by {source}, {earlier} before and {later} after:",
        source=after.source,
        earlier=Seconds(before.seconds, "rough"),
        later=Seconds(after.seconds, "rough"),
    )


def limit_lines(lines: list[Text]) -> tuple[Text, ...]:
    """Return the first lines, and how many more there are."""
    left = len(lines) - MOST_LINES
    if left <= 0:
        return tuple(lines)
    more = counted("◦ and {n} more, in the picture", "◦ and {n} more, in the picture", n=left)
    return (*lines[:MOST_LINES], more)


def caption_panel(graph: Graph, *, is_after: bool) -> Text:
    """Return `After: 32 s until 2026-11-25 19:05:12 UTC`."""
    duration, time = Seconds(graph.seconds, "rough"), format_utc_time(graph.at)
    if is_after:
        return Text("After: {duration} until {time}", duration=duration, time=time)
    return Text("Before: {duration} until {time}", duration=duration, time=time)
