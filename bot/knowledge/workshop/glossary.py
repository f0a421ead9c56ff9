"""The field's terms, read from `glossary.yaml`: what each means, and which command shows it."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop.tour_pages import build_sentence
from bot.steps import Context, State, Verdict
from bot.text import Text, join
from bot.typed_text import read_question
from bot.yaml_text import read_yaml

LIST = frozenset({"term", "glossary", "glosario", "termino", "vocabulary"})
"""Words for all terms, as `fold` makes them."""
CLOSE = 0.84
"""How alike a misspelt term must be (difflib's ratio)."""
SHORTEST = 4
"""Letters from which a term may be misspelt: shorter ones are like too many words."""
MOST_NEAR = 3


@dataclass(frozen=True)
class Term:
    """A term of the field. `also` are other names of it, `shows` is the command that shows it, and
    `near` are terms worth reading next.
    """

    name: str
    also: tuple[str, ...]
    means: Text
    shows: str
    near: tuple[str, ...]


def read_terms() -> tuple[Term, ...]:
    """Return all terms of the file, in its order."""
    source = files("bot.knowledge.workshop").joinpath("glossary.yaml").read_text(encoding="utf-8")
    return tuple(build_term(entry) for entry in read_yaml(source))


def build_term(entry: Mapping[str, Any]) -> Term:
    """Return one term of the file."""
    also, near = tuple(entry.get("also", ())), tuple(entry.get("near", ()))
    return Term(entry["term"], also, build_sentence(entry["means"]), entry["shows"], near)


def fold(typed: str) -> str:
    """Return a term without case, accents, blanks and plurals, for comparison."""
    plain = unicodedata.normalize("NFKD", typed.casefold())
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return "".join(map(_drop_plural, words))


def _drop_plural(word: str) -> str:
    for ending, instead in (("ies", "y"), ("shes", "sh"), ("ches", "ch"), ("sses", "ss")):
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


TERMS = read_terms()
NAMES = {fold(name): term for term in TERMS for name in (term.name, *term.also)}
"""Terms by all their names, folded."""


def read_asked(typed: str) -> str:
    """Return the word that a question asks about, "" for what is no question."""
    return read_question(typed)


def find_term(typed: str) -> Term | None:
    """Return the term that somebody means, also in the plural or slightly misspelt."""
    wanted = fold(typed)
    if (term := NAMES.get(wanted)) is not None or len(wanted) < SHORTEST:
        return term
    likely = [name for name in NAMES if len(name) >= SHORTEST]
    close = difflib.get_close_matches(wanted, likely, n=1, cutoff=CLOSE)
    return NAMES[close[0]] if close else None


def suggest_terms(typed: str) -> list[str]:
    """Return the names of terms that are a little like what was typed."""
    close = difflib.get_close_matches(fold(typed), NAMES, n=MOST_NEAR, cutoff=0.6)
    return list(dict.fromkeys(NAMES[name].name for name in close))


def explain_term(context: Context, term: Term) -> Verdict:
    """Return what a term means, and what shows it or comes next as commands."""
    shown = suggest_commands(context, term.shows)
    command = f"{context.command} {term.shows}"
    where = (
        Text("`{command}` shows it", command=command)
        if shown
        else Text("`{command}` shows it, which a host runs", command=command)
    )
    return Verdict(
        State.DONE,
        Text("*{term}*: {meaning}", term=term.name, meaning=term.means),
        evidence=(where,),
        next=(*shown, *(f"help {name}" for name in term.near)),
    )


def list_terms(context: Context) -> Verdict:
    """Return all terms by name."""
    words = Text("I can explain these: `{command} help TERM`.", command=context.command)
    return Verdict(State.DONE, words, evidence=(join("comma", *(t.name for t in TERMS)),))
