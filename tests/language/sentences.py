"""Every sentence that the bot can say, read from its source: what a translation must have, and
nothing else.

A text in the source becomes a template as `bot.language` knows it: each value in it is `{}`, values
side by side are one. Whatever reads like words is taken for something that a person will see,
except where it stands shows otherwise: docstrings, the log, regular expressions, what is compared
and looked for. What is left and is no sentence stands in `tests.language.kept`, with why.

    scripts/sentences             lists them
    scripts/sentences --missing   those without a translation, as YAML to be filled in
    scripts/sentences --unused    translations of which the source has no sentence any more
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.language import FRAMES, LANGUAGES, Entry, entries
from tests.language.kept import KEPT, SILENT

ROOT = Path(__file__).parents[2]
VALUE = "\0"
OF_ITS_OWN = {FRAMES, "layout.yaml", "libraries.yaml"}
"""Files of a catalogue whose sentences the source does not hold: texts put together, and words of
libraries."""

LOOKED_FOR = {
    "compile",
    "fullmatch",
    "match",
    "search",
    "sub",
    "findall",
    "startswith",
    "endswith",
    "removeprefix",
}
LOOKED_FOR |= {
    "removesuffix",
    "replace",
    "partition",
    "rpartition",
    "split",
    "rsplit",
    "strip",
    "lstrip",
    "rstrip",
}
LOGGED = {"debug", "info", "warning", "error", "exception"}
TYPED, COUNTED = {"offer"}, {"counter", "gauge", "histogram", "Figure"}
MACHINES = (
    LOOKED_FOR
    | LOGGED
    | TYPED
    | COUNTED
    | {"TypeVar", "spawn", "getLogger", "strftime", "to_thread", "getattr"}
)
"""Functions whose own texts are for machines, for the log, for metrics, or what a person is to
type."""
NAMES = {
    "pattern",
    "labels",
    "fields",
    "prefix",
    "name",
    "id",
    "alias",
    "examples",
    "aliases",
    "positional",
    "again",
}
"""Arguments that are no words."""
SHOWN = {"title", "summary", "description", "explain", "confirm", "label", "placeholder", "words"}
"""Arguments and names of which a single word is shown too."""
FIRST_SHOWN = {"button", "Link", "Face"}
"""Functions whose first argument is shown, be it a single word."""
WORDS = re.compile(r"(?:^|[\s“\"(*•>]|\{\})[^\W\d_][^\W_]+(?:['’-]\w+)*[.,;:!?”)*…]*(?=\s|$|\{\})")


NOT_WORDS = re.compile("|".join(KEPT))


@dataclass(frozen=True)
class Sentence:
    """A template and where it stands; `must` when it reads like words and so needs a translation."""

    template: str
    place: str
    must: bool


def modules() -> list[Path]:
    """The modules that speak to the channel."""
    ours = [p for p in ROOT.glob("bot/**/*.py") if not str(p.relative_to(ROOT)).startswith(SILENT)]
    return sorted([*ROOT.glob("handlers/**/*.py"), *ours])


@cache
def sentences() -> tuple[Sentence, ...]:
    """All of them, in the order of the source."""
    return tuple(sentence for module in modules() for sentence in of_module(module))


def of_module(module: Path) -> Iterator[Sentence]:
    """The sentences of one module."""
    return of_source(module.read_text(encoding="utf-8"), str(module.relative_to(ROOT)))


def of_source(source: str, place: str) -> Iterator[Sentence]:
    """The sentences of a source text; a text of several lines is several."""
    reader = Reader()
    reader.visit(ast.parse(source))
    for template, line, said, alone in reader.found:
        for part in template.split("\n"):
            if core := part.strip():
                must = (
                    said and not NOT_WORDS.fullmatch(core) and reads_like_words(core, alone=alone)
                )
                yield Sentence(core, f"{place}:{line}", must)


def reads_like_words(template: str, *, alone: bool) -> bool:
    """Whether a template holds words around its values; one word may as well be a name, unless one
    is shown `alone`."""
    literal = re.sub(r"`[^`]*`", "`", template)
    if "://" in literal or not WORDS.search(literal):
        return False
    return alone or " " in template or "{}" in template


class Reader:
    """Walks a module. `found`: template, line, whether people are spoken to there, and whether one
    word is shown."""

    def __init__(self) -> None:
        self.found: list[tuple[str, int, bool, bool]] = []

    def visit(self, node: ast.AST, *, said: bool = True, alone: bool = False) -> None:
        """One node and what is below it."""
        if (shape := template(node)) is not None:
            line = getattr(node, "lineno", 0)
            self.found.append((re.sub(f"{VALUE}+", "{}", shape), line, said, alone))
            for inner in values(node):
                self.visit(inner, said=said, alone=isinstance(inner, ast.IfExp | ast.BoolOp))
            return
        for name, value in ast.iter_fields(node):
            for place, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST) and not is_comment(child):
                    here = said and not for_machines(node, name)
                    self.visit(
                        child, said=here, alone=here and shown(node, name, place, above=alone)
                    )


def template(node: ast.AST) -> str | None:
    """The shape of a text, None when it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            VALUE if isinstance(v, ast.FormattedValue) else str(template(v)) for v in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = template(node.left), template(node.right)
        if left is not None or right is not None:
            return (VALUE if left is None else left) + (VALUE if right is None else right)
    return None


