"""Keeps the catalogues of messages in step with the source.

python scripts/messages.py              merges the source's messages into every catalogue
python scripts/messages.py --check      exits with 1 when something is missing, obsolete or wrong
python scripts/messages.py --new fr     begins a catalogue of another language

What the files look like depends on the messages alone, not on dates, line numbers or Babel's
release, so that a change of the code shows only what became of its messages.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import yaml
from babel.core import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from bot.language.translations import find_faults, is_translated, list_templates, parse_po
from bot.text import check_fields

ROOT: Final = Path(__file__).parents[1]
LOCALES: Final = Path("bot/language/locales")
SOURCES: Final = ("bot", "handlers")
OWN: Final = ("bot/text/", "bot/language/")
"""Where messages are made and said, and none is written."""
FORMS: Final[dict[str, tuple[int | tuple[int, str], ...]]] = {
    "Text": (1,),
    "counted": (1, 2),
    "in_context": ((1, "c"), 2),
    "counted_in": ((1, "c"), 2, 3),
}
"""The makers of texts, and which of their arguments are context (`c`), template and plural."""
HEADERS: Final = ("Language", "Content-Type", "Content-Transfer-Encoding", "Plural-Forms")
"""Headers of a catalogue that are kept; the others hold dates, people and Babel's release."""
WIDTH: Final = 100
PROSE: Final[dict[str, tuple[str, ...]]] = {
    "bot/knowledge/workshop/glossary.yaml": ("means",),
    "bot/knowledge/workshop/tour.yaml": (
        *("why", "does", "pitfalls"),
        *("question", "choices", "because", "hints", "solution"),
        *("see", "look", "remember", "notes"),
    ),
}
"""Data files with words for people: lists of mappings, and the keys under which the words stand."""

Found = tuple[int, str | tuple[str, ...], list[str], str | None]
"""A line, a message with its plural, comments for translators, and a context."""


def list_sources(root: Path) -> list[Path]:
    """Return the modules that write messages, relative to the root."""
    found = (path.relative_to(root) for name in SOURCES for path in root.glob(f"{name}/**/*.py"))
    return sorted(path for path in found if not path.as_posix().startswith(OWN))


def extract_template(root: Path) -> Catalog:
    """Return every message of the source, untranslated."""
    template = Catalog(fuzzy=False)
    for path in list_sources(root):
        for line, message, comments, context in extract_messages(root / path):
            template.add(
                message,
                locations=[(path.as_posix(), line)],
                auto_comments=comments,
                context=context,
            )
    add_data_files(template, root)
    return template


def add_data_files(template: Catalog, root: Path) -> None:
    """Add the sentences of the data files to a catalogue."""
    for name, keys in PROSE.items():
        for words in extract_prose(root / name, keys):
            template.add(words, locations=[(name, 0)])


def extract_prose(path: Path, keys: tuple[str, ...]) -> Iterator[str]:
    """Yield the sentences of a data file as templates; braces in them are doubled."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []
    for entry in entries:
        for key in keys:
            said = entry.get(key, ())
            for words in (said,) if isinstance(said, str) else said:
                yield words.replace("{", "{{").replace("}", "}}")


def extract_messages(path: Path) -> list[Found]:
    """Return the messages of a module as Babel finds them."""
    names = imported_forms(ast.parse(path.read_text(encoding="utf-8")))
    if not names:
        return []
    keywords = {name: FORMS[name] for name in names}
    # Babel warns of every f-string, also of one that is a value: `find_code_faults` knows better.
    with redirect_stderr(StringIO()):
        return extract_from_file("python", path, keywords, ["translators:"], None, True)


def imported_forms(tree: ast.Module) -> set[str]:
    """Return the makers of texts that a module imports: others have functions of such names too."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {a.name for node in imports if is_of_texts(node) for a in node.names} & set(FORMS)


def is_of_texts(node: ast.ImportFrom) -> bool:
    """Tell whether an import takes something from `bot.text`."""
    return (node.module or "").split(".")[:2] == ["bot", "text"]


def find_code_faults(root: Path, template: Catalog) -> Iterator[str]:
    """Yield the places where a text is made so that it cannot be translated, or not be filled."""
    for path in list_sources(root):
        tree = ast.parse((root / path).read_text(encoding="utf-8"))
        names = imported_forms(tree)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in names
            ):
                if fault := judge_call(node, node.func.id, template):
                    yield f"{path}:{node.lineno}: {fault}"
            elif isinstance(node, ast.ImportFrom) and is_of_texts(node):
                yield from (
                    f"{path}:{node.lineno}: {a.name} should be imported under its own name"
                    for a in node.names
                    if a.asname and a.name in FORMS
                )


