"""Writes docs/commands.md, docs/settings.md, docs/causes.md, the README's table of commands and the
host guide's table of the workshop from the steps, the settings, the causes and the tour themselves.

python scripts/reference.py            writes them
python scripts/reference.py --check    exits with 1 when one is not what it should be
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bot.diagnosis.cause import EVERYTHING, Cause, CauseKind, Subject
from bot.diagnosis.cause_list import CAUSES, HEALTHY
from bot.knowledge.workshop.step_help import format_option
from bot.knowledge.workshop.tour_pages import PAGES
from bot.settings import Setting, list_settings
from bot.steps import Role, Step, StepKind
from handlers import STEPS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
HOST_GUIDE = DOCS / "host-guide.md"
NOTE = "<!-- Written by scripts/reference.py: `make docs` renews it. -->"
END = "<!-- Until here. -->"


def commands() -> str:
    """The command reference."""
    return "\n".join(
        [
            "# Commands",
            "",
            NOTE,
            "",
            *_introduction(),
            *(line for step in STEPS for line in _step(step)),
        ]
    )


def _introduction() -> Iterator[str]:
    yield (
        "Everything is typed after `/mesh`. Options may come in any order, as `option=value` or "
        "`option value`;"
    )
    yield (
        "words in quotes hold together. *Answer*: only the one who asked sees it. *Run*: a "
        "message in the channel,"
    )
    yield "edited until the verdict. `/mesh help STEP` shows the same in Slack."
    yield "A capital first letter means nothing, for phones put it there; `user=Jason` keeps it."
    yield ""
    yield "| command | what for | who | shape |"
    yield "|---|---|---|---|"
    for step in STEPS:
        yield (
            f"| [`{step.id}`](#{step.id}) | {_cell(step.summary)} | {_who(step)} | {_shape(step)} |"
        )
    yield ""


def _step(step: Step) -> Iterator[str]:
    yield f"## {step.id}"
    yield ""
    yield f"{step.title}: {step.summary}."
    if step.explain:
        yield ""
        yield str(step.explain)
    yield ""
    yield f"- who may: {_who(step)}; {_shape(step)}{_nature(step)}"
    if step.aliases:
        yield f"- also understood: {', '.join(f'`{name}`' for name in step.aliases)}"
    for name, field in step.options.model_fields.items():
        yield f"- {format_option(step, name, field)}"
    if step.examples:
        yield ""
        yield "```"
        yield from (f"/mesh {example}" for example in step.examples)
        yield "```"
    yield ""


def _who(step: Step) -> str:
    return "everyone" if step.role is Role.ATTENDEE else str(step.role)


def _shape(step: Step) -> str:
    return "answer" if step.shape is StepKind.ANSWER else "run"


def _nature(step: Step) -> str:
    asks = "; asks first when it removes or changes much" if step.plan else ""
    return ("; changes the cluster, one at a time" if step.changes else "") + asks


def host_guide() -> str:
    """The host guide with its table of the workshop anew, from the pages of the tour."""
    rows, minutes = [], 0
    for page in PAGES:
        if not page.optional:
            at = f"{minutes // 60}:{minutes % 60:02}"
            sees = "; ".join(map(str, page.see))
            asked = _cell(page.question.asked) if page.question else ""
            rows.append(f"| {at} | `/mesh {page.typed}` | {asked} | {_cell(sees)} |")
            minutes += page.minutes
    head = ["| time | type | ask before | what the room sees |", "|---|---|---|---|"]
    return replace_table(HOST_GUIDE, [*head, *rows])


def readme() -> str:
    """The README with its table of commands anew."""
    rows = (
        f"| [`/mesh {_typed(step)}`](docs/commands.md#{step.id}) | {_cell(step.summary)} | "
        f"{_who(step)} |"
        for step in STEPS
    )
    return replace_table(README, ["| command | what for | who |", "|---|---|---|", *rows])


def replace_table(path: Path, table: list[str]) -> str:
    """A document with its table anew; what stands around the table stays."""
    before, _, rest = path.read_text(encoding="utf-8").partition(NOTE)
    _, _, after = rest.partition(END)
    return "\n".join([before + NOTE, "", *table, "", END + after])


def _typed(step: Step) -> str:
    """What is typed at least: the step, and in capitals the options that it cannot do without."""
    needed = [name.upper() for name, o in step.options.model_fields.items() if o.is_required()]
    return " ".join([step.id, *needed])


def settings() -> str:
    """The settings reference."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        "Settings come from the environment and from a YAML file (`--config FILE`); the "
        "environment wins. In the file,",
        "`slack.mode` is `mode` below `slack`. A misspelt or wrong setting is refused at the "
        "start, by its name.",
        "`.venv/bin/meshbot settings` prints what is set, with secrets masked.",
    ]
    groups: dict[str, list[Setting]] = {}
    for one in list_settings():
        groups.setdefault(one.name.rpartition(".")[0] or "general", []).append(one)
    for group, members in groups.items():
        lines += [
            "",
            f"## {group}",
            "",
            "| setting | variable | default | what for |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{m.name}` | `{m.variable}` | {_default(m)} | {_cell(m.description)} |"
            for m in members
        ]
    return "\n".join([*lines, ""])


def _default(one: Setting) -> str:
    value: Any = one.default
    if value in (None, "", (), {}):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


SUBJECTS = {
    Subject.CLUSTER: "Cluster and control plane",
    Subject.APPLICATION: "Application",
    Subject.SIDECARS: "Into the mesh with sidecars",
    Subject.EXPOSING: "Exposing",
    Subject.RULES: "Rules",
    Subject.SECURITY: "Security",
    Subject.OBSERVING: "Seeing it",
    Subject.AMBIENT: "Ambient and waypoints",
}
"""The headings of the causes' page, in its order."""


def causes() -> str:
    """The reference of causes."""
    return "\n".join(
        [
            "# Causes",
            "",
            NOTE,
            "",
            "`/mesh why` names what is wrong by these ids, the gravest first. *Broken* means that "
            "somebody has to do something;",
            "*normal*, that it looks broken and is correct. What follows from another cause is not "
            f"named beside it. `{HEALTHY}` is the answer",
            "when nothing is wrong; what could not be looked at is said, and counts as neither.",
            *(line for subject, title in SUBJECTS.items() for line in _subject(subject, title)),
        ]
    )


def _subject(subject: Subject, title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    for cause in CAUSES:
        if cause.subject is subject:
            yield from _cause(cause)


def _cause(cause: Cause) -> Iterator[str]:
    kind = "broken" if cause.kind is CauseKind.BROKEN else "normal"
    yield ""
    yield f"### {cause.id}"
    yield ""
    yield f"{cause.meaning} *({kind})*"
    yield ""
    yield f"- Shown by: {cause.shown_by}"
    yield f"- What ends it: {cause.mend}"
    if cause.steps:
        yield f"- Met at: {', '.join(f'`{step}`' for step in cause.steps)}"
    if cause.explains:
        where = " of the same objects" if cause.by_object else ""
        ids = ", ".join(
            "everything else" if id == EVERYTHING else f"[{id}](#{id})" for id in cause.explains
        )
        yield f"- Explains{where}: {ids}"
    if cause.source:
        yield f"- Source: {cause.source}"


def main() -> int:
    """Writes or checks all five."""
    made = {
        DOCS / "commands.md": commands(),
        DOCS / "settings.md": settings(),
        DOCS / "causes.md": causes() + "\n",
        README: readme(),
        HOST_GUIDE: host_guide(),
    }
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [
        path.relative_to(ROOT)
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for name in stale:
        sys.stderr.write(f"{name} is not what the code says: run `make docs`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
