"""The guided tour's pages, read from `tour.yaml`: what each step teaches, what it does, where it
goes wrong, what is asked before it and what is to be seen after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bot.text import EMPTY, Text, build_text
from bot.yaml_text import read_yaml


@dataclass(frozen=True)
class TourQuestion:
    """A question with its choices; `answer` is the index of the right one, `because` the reason."""

    asked: Text
    choices: tuple[Text, ...]
    answer: int
    because: Text


@dataclass(frozen=True)
class TourPage:
    """One step of the tour. `typed` is what the Run button types, `also` are commands worth
    typing after it.

    `minutes` are planned; where there are fewer, pages of a high `rank` are left out first, with
    those that are `tied` to them or `need` them. `optional`: not in the usual plan. `hints` and
    `solution` are of a page that is a task. `see` and `look` say what is to be seen after the run,
    here and in Kiali, on its page `kiali`. `notes` are the speaker's.
    """

    step: str
    typed: str
    why: Text
    does: tuple[Text, ...]
    pitfalls: tuple[Text, ...] = ()
    also: tuple[str, ...] = ()
    minutes: int = 5
    rank: int = 1
    optional: bool = False
    tied: str = ""
    needs: str = ""
    question: TourQuestion | None = None
    hints: tuple[Text, ...] = ()
    solution: Text = EMPTY
    see: tuple[Text, ...] = ()
    look: Text = EMPTY
    kiali: str = ""
    remember: Text = EMPTY
    notes: tuple[Text, ...] = ()


def read_pages() -> tuple[TourPage, ...]:
    """Return all pages, in the order of the workshop."""
    source = files("bot.knowledge.workshop").joinpath("tour.yaml").read_text(encoding="utf-8")
    return tuple(build_page(page) for page in read_yaml(source))


def build_page(page: dict[str, Any]) -> TourPage:
    """Return one page of the file."""
    return TourPage(
        page["step"],
        page["typed"],
        build_sentence(page["why"]),
        build_sentences(page["does"]),
        build_sentences(page.get("pitfalls", ())),
        tuple(page.get("also", ())),
        page.get("minutes", TourPage.minutes),
        page.get("rank", TourPage.rank),
        page.get("optional", False),
        page.get("with", ""),
        page.get("needs", ""),
        build_question(page) if "question" in page else None,
        build_sentences(page.get("hints", ())),
        build_sentence(page.get("solution", "")),
        build_sentences(page.get("see", ())),
        build_sentence(page.get("look", "")),
        page.get("kiali", ""),
        build_sentence(page.get("remember", "")),
        build_sentences(page.get("notes", ())),
    )


def build_question(page: dict[str, Any]) -> TourQuestion:
    """Return the question of a page of the file, which counts its choices from 1."""
    return TourQuestion(
        build_sentence(page["question"]),
        build_sentences(page["choices"]),
        page["answer"] - 1,
        build_sentence(page["because"]),
    )


def build_sentences(said: Iterable[str]) -> tuple[Text, ...]:
    """Return sentences of the file as Texts."""
    return tuple(map(build_sentence, said))


def build_sentence(words: str) -> Text:
    """Return a sentence of the file as a Text without values; its braces are its own.

    `scripts/messages` extracts it in the same form.
    """
    if not words:
        return EMPTY
    return build_text(words.replace("{", "{{").replace("}", "}}"), "", "", {})


PAGES = read_pages()
"""In the order of the workshop. Facts hold for Istio 1.23.2 and 1.30.3."""