def judge_call(call: ast.Call, name: str, template: Catalog) -> str:
    """Return what is wrong with a call that makes a text, "" when nothing is."""
    count = len(FORMS[name])
    literals = [
        a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]
    if any(isinstance(each, ast.JoinedStr) for each in call.args[:count]):
        return f"{name} has an f-string, whose values are lost: name them in braces and give them"
    if len(literals) != count or len(call.args) != count:
        return f"{name} should have {count} literal text(s) and then values by name"
    context = literals.pop(0) if name in ("in_context", "counted_in") else ""
    one, many = literals[0], literals[1] if len(literals) > 1 else ""
    if template.get(one, context or None) is None:
        return f"{name} was not found by the extractor: write its text as one literal"
    names = [keyword.arg for keyword in call.keywords]
    try:
        if None not in names:
            check_fields(one, many, frozenset(filter(None, names)))
    except ValueError as problem:
        return str(problem)
    return ""


def find_catalog_faults(catalog: Catalog, template: Catalog) -> Iterator[str]:
    """Yield what a catalogue lacks, what it has too much, and translations with other fields."""
    wanted = {key_of(message): message for message in template if message.id}
    there = {key_of(message): message for message in catalog if message.id}
    for key, message in wanted.items():
        found = there.get(key)
        if found is None or not is_translated(found) or found.id != message.id:
            yield f"missing: {quote(key)}"
    yield from (f"obsolete: {quote(key)}" for key in there if key not in wanted)
    yield from (f"wrong: {fault}" for fault in find_faults(catalog))


def key_of(message: object) -> tuple[str, str]:
    """Return what tells a message from the others: its context and its English."""
    return getattr(message, "context", None) or "", list_templates(getattr(message, "id", ""))[0]


def quote(key: tuple[str, str]) -> str:
    """Return a message's key as it is shown."""
    return f"“{key[1]}”" + (f" in context “{key[0]}”" if key[0] else "")


def merge_catalog(catalog: Catalog, template: Catalog) -> None:
    """Give a catalogue the messages of the source and take the others out of it."""
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()


def format_catalog(catalog: Catalog) -> bytes:
    """Return a catalogue as the bytes of its file, the same for the same messages."""
    for message in catalog:
        set_flags(message)
    buffer = BytesIO()
    write_po(
        buffer, catalog, width=WIDTH, sort_by_file=True, include_lineno=False, ignore_obsolete=True
    )
    header, _, messages = buffer.getvalue().decode().partition("\n\n")
    kept = [
        line for line in header.splitlines() if line.startswith(tuple(f'"{h}:' for h in HEADERS))
    ]
    begun = "\n".join(['msgid ""', 'msgstr ""', *kept])
    return f"{begun}\n\n{messages.strip()}".strip().encode() + b"\n"


def set_flags(message: Message) -> None:
    """Say for editors of catalogues whether a message has fields: Babel takes “5 % of” for one."""
    message.flags -= {"python-format", "python-brace-format"}
    if any("{" in form for form in list_templates(message.id)):
        message.flags.add("python-brace-format")


def read_catalogs(root: Path) -> dict[Path, Catalog]:
    """Return the catalogues that are there. Raises ValueError when one cannot be read."""
    return {
        path: parse_po(path.stem, path.read_bytes())
        for path in sorted((root / LOCALES).glob("*.po"))
    }


def check_messages(root: Path) -> list[str]:
    """Return everything that keeps the messages of the source from being said in each language."""
    template = extract_template(root)
    faults = list(find_code_faults(root, template))
    for path, catalog in read_catalogs(root).items():
        faults += [f"{path.name}: {fault}" for fault in find_catalog_faults(catalog, template)]
    return faults


def update_messages(root: Path, new: str = "") -> list[str]:
    """Bring every catalogue up to date, begin that of `new`, and return the code's faults."""
    template = extract_template(root)
    catalogs = read_catalogs(root)
    if new:
        catalogs.setdefault(root / LOCALES / f"{new}.po", Catalog(Locale.parse(new), fuzzy=False))
    for path, catalog in catalogs.items():
        merge_catalog(catalog, template)
        path.write_bytes(format_catalog(catalog))
    return list(find_code_faults(root, template))


def main() -> None:
    """Do what was asked for; exit with 1 when there are faults."""
    parser = argparse.ArgumentParser(description="Keeps the catalogues of messages up to date.")
    parser.add_argument("--check", action="store_true", help="say what is wrong and write nothing")
    parser.add_argument("--new", default="", metavar="LANGUAGE", help="begin another language")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args()
    faults = (
        check_messages(options.root)
        if options.check
        else update_messages(options.root, options.new)
    )
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
