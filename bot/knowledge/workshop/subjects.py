"""Help by subject: which steps belong together, and which of them somebody may run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import step_help
from bot.steps import Context, State, Step, Verdict
from bot.text import EMPTY, Listed, Text, join


class Subject(NamedTuple):
    """Steps that belong together; `words` are what people type for it, the first one is shown."""

    title: Text
    words: tuple[str, ...]
    steps: tuple[str, ...]


SUBJECTS = (
    Subject(
        Text("begin"),
        ("begin", "start", "setup", "empezar"),
        ("workshop", "preflight", "install", "addons", "kiali"),
    ),
    Subject(
        Text("application"),
        ("application", "app", "aplicación"),
        ("bookinfo", "inject", "expose", "traffic", "ping"),
    ),
    Subject(
        Text("rules"),
        ("rules", "rule", "routing", "reglas"),
        (
            *("route", "shift", "fault", "unfault", "break", "mend"),
            *("timeout", "retry", "mirror", "breaker"),
        ),
    ),
    Subject(Text("security"), ("security", "secure", "seguridad"), ("mtls", "authorize", "egress")),
    Subject(Text("ambient"), ("ambient-mesh",), ("ambient", "waypoint")),
    Subject(
        Text("look"),
        ("look", "see", "mirar", "ver"),
        ("status", "graph", "traces", "why", "show", "links"),
    ),
    Subject(Text("take back"), ("take back", "back", "deshacer"), ("undo", "reset", "uninstall")),
    Subject(
        Text("session"),
        ("session", "sesión"),
        ("recap", "feedback", "report", "digest", "schedule", "audit", "whoami", "help"),
    ),
)
"""In the order of the workshop. A step that none of them names is listed after them."""
MORE = Text("more")


def find_subject(typed: str) -> Subject | None:
    """Return the subject that somebody means by a word; None when it is none."""
    return next((each for each in SUBJECTS if typed.casefold() in each.words), None)


def explain_subject(context: Context, subject: Subject) -> Verdict:
    """Return the steps of a subject, a line each, those that this person may run first."""
    steps = [step for step in context.steps if step.id in subject.steps]
    mine = [step for step in steps if context.caller.can_run(step)]
    lines = [step_help.summarize_step(context, step) for step in mine]
    lines += [step_help.summarize_step(context, step) for step in steps if step not in mine]
    words = Text("{subject}: these steps.", subject=subject.title)
    return Verdict(State.DONE, words, evidence=tuple(lines), next=tuple(s.id for s in mine[:4]))


def describe_all(context: Context) -> Verdict:
    """Return all steps by subject, in as many lines as a phone shows; what others may run is last.

    The words say how to read on, and the buttons are where this person would begin.
    """
    mine = [step for step in context.steps if context.caller.can_run(step)]
    others = [step.id for step in context.steps if step not in mine]
    lines = list_subjects(mine)
    if others:
        lines.append(Text("a host also has: {steps}", steps=Listed(others, "comma")))
    read_on = Text("`{command} help STEP` or `help SUBJECT` says more.", command=context.command)
    ask = Text('Ask me a word of the field: "what is a waypoint?"')
    begin = suggest_commands(context, "workshop", "status", "graph", "why")
    return Verdict(
        State.DONE,
        join("sentences", read_on, ask),
        evidence=tuple(lines),
        next=(*begin[:3], "help rules" if not others else "help look"),
    )


def list_subjects(steps: Sequence[Step]) -> list[Text]:
    """Return a line for each subject that has some of these steps."""
    names = {step.id for step in steps}
    named = {name for subject in SUBJECTS for name in subject.steps}
    found = [
        describe_line(subject.title, [name for name in subject.steps if name in names])
        for subject in SUBJECTS
    ]
    rest = [step.id for step in steps if step.id not in named]
    return [line for line in (*found, describe_line(MORE, rest)) if line]


def describe_line(title: Text, names: Sequence[str]) -> Text:
    """Return a subject and its steps in a line; EMPTY without steps."""
    if not names:
        return EMPTY
    steps = Listed([f"`{name}`" for name in names], "comma")
    return Text("*{subject}*: {steps}", subject=title, steps=steps)
