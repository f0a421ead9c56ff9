"""The guided tour's pages, read from `tour.yaml`: what each step teaches, what it does, and where
it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from bot.text import Text, build_text


@dataclass(frozen=True)
class TourPage:
    """One step of the tour. `typed` is what the Run button types, `also` are commands worth
    typing after it.
    """

    step: str
    typed: str
    why: Text
    does: tuple[Text, ...]
    pitfalls: tuple[Text, ...] = ()
    also: tuple[str, ...] = ()


def read_pages() -> tuple[TourPage, ...]:
    """Return all pages, in the order of the workshop."""
    source = files("bot.knowledge.workshop").joinpath("tour.yaml").read_text(encoding="utf-8")
    return tuple(build_page(page) for page in yaml.safe_load(source))


def build_page(page: dict[str, Any]) -> TourPage:
    """Return one page of the file."""
    return TourPage(
        page["step"],
        page["typed"],
        build_sentence(page["why"]),
        tuple(map(build_sentence, page["does"])),
        tuple(map(build_sentence, page.get("pitfalls", ()))),
        tuple(page.get("also", ())),
    )


def build_sentence(words: str) -> Text:
    """Return a sentence of the file as a Text without values; its braces are its own."""
    return build_text(words.replace("{", "{{").replace("}", "}}"), "", "", {})


PAGES = read_pages()
"""In the order of the workshop. Facts hold for Istio 1.23.2 and 1.30.3."""
