"""The glossary: every term is found by the ways people write it, and leads somewhere."""

from __future__ import annotations

import pytest

from bot.knowledge.workshop.glossary import NAMES, TERMS, Term, find_term, fold
from bot.language import Localizer
from bot.typed_text import read_question
from handlers import STEPS

WANTED = (
    "sidecar waypoint ztunnel HBONE mTLS subset DestinationRule VirtualService HTTPRoute Gateway "
    "ingress istiod istio-cni ambient Kiali Jaeger span trace Prometheus rollout revision mirror "
    "PeerAuthentication AuthorizationPolicy ServiceEntry egress Envoy"
).split() + ["control plane", "fault injection", "traffic shifting", "circuit breaker"]


def test_the_words_of_the_workshop_are_there() -> None:
    """Each has an entry of its own name, and no two entries claim one name."""
    assert {term.name for term in TERMS} >= set(WANTED)
    claimed = [fold(name) for term in TERMS for name in dict.fromkeys((term.name, *term.also))]
    assert len(set(claimed)) == len(NAMES)
    twice = {
        n for n in claimed if len({t.name for t in TERMS if n in map(fold, (t.name, *t.also))}) > 1
    }
    assert twice == set()


def test_every_entry_leads_somewhere() -> None:
    """To a command that there is, and to other entries; in a sentence or two that a phone shows."""
    names, steps = {term.name for term in TERMS}, {step.id for step in STEPS}
    for term in TERMS:
        assert term.shows.split()[0] in steps, term.name
        assert set(term.near) <= names - {term.name}, term.name
        for language in ("en", "es"):
            said = Localizer(language)(term.means)
            assert 40 <= len(said) <= 300, (term.name, language, len(said))
            assert (said[0].isupper(), said[-1]) == (said[0] != "i", "."), (term.name, language)
        assert Localizer("es")(term.means) != str(term.means), term.name


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
@pytest.mark.parametrize(
    "form",
    ["what is {}?", "What's a {}", "whats {}", "¿Qué es {}?", "que es un {}", "explain {}", "{}"],
)
def test_a_term_is_found_however_it_is_asked_for(term: Term, form: str) -> None:
    """In any case, in both languages, with or without the question's marks."""
    plural = term.name if term.name[-1] in "sS" else f"{term.name}s"
    for name in (term.name, term.name.upper(), plural, *term.also):
        typed = form.format(name)
        assert find_term(read_question(typed) or typed) is term, typed


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ztunel", "ztunnel"),
        ("way-points", "waypoint"),
        ("destination rules", "DestinationRule"),
        ("virtualservise", "VirtualService"),
        ("Malla de servicios", "service mesh"),
        ("trazas", "trace"),
        ("cortacircuitos", "circuit breaker"),
    ],
)
def test_a_misspelt_term_is_found(typed: str, name: str) -> None:
    """Slips of the finger, plurals and Spanish names."""
    found = find_term(typed)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("typed", ["", "x", "install", "lunch", "tls1", "graphite", "??", "reset"])
def test_other_words_are_no_terms(typed: str) -> None:
    """Nothing is explained that was not asked."""
    assert find_term(typed) is None


@pytest.mark.parametrize("typed", ["status", "route jason v2", "what", "why", "graph", "que"])
def test_commands_are_no_questions(typed: str) -> None:
    """Only a question is read as one."""
    assert read_question(typed) == ""
