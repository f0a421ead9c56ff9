"""What keyboards, phones and Slack make of a command, turned back into what was meant.

Slack sends references and escapes in place of characters. Keyboards send curly quotes, long dashes,
other blanks and marks that nobody sees; people add the punctuation of a sentence, or the marks of
code. Words in quotes keep all but the characters that stand for others. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

REFERENCE = re.compile(r"<([^<>|\s][^<>|]*)(?:\|([^<>]*))?>")
"""Slack's own mark for links, people, channels and groups; it escapes < and > that people type."""
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
CONTACT = re.compile(r"^(?:mailto|tel):", re.IGNORECASE)
USER = re.compile(r"@[UW][A-Z0-9]+")
BROADCASTS = frozenset({"!here", "!channel", "!everyone"})
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
"""The three that Slack escapes; another one that somebody typed arrives with its & escaped."""

CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″〝〞", '"'),
        # An acute accent is the apostrophe of many keyboards; NFKC would make two characters of it.
        **dict.fromkeys("‘’‚‛‹›′ʼ´", "'"),
        **dict.fromkeys("‐‑‒–—―−⁃˗﹘", "-"),
        **{"٪": "%", "。": ".", "؟": "?", "،": ",", "؛": ";", "、": ","},
    }
)
"""Characters that stand for plain ones, beside those that NFKC knows (Unicode Annex 15)."""

QUOTED = re.compile(r""""[^"]*"|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)""")
"""Words that quotes hold together; an apostrophe inside a word is no quote."""
OPEN_QUOTE = re.compile(r"\"|(?<!\w)'|'(?!\w)")
HELD = 0xF0000
"""The first of the private characters that stand for quoted words while the rest is read."""
FIRST_SELECTORS, MORE_SELECTORS = range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)
"""Unicode's variation selectors: they choose how the character before them looks."""
EMPHASIS = re.compile(r"(?<!\S)([*_~])(?=\S)(.+?)(?<=\S)\1(?=[\s.,;:!?]|$)")
"""*Bold*, _italic_ or ~struck~ words; the stars of cron stand alone or before a slash."""
REPAIRS = (
    (re.compile(r"^(?:[>•:,;.!¿¡]+ ?|[-*_~]+ |\d{1,2}[.)] (?=[^\W\d]))+(?=\S)"), ""),
    (re.compile(r"(?<=[^\s?!.,;:])[?!.,;:]+(?= )"), ""),
    (re.compile(r"(?<= )[,;:!.-]+ "), ""),
    (re.compile(r"(?<=\d) %"), "%"),
    (re.compile(r"(?<=\d) ?/ ?(?=s(?: |$))"), "/"),
    (re.compile(r"(?<=\d) ?(?:sec(?:ond)?|segundo)s?(?= |$)", re.IGNORECASE), "s"),
    (re.compile(r"(?<=\d) ?min(?:ute|uto)?s?(?= |$)", re.IGNORECASE), "m"),
    (re.compile(r"(?<=\d) ?(?:h(?:ou)?r|hora)s?(?= |$)", re.IGNORECASE), "h"),
    (re.compile(r"(?<=\d) (?=(?:ms|s|m|h)(?: |$))"), ""),
    (re.compile(r"(?<=\w) ?= ?(?=[^\s=])"), "="),
    (re.compile(r" -+$"), ""),
    (re.compile(r"(?<=[^\s?!.,;:]) ?[?!.,;:]+$"), ""),
)
"""Punctuation around words and blanks inside of them, and what takes their place."""


