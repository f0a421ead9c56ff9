"""The report of a workshop as a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.documents import Document, Section
from bot.knowledge.workshop.recap import format_moment
from bot.knowledge.workshop.session_log import (
    BESIDE,
    ICONS,
    VALUE_NAMES,
    SessionLog,
    count_feedback,
    describe_count,
    find_start,
)
from bot.records import AuditEntry, MetCause
from bot.steps import Context, mark_person
from bot.text import EMPTY, Listed, Moment, Seconds, Text, in_context, join, verbatim

MOST_COMMANDS = 12
"""Commands of one person that are listed; the others are counted."""


def build_report(context: Context, log: SessionLog, causes: Sequence[MetCause]) -> Document:
    """Return the report of one session."""
    begun = Moment(log.begun, context.workshop.timezone, date="year", time="minutes")
    intro = (
        Text(
            "Begun {begun}, {time} long: {count}.",
            begun=begun,
            time=Seconds(log.seconds, "rough"),
            count=describe_count(log),
        ),
        describe_feedback(count_feedback(log.entries)),
    )
    sections = (build_steps(context, log), build_causes(context, log, causes), build_people(log))
    return Document(
        "workshop-report",
        Text("Report of the workshop"),
        intro,
        sections,
        pictures=in_context("title", "Pictures"),
        since=log.begun,
        people=tuple(dict.fromkeys(entry.user for entry in log.entries)),
    )


def describe_feedback(given: Mapping[str, int]) -> Text:
    """Return how often each of the three was pressed."""
    if not any(given.values()):
        return Text("nobody has given feedback yet")
    counts = (Text("{words}: {n}", words=VALUE_NAMES[value], n=n) for value, n in given.items())
    return Text("feedback — {counts}", counts=Listed(counts, "semicolon"))


def build_steps(context: Context, log: SessionLog) -> Section:
    """Return the runs in their order, each with its time and what it ended in."""
    rows = tuple(
        (
            Text("{at}", at=format_moment(context, find_start(entry))),
            verbatim(entry.arguments),
            Text("{person}", person=mark_person(entry.user)),
            Text("{took}", took=Seconds(entry.seconds)),
            Text("{icon} {words}", icon=ICONS.get(entry.outcome, "•"), words=entry.summary),
        )
        for entry in log.runs
    )
    columns = (
        in_context("column", "time"),
        in_context("column", "step"),
        in_context("column", "by"),
        in_context("column", "took"),
        in_context("column", "what came of it"),
    )
    return Section(in_context("title", "Steps"), columns=columns, rows=rows)


def build_causes(context: Context, log: SessionLog, causes: Sequence[MetCause]) -> Section:
    """Return the causes that kept steps from being done, and how long until the step was."""
    title = in_context("title", "Causes that were met")
    if not causes:
        return Section(title, (Text("None: every step went through."),))
    rows = tuple(
        (
            Text("{at}", at=format_moment(context, cause.at)),
            verbatim(cause.typed),
            cause.because,
            describe_end(log, cause),
        )
        for cause in causes
    )
    columns = (
        in_context("column", "time"),
        in_context("column", "step"),
        in_context("column", "cause"),
        in_context("column", "until it was done"),
    )
    return Section(title, columns=columns, rows=rows)


def describe_end(log: SessionLog, cause: MetCause) -> Text:
    """Return how long after a cause its step was done; a dash when it never was."""
    done = (
        entry.at.timestamp() - cause.at
        for entry in log.runs
        if entry.step == cause.step and entry.outcome == "done"
    )
    after = min((seconds for seconds in done if seconds > 0), default=None)
    return Text("{time}", time=Seconds(after, "rough")) if after is not None else verbatim("–")


def build_people(log: SessionLog) -> Section:
    """Return who asked what, the one who asked most first."""
    by_person: dict[str, list[AuditEntry]] = {}
    for entry in log.entries:
        if entry.step not in BESIDE and entry.outcome != "confirmed":
            by_person.setdefault(entry.user, []).append(entry)
    most_first = sorted(by_person.items(), key=lambda item: -len(item[1]))
    rows = tuple(
        (
            Text("{person}", person=mark_person(user)),
            Text("{n}", n=len(entries)),
            list_commands(entries),
        )
        for user, entries in most_first
    )
    columns = (
        in_context("column", "who"),
        in_context("column", "commands"),
        in_context("column", "asked"),
    )
    return Section(in_context("title", "Who asked what"), columns=columns, rows=rows)


def list_commands(entries: Sequence[AuditEntry]) -> Text:
    """Return somebody's commands, each once with its count; those beyond `MOST_COMMANDS` are
    counted.
    """
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.arguments] = counts.get(entry.arguments, 0) + 1
    shown = [f"{typed} ×{n}" if n > 1 else typed for typed, n in counts.items()]
    words = join("comma", *shown[:MOST_COMMANDS])
    left = len(shown) - MOST_COMMANDS
    more = Text("{n} more", n=left) if left > 0 else EMPTY
    return join("comma", words, more)
