"""The tour's prose: data beside the code, and translated like any other message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from babel.messages.catalog import Catalog

from bot.knowledge.workshop import tour_pages
from bot.knowledge.workshop.tour_pages import PAGES, TourPage, build_sentence
from scripts.messages import PROSE, add_data_files, extract_prose

ROOT = Path(__file__).parents[2]
FILE = Path(tour_pages.__file__).with_name("tour.yaml")
COMMANDS = {"step", "typed", "also", "with", "needs", "kiali"}
"""Keys of a page whose values are typed or names, and are the same in all languages."""
CHOICES = range(2, 5)
"""How many choices a question may have: each is a line and a button."""


def find_strings(value: Any) -> Iterator[str]:
    """All strings in a value of YAML, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from find_strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from find_strings(each)


def list_sentences(page: TourPage) -> tuple[Any, ...]:
    """The texts of a page."""
    question = page.question
    asked = (question.asked, *question.choices, question.because) if question else ()
    task = (*page.hints, page.solution)
    after = (*page.see, page.look, page.remember)
    found = (page.why, *page.does, *page.pitfalls, *asked, *task, *after, *page.notes)
    return tuple(filter(None, found))


def test_every_word_of_the_file_is_extracted() -> None:
    """Whatever stands under a key that holds no command: a key that is new counts as words."""
    template = Catalog(fuzzy=False)
    add_data_files(template, ROOT)
    pages = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    said = [
        words
        for page in pages
        for key, value in page.items()
        if key not in COMMANDS
        for words in find_strings(value)
    ]
    assert len(said) > 50
    assert [words for words in said if template.get(build_sentence(words).template) is None] == []


def test_every_text_of_the_pages_is_extracted() -> None:
    """In the form in which the catalogue is asked for it, from a place that does not move."""
    template = Catalog(fuzzy=False)
    add_data_files(template, ROOT)
    for page in PAGES:
        for text in list_sentences(page):
            found = template.get(text.template)
            assert found is not None
            assert (FILE.relative_to(ROOT).as_posix(), 0) in found.locations


def test_every_word_is_on_a_page() -> None:
    """The loader drops nothing of the file."""
    pages = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    words = [str(text) for page in PAGES for text in list_sentences(page)]
    typed = [
        each
        for page in PAGES
        for each in (page.step, page.typed, *page.also, page.tied, page.needs, page.kiali)
        if each
    ]
    assert sorted(words + typed) == sorted(find_strings(pages))


@pytest.mark.parametrize("words", ["a {b} c", "{", "}}", "`{{x}}` 5 %"])
def test_braces_are_mere_braces(tmp_path: Path, words: str) -> None:
    """The loader and the extractor make the same template, and it reads as it is written."""
    path = tmp_path / "pages.yaml"
    path.write_text(yaml.safe_dump([{"why": words, "does": [words]}]), encoding="utf-8")
    keys = PROSE[FILE.relative_to(ROOT).as_posix()]
    text = build_sentence(words)
    assert str(text) == words
    assert list(extract_prose(path, keys)) == [text.template, text.template]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.step)
def test_a_page_asks_before_and_tells_after(page: TourPage) -> None:
    """Each page has a question with a right answer, what is to be seen, a sentence to remember and
    notes; who is sent to Kiali gets a link to the page that is meant."""
    assert page.question is not None
    assert len(page.question.choices) in CHOICES
    assert 0 <= page.question.answer < len(page.question.choices)
    assert page.see
    assert page.remember
    assert page.notes
    assert page.minutes > 0
    assert bool(page.look) == bool(page.kiali)
    assert page.kiali in ("", "overview", "graph", "workloads", "config", "mesh")
    assert bool(page.hints) == bool(page.solution)


def test_the_right_answer_is_not_always_in_one_place() -> None:
    """Who guesses without reading is right in half of the cases at most."""
    places = [page.question.answer for page in PAGES if page.question]
    assert max(map(places.count, places)) <= len(places) / 2


def test_pages_name_pages_before_them() -> None:
    """`with` and `needs` are earlier pages; what is broken is mended on the next page."""
    steps = [page.step for page in PAGES]
    for number, page in enumerate(PAGES):
        for other in filter(None, (page.tied, page.needs)):
            assert other in steps[:number]
        if page.tied:
            assert steps[number - 1] == page.tied
    assert steps[steps.index("break") + 1] == "mend"
    assert steps[steps.index("fault") + 1] == "unfault"