def values(node: ast.AST) -> Iterator[ast.AST]:
    """What is filled into a text."""
    if isinstance(node, ast.JoinedStr):
        yield from (v.value for v in node.values if isinstance(v, ast.FormattedValue))
    elif isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            yield from values(side) if template(side) is not None else [side]


def is_comment(node: ast.AST) -> bool:
    """True for docstrings, of whatever they stand under."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def for_machines(node: ast.AST, field: str) -> bool:
    """True for what stands where no person is spoken to."""
    if isinstance(node, ast.Call):
        return field == "args" and called(node) in MACHINES
    if isinstance(node, ast.keyword):
        return node.arg in NAMES
    return isinstance(node, ast.Compare | ast.Assert) or (
        isinstance(node, ast.Dict) and field == "keys"
    )


def shown(node: ast.AST, field: str, place: int, *, above: bool) -> bool:
    """True where even a single word is shown: a title, a button, the words for a state, one of two
    in a sentence."""
    if isinstance(node, ast.keyword):
        return node.arg in SHOWN
    if isinstance(node, ast.Call):
        return field == "args" and place == 0 and called(node) in FIRST_SHOWN
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return field == "value" and any(name.lower().endswith("words") for name in assigned(node))
    if isinstance(node, ast.IfExp):
        return above and field != "test"
    return above and isinstance(node, ast.BoolOp | ast.Dict)


def called(node: ast.Call) -> str:
    """The name of the function, without what it belongs to."""
    return (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else str(getattr(node.func, "id", ""))
    )


def assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """The names that are given a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def missing(language: str) -> list[Sentence]:
    """Sentences that the catalogue of a language lacks, each once."""
    there = {entry.english for entry in entries(language)}
    lacking = {s.template: s for s in reversed(sentences()) if s.must and s.template not in there}
    return sorted(lacking.values(), key=lambda s: s.place.rpartition(":")[0])


def unused(language: str) -> list[Entry]:
    """Translations of which the source has no sentence."""
    there = {sentence.template for sentence in sentences()}
    return [e for e in entries(language) if e.english not in there and e.file not in OF_ITS_OWN]


def stubs(lacking: list[Sentence]) -> Iterator[str]:
    """YAML to be filled in, under the name of each module."""
    module = ""
    for sentence in lacking:
        if (place := sentence.place.rpartition(":")[0]) != module:
            module = place
            yield f"# {module}"
        quoted = sentence.template.replace("\\", "\\\\").replace('"', '\\"')
        yield f'"{quoted}":\n  ""'


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(
        description="The sentences of the bot, and their translations."
    )
    parser.add_argument(
        "--language", default="es", choices=[one for one in LANGUAGES if one != "en"]
    )
    parser.add_argument(
        "--missing",
        action="store_true",
        help="those without a translation, as YAML to be filled in",
    )
    parser.add_argument("--unused", action="store_true", help="translations that no sentence uses")
    options = parser.parse_args()
    if options.missing:
        lines = list(stubs(missing(options.language)))
    elif options.unused:
        lines = [f"{entry.file}: {entry.english}" for entry in unused(options.language)]
    else:
        lines = [
            f"{sentence.place}: {sentence.template}" for sentence in sentences() if sentence.must
        ]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
