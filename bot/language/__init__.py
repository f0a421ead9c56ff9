"""The language of the channel. The bot is written in English; here its finished messages are said
in another one.

Nothing else of the bot knows of it: a sentence stays in English where it is made, and the catalogue
of a language holds its template beside what it becomes. A test holds each catalogue complete
against the source.
"""

from bot.language.catalogue import FRAMES, LANGUAGES, Entry, entries, entry
from bot.language.messages import ENGLISH, Tongue
from bot.language.translator import Translator

__all__ = [
    "ENGLISH",
    "FRAMES",
    "LANGUAGES",
    "Entry",
    "Tongue",
    "Translator",
    "entries",
    "entry",
    "tongue",
]

BETWEEN = {"es": {"and": "y", "or": "o"}}
"""How a language says `and` and `or` between names."""


def tongue(language: str) -> Tongue:
    """Who speaks that language, one of LANGUAGES. Reads files, but not for English."""
    return (
        ENGLISH
        if language == "en"
        else Tongue(Translator(entries(language), between=BETWEEN[language]))
    )
