"""What a translator promises: the sentence is found, its values are taken over, and nobody else's
words are touched."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language import FRAMES, Translator, entry, tongue

SPANISH = tongue("es")
BETWEEN = {"and": "y", "or": "o"}


def translator(*pairs: tuple[str, str], frames: tuple[tuple[str, str], ...] = ()) -> Translator:
    """A translator of these sentences."""
    entries = [entry(*pair) for pair in pairs] + [entry(*pair, file=FRAMES) for pair in frames]
    return Translator(entries, between=BETWEEN)


PODS = ("{} of {} pods {}", "{0:number} de {1} pods {2:text}")
READY = ("ready", "listos")
SAYS = ("the pod says: {}", "el pod dice: {0}")
STATE = ("its state is {}.", "su estado es {0:text}.")


def test_values_are_taken_over() -> None:
    """Numbers and names come through as they are, also in another order."""
    spanish = translator(("{} gives way to {}", "{1} sustituye a {0}"))
    assert spanish.text("reviews-v1 gives way to reviews-v2") == "reviews-v2 sustituye a reviews-v1"


def test_only_marked_values_are_translated() -> None:
    """Words of the bot's own inside a sentence are found where the catalogue says so."""
    assert translator(PODS, READY).text("2 of 3 pods ready") == "2 de 3 pods listos"


@pytest.mark.parametrize(
    "foreign", ["ready", "2 of 3 pods ready", "the pod says: ready", "{0} {1:text} \\1 %s"]
)
def test_the_words_of_others_stay(foreign: str) -> None:
    """A pod that says what the bot could have said, or what looks like a template, is quoted and
    not translated."""
    assert (
        translator(PODS, READY, SAYS).text(f"the pod says: {foreign}") == f"el pod dice: {foreign}"
    )


@pytest.mark.parametrize(
    "foreign",
    ["Back-off pulling image", "is it ready", "2 von 3 pods ready", "pods ready", "x" * 9000],
)
def test_what_is_not_known_stays(foreign: str) -> None:
    """A miss is no error: the text is shown as it came."""
    spanish = translator(PODS, READY)
    assert (spanish.text(foreign), spanish.texts(foreign), spanish.line(foreign)) == (
        foreign,
        foreign,
        foreign,
    )


def test_the_heaviest_sentence_is_meant() -> None:
    """Of two that fit, the one with more words of its own."""
    spanish = translator(("{} is {}", "{0} es {1}"), ("{} is not {}", "{0} no es {1}"))
    assert spanish.text("x is not y") == "x no es y"


def test_a_value_that_should_be_a_number_makes_the_difference() -> None:
    """`2 of 3 pods` is not found in the middle of another text."""
    assert translator(PODS, READY).text("node-1: 2 of 3 pods ready") == "node-1: 2 of 3 pods ready"


def test_number_agrees() -> None:
    """One page, two pages."""
    spanish = translator(("{} page{} of it", "{0} {0?página|páginas}{1:ending} de ello"))
    assert spanish.text("1 page of it") == "1 página de ello"
    assert spanish.text("2 pages of it") == "2 páginas de ello"


def test_a_sentence_goes_on_after_a_colon() -> None:
    """With a small first letter, and with the full stop that ends what is put together, it is the
    same sentence."""
    spanish = translator(("The cluster is away", "El clúster no está"))
    assert spanish.text("the cluster is away.") == "el clúster no está."
    assert translator(("It is away.", "No está.")).text("It is away") == "No está"


def test_causes_are_found_among_foreign_ones() -> None:
    """Where several causes stand in a row, the bot's own are translated and those of others left."""
    spanish = translator(("the Deployment is not there", "el Deployment no está"))
    said = spanish.texts("Error: no such host; the Deployment is not there; exit status 1.")
    assert said == "Error: no such host; el Deployment no está; exit status 1."


def test_single_words_among_foreign_ones_stay() -> None:
    """A word by itself could be anybody's."""
    assert translator(READY).texts("admission webhook denied: ready; not today") == (
        "admission webhook denied: ready; not today"
    )


def test_a_text_of_several_pieces() -> None:
    """Pieces of the bot's own that stand side by side are each found."""
    spanish = translator(
        ("missing {}", "falta {0:name}"),
        (", not ready", ", sin terminar"),
        ("(asked for {})", "(pedido {0})"),
    )
    assert (
        spanish.parts("missing jaeger, not ready (asked for 2)")
        == "falta jaeger, sin terminar (pedido 2)"
    )


def test_names_and_links() -> None:
    """Between names only `and` and `or` change, in links only the label; commands and addresses
    stay."""
    spanish = translator(
        ("open {}", "abre {0:names}"), ("see {}", "mira {0:links}"), ("graph", "grafo")
    )
    assert spanish.text("open `this or that` or b and c") == "abre `this or that` o b y c"
    assert spanish.text("see <https://x/graph|graph>") == "mira <https://x/graph|grafo>"


def test_a_frame_is_looked_at_before_the_sentence_in_it() -> None:
    """What stands around a sentence does not become part of its first value."""
    pairs = (("{} is gone", "{0} ya no está"), ("Done", "Hecho"))
    spanish = translator(*pairs, frames=(("{} — {}: {}", "{0:mark} — {1:known}: {2:text}"),))
    assert spanish.line("✅ — Done: x is gone") == "✅ — Hecho: x ya no está"


def test_a_brace_may_be_one() -> None:
    """What stands in braces for Slack, such as the form of a date, comes through."""
    spanish = translator(("next {} <{date}>", "próximo {0} <{{date}}>"))
    assert spanish.text("next run <{date}>") == "próximo run <{date}>"


@pytest.mark.parametrize("other", ["{0}", "{0} {1} {2}", "{0:nonsense} {1}", "{0} {1"])
def test_a_translation_that_loses_a_value_is_refused(other: str) -> None:
    """Each value of the English sentence has its place, and nothing else is in braces."""
    with pytest.raises(ValueError, match="should use|there is no"):
        entry("{} of {}", other)


PIECES = st.sampled_from(
    [
        ", ",
        "; ",
        ": ",
        ". ",
        " (",
        ")",
        "` ",
        "{0}",
        "not ready",
        "2 of 3 pods ",
        "• ",
        "a",
        "\n",
        "&lt;",
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever a pod, a person or a server says, a message with it is shown."""
    spanish = SPANISH.translator
    assert all(
        isinstance(say(text), str)
        for say in (spanish.line, spanish.notice, spanish.texts, spanish.parts)
    )


def test_a_hostile_text_costs_no_time() -> None:
    """Thousands of commas, colons and half sentences are read in milliseconds."""
    spanish = SPANISH.translator
    hostile = [
        "a: " * 1300,
        "ready; " * 500,
        "2 of 3 pods " * 300,
        ", not ready" * 300,
        "`" * 3000,
        "reviews " * 450,
    ]
    began = time.process_time()
    for text in hostile:
        spanish.line(text)
    assert (time.process_time() - began) / len(hostile) < 0.05
