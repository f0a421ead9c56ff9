"""What each language's catalogue promises: every sentence of the source, nothing else, and each can
be found again."""

from __future__ import annotations

import pytest

from bot.language import FRAMES, LANGUAGES, Entry, Translator, entries, tongue
from bot.language.catalogue import read
from bot.language.template import Slot
from tests.language.sentences import missing, of_source, stubs, unused

OTHERS = [language for language in LANGUAGES if language != "en"]
SAMPLES = {"number": "2", "counted": "2 Gateways", "mark": "✅", "ending": "s"}


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str) -> None:
    """What is new in the source has its translation (`scripts/sentences --missing` prints what to
    fill in)."""
    assert list(stubs(missing(language))) == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    """A sentence that has gone takes its translation with it."""
    assert [f"{entry.file}: {entry.english}" for entry in unused(language)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_found_again(language: str) -> None:
    """Filled with values, each is told from all others and comes out in its own form."""
    translator, lost = tongue(language).translator, []
    for entry in entries(language):
        values = samples(entry, translator)
        text = "".join(map("".join, zip(entry.pattern.around, (*values, ""), strict=True)))
        if entry.file != FRAMES and translator.text(text) != entry.forms[0].fill(
            values, translator.say
        ):
            lost.append(text)
    assert lost == []


def samples(entry: Entry, translator: Translator) -> tuple[str, ...]:
    """A value of the right kind for each place."""
    slots = [part for part in entry.forms[0].parts if isinstance(part, Slot)]
    modes = {slot.value: "number" if slot.forms else slot.mode for slot in slots}
    known = next(text for text in ("nothing", "Kiali") if translator.known(text))
    return tuple(
        {**SAMPLES, "known": known, "title": known}.get(modes[n], f"zq{n}") for n in sorted(modes)
    )


def test_a_pair_that_stands_twice_is_seen() -> None:
    """Both are read, so that the catalogue can refuse the second."""
    assert list(read('"a b": "c"\n"a b": ["d", "e"]\n')) == [("a b", ["c"]), ("a b", ["d", "e"])]


SOURCE = '''"""No docstring is said."""
log.warning("%s is away, reference %s", name, reference)
step = Step(id="x", title="Graph", summary=f"the {kind} of {name}" + (", not ready" if late else ""), examples=("a b",))
raise UserError(f"{n} {'page' if n == 1 else 'pages'} failed", "Type it again.")
found = text.startswith("Error from server") or kinds["two words"] in ("nothing",)
"""
'''.rstrip('"\n')


def test_sentences_are_read_from_the_source() -> None:
    """Titles, sentences and the words inside them count; docstrings, the log, examples and what is
    compared do not."""
    found = [sentence.template for sentence in of_source(SOURCE, "x.py") if sentence.must]
    assert found == [
        "Graph",
        "the {} of {}",
        ", not ready",
        "{} {} failed",
        "page",
        "pages",
        "Type it again.",
    ]
