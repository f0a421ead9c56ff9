"""The page's own words in the language of the bot: English ones stand in the source, those of other
languages in a file of `locales/` each.

What a bot, a cluster or a person says is not translated here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from sandbox.yaml_text import read_yaml

LOCALES = "sandbox.workspace.locales"


class Words:
    """The page's words in one language; English where the language has no file or lacks a word."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.table: Mapping[str, str] = read_table(language)

    def __call__(self, english: str) -> str:
        """Return a word or sentence in the language."""
        return self.table.get(english, english)


def read_table(language: str) -> dict[str, str]:
    """Return the words of a language by the English ones, {} where there is no file for it."""
    file = files(LOCALES).joinpath(f"{language}.yaml")
    return dict(read_yaml(file.read_text(encoding="utf-8"))) if file.is_file() else {}
