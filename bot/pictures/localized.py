"""Pictures in the language of the channel: what the process that draws is given.

All words are said here, in the bot, so that the process needs no catalogue; it is given values and
labels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from bot.drawings import (
    ComparisonPicture,
    GraphPicture,
    PastBurst,
    Picture,
    PlotPicture,
    SpanBar,
    TracePicture,
)
from bot.pictures.graph_drawing import GraphDrawing, Say, localize_comparison, localize_graph
from bot.pictures.scales import format_milliseconds
from bot.ports import Outcome, Sample
from bot.text import EMPTY, Text, counted, in_context, join

OUTCOME_NAMES = {
    Outcome.WHOLE: Text("whole page"),
    Outcome.PARTIAL: Text("page with a part missing"),
    Outcome.FAILED: Text("error or no answer"),
}


class PlotLabels(NamedTuple):
    """The words in a plot; `outcomes` are those of the legend, in the order of `Outcome`; `before`
    are lines over the burst before, and `this` stands over the other.
    """

    title: str
    caption: str
    times: str
    rates: str
    asked: str
    outcomes: tuple[str, ...]
    before: tuple[str, ...] = ()
    this: str = ""


class SeriesDrawing(NamedTuple):
    """The requests of one burst; the values are those of `bot.drawings.PlotPicture`."""

    samples: tuple[Sample, ...]
    asked: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class PlotDrawing:
    """A plot to draw: one burst, and perhaps the one before."""

    labels: PlotLabels
    now: SeriesDrawing
    before: SeriesDrawing | None = None


@dataclass(frozen=True)
class TraceDrawing:
    """A trace to draw: each span with the words behind its bar; `more` tells of those left out."""

    title: str
    caption: str
    rows: tuple[SpanBar, ...]
    notes: tuple[str, ...]
    legend: tuple[str, str, str]
    more: str


Drawing = GraphDrawing | PlotDrawing | TraceDrawing


def localize_picture(picture: Picture, say: Say) -> Drawing:
    """Return what is to be drawn."""
    if isinstance(picture, GraphPicture):
        return localize_graph(picture, say)
    if isinstance(picture, ComparisonPicture):
        return localize_comparison(picture, say)
    if isinstance(picture, TracePicture):
        return localize_trace(picture, say)
    return localize_plot(picture, say)


def localize_plot(picture: PlotPicture, say: Say) -> PlotDrawing:
    """Return a plot with its words said."""
    rates = Text(
        "asked {asked:g}/s, achieved {achieved:.1f}/s",
        asked=picture.asked,
        achieved=picture.achieved,
    )
    counts = Counter(sample.outcome for sample in picture.samples)
    past = picture.before
    labels = PlotLabels(
        title=say(picture.title),
        caption=say(join("dots", picture.caption, rates)),
        times=say(Text("Time of each request, from its intended start")),
        rates=say(Text("Requests a second")),
        asked=say(Text("asked {rate:g}/s", rate=picture.asked)),
        # All three, so that a zero is told too.
        outcomes=tuple(f"{say(OUTCOME_NAMES[each])}: {counts[each]}" for each in Outcome),
        before=tuple(map(say, describe_past(past))) if past is not None else (),
        this=say(in_context("plot", "this burst")) if past is not None else "",
    )
    now = SeriesDrawing(picture.samples, picture.asked, picture.p50, picture.p95, picture.p99)
    before = SeriesDrawing(*past[2:]) if past is not None else None
    return PlotDrawing(labels, now, before)


def describe_past(past: PastBurst) -> tuple[Text, ...]:
    """Return the lines over the burst before: what it was, when, its times and its failures."""
    failed = sum(sample.outcome is Outcome.FAILED for sample in past.samples)
    partial = sum(sample.outcome is Outcome.PARTIAL for sample in past.samples)
    return (
        Text("the burst before: {load}", load=past.title),
        past.at,
        Text(
            "p50 {p50}, p95 {p95}, p99 {p99}",
            p50=format_milliseconds(float(f"{past.p50:.3g}")),
            p95=format_milliseconds(float(f"{past.p95:.3g}")),
            p99=format_milliseconds(float(f"{past.p99:.3g}")),
        ),
        Text("{partial} with a part missing, {failed} failed", partial=partial, failed=failed),
    )


def localize_trace(picture: TracePicture, say: Say) -> TraceDrawing:
    """Return a trace with its words said."""
    return TraceDrawing(
        title=say(picture.title),
        caption=say(picture.caption),
        rows=picture.spans,
        notes=tuple(
            say(
                join(
                    "comma",
                    Text("{ms:.1f} ms", ms=bar.ms),
                    Text("error") if bar.failed else EMPTY,
                    Text("slowest") if bar.slowest else EMPTY,
                )
            )
            for bar in picture.spans
        ),
        legend=(
            say(in_context("legend", "span")),
            say(in_context("legend", "slowest by itself")),
            say(in_context("legend", "with an error")),
        ),
        more=say(counted("and {n} more span", "and {n} more spans", n=picture.left_out))
        if picture.left_out
        else "",
    )