QUESTION = re.compile(
    r"(?:(?:and|so|please|hey|hi|y|oye|por favor) )*"
    r"(?:what(?:'?s| is| are| was|'?re| does| do| means)?(?: the meaning of)?"
    r"|explain(?: to me)?|define|describe|tell me about|meaning of|how (?:does|do)"
    r"|(?:que|cual) (?:es|son|era|significa|hace|quiere decir)|explica(?:me)?|define"
    r"|definicion de|significado de|para que sirven?|como funcionan?)"
    r" (?:(?:an?|the|is|are|el|la|los|las|un|una|unos|unas|lo de|de) )*"
    r"(.+?)"
    r"(?: (?:mean|means|do|does|work|works|good for|used for|stand for|in istio|en istio|please))*"
)
"""A question for a word of the field, in English and Spanish; the word is its group."""


def read_question(text: str) -> str:
    """Return what a question asks about, "" for what is none: `what is a waypoint` asks about
    `waypoint`. Case, accents and the marks around do not count.
    """
    plain = normalize_command(text).casefold()
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    found = QUESTION.fullmatch(" ".join(bare.split()))
    return found[1] if found else ""


def decode_slack_text(text: str) -> str:
    """Return the text as the person typed it, out of the form in which Slack sends it.

    Links become what is read, or their address where they have a title of their own; people stay
    `<@U…>`, without names.
    """
    plain = REFERENCE.sub(_decode_reference, text)
    return re.sub("|".join(ENTITIES), lambda found: ENTITIES[found[0]], plain)


def _decode_reference(found: re.Match[str]) -> str:
    target, label = found[1], (found[2] or "").strip()
    if target.startswith("@"):
        return f"<{target}>" if USER.fullmatch(target) else found[0]
    if target.startswith("#"):
        return f"#{label.lstrip('#')}" if label else found[0]
    if target.startswith("!"):
        return label or (f"@{target[1:]}" if target in BROADCASTS else found[0])
    if not SCHEME.match(target):
        return found[0]
    if (address := CONTACT.sub("", target)) != target:
        return label or address
    shown = label.lower().rstrip("/")
    return label if shown and address.lower().rstrip("/").endswith(shown) else address


def normalize_command(text: str) -> str:
    """Return a command in plain characters, without the marks and the punctuation around words.

    What stands in quotes keeps them, and its own punctuation.
    """
    skeleton, held = hold_quoted(normalize_characters(text))
    return restore_quoted(normalize_words(skeleton), held)


def normalize_characters(text: str) -> str:
    """Return a text with plain quotes, dashes, digits and blanks, without what nobody sees."""
    # Twice, for NFKC makes some of those that the table has.
    for _ in range(2):
        shown = "".join(map(_normalize_character, text.translate(CHARACTERS)))
        text = unicodedata.normalize("NFKC", shown)
    return text


def _normalize_character(character: str) -> str:
    if character.isspace():
        return " "
    if (
        unicodedata.category(character) == "Cf"
        or ord(character) in FIRST_SELECTORS
        or ord(character) in MORE_SELECTORS
    ):
        return ""
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def normalize_words(skeleton: str) -> str:
    """Return a text without quotes as single words, one blank apart."""
    text = " ".join(skeleton.replace("`", " ").split())
    while (plain := EMPHASIS.sub(r"\2", text)) != text:
        text = plain
    for pattern, instead in REPAIRS:
        text = pattern.sub(instead, text)
    return text


def hold_quoted(text: str) -> tuple[str, list[str]]:
    """Return the text with a private character for each quoted part, and those parts."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[0])
        return chr(HELD + len(held) - 1)

    return QUOTED.sub(hold, text), held


def restore_quoted(skeleton: str, held: Sequence[str]) -> str:
    """Return the text with its quoted parts, as they were."""
    return "".join(held[ord(c) - HELD] if ord(c) >= HELD else c for c in skeleton)


def split_words(text: str) -> list[str]:
    """Return the words of a normalized command, without quotes; those may be empty.

    Raises ValueError when a quote is open.
    """
    skeleton, held = hold_quoted(text)
    if OPEN_QUOTE.search(skeleton):
        raise ValueError("a quote is opened and not closed")
    inside = [part[1:-1] for part in held]
    return [restore_quoted(word, inside) for word in skeleton.split()]
