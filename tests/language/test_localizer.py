"""What is promised of languages: each is a file, what it lacks is English, faults are refused."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from bot.language.localizer import LocaleFormatter, Localizer
from bot.language.pseudo import PseudoLocalizer, find_plain_words
from bot.language.translations import list_languages, load_catalog, read_catalog
from bot.text import (
    Listed,
    Moment,
    Phrase,
    Seconds,
    Text,
    Weekday,
    counted,
    in_context,
    join,
    verbatim,
)

SPANISH = r"""
msgid ""
msgstr ""
"Language: es\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "{ready} of {wanted} are ready"
msgstr "de {wanted} hay {ready}"

msgid "{n} pod"
msgid_plural "{n} pods"
msgstr[0] "un pod"
msgstr[1] "{n} pods o más"

msgctxt "button"
msgid "Open"
msgstr "Abrir"

msgid "Open"
msgstr "Abierto"

msgid "because {why}"
msgstr "porque {why}"

#, fuzzy
msgid "guessed"
msgstr "adivinado"
"""
RUSSIAN = r"""
msgid ""
msgstr ""
"Language: ru\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2);\n"

msgid "{n} pod"
msgid_plural "{n} pods"
msgstr[0] "{n} под"
msgstr[1] "{n} пода"
msgstr[2] "{n} подов"
"""
THURSDAY = datetime(2026, 11, 26, 14, 0, 5, tzinfo=UTC).timestamp()


def speak(language: str, po: str) -> Localizer:
    """A localizer of a catalogue that stands here."""
    return Localizer(language, LocaleFormatter(read_catalog(language, po.encode())))


def test_translation() -> None:
    """A message is said in another order, with context and with its inner text."""
    say = speak("es", SPANISH)
    assert say(Text("{ready} of {wanted} are ready", ready=1, wanted=2)) == "de 2 hay 1"
    assert (say(Text("Open")), say(in_context("button", "Open"))) == ("Abierto", "Abrir")
    assert say(Text("because {why}", why=Text("Open"))) == "porque Abierto"


@pytest.mark.parametrize(
    ("n", "spanish", "russian"),
    [(1, "un pod", "1 под"), (3, "3 pods o más", "3 пода"), (21, "21 pods o más", "21 под")],
)
def test_plural_rules(n: int, spanish: str, russian: str) -> None:
    """Each language has its own plurals."""
    pods = counted("{n} pod", "{n} pods", n=n)
    assert (speak("es", SPANISH)(pods), speak("ru", RUSSIAN)(pods)) == (spanish, russian)


def test_outside() -> None:
    """What comes from outside is never translated, even when it reads like a message."""
    assert speak("es", SPANISH)(verbatim("Open")) == "Open"
    assert speak("es", SPANISH)(Text("because {why}", why="Open")) == "porque Open"


def test_missing() -> None:
    """A message without a translation, or with a guessed one, is said in English."""
    say = speak("es", SPANISH)
    assert say(Text("not there")) == "not there"
    assert say(Text("guessed")) == "guessed"
    assert say(in_context("menu", "Open")) == "Open"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Listed(("a", "b", Text("Open"))), "a, b y Abierto"),
        (Listed(("a", "b"), "or"), "a o b"),
        (Listed(("a", "b"), "semicolon"), "a; b"),
        (Seconds(80), "1 min 20 s"),
        (Seconds(0.5, "exact"), "0,5 s"),
        (Weekday(0), "lun"),
        (Moment(THURSDAY), "jue, 26 nov 14:00:05 (UTC)"),
        (Moment(THURSDAY, "Pacific/Auckland", "year", ""), "vie, 27 nov 2026 (Pacific/Auckland)"),
    ],
)
def test_spanish_phrases(value: Phrase, said: str) -> None:
    """Lists, durations and dates are those of the language."""
    assert speak("es", SPANISH)(Text("{it}!", it=value)) == f"{said}!"


def test_numbers() -> None:
    """Decimals are those of the language; a port is not grouped."""
    text = Text("{cpu} CPU, {total:,.1f}, port {port}", cpu=1.5, total=12345.6, port=15090)
    assert speak("es", SPANISH)(text) == "1,5 CPU, 12.345,6, port 15090"


@pytest.mark.parametrize(
    ("english", "translation"),
    [
        ("of {a}", "de"),
        ("of", "de {a}"),
        ("of {a}", "de {b}"),
        ("{a:.0f} ms", "{a} ms"),
        ("of {a}", "de {a.b}"),
        ("of {a}", "de {a"),
    ],
)
def test_wrong_fields(english: str, translation: str) -> None:
    """A translation with other values than its English is refused by name."""
    po = f'msgid "{english}"\nmsgstr "{translation}"\n'
    with pytest.raises(ValueError, match="es.po: .*de|ms"):
        read_catalog("es", po.encode())


def test_unreadable() -> None:
    """A file that is no catalogue, and a language that is not there, are refused."""
    with pytest.raises(ValueError, match="es.po"):
        read_catalog("es", b"hello\n")
    with pytest.raises(ValueError, match="no language “xx”: it is one of en, es"):
        Localizer("xx")


def test_languages() -> None:
    """Each language that can be chosen has a catalogue that can be read."""
    assert list_languages()[0] == "en"
    assert "es" in list_languages()
    assert all(load_catalog(language).language == language for language in list_languages()[1:])


def test_start() -> None:
    """English loads nothing of Babel."""
    code = (
        "import sys; from bot.language.localizer import Localizer; from bot.text import Text;"
        "Localizer()(Text('x')); sys.exit('babel' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pseudo() -> None:
    """Every word of the bot's own is marked; values, code and addresses are not."""
    say = PseudoLocalizer()
    text = Text(
        "{pod} waits, type `status` or <{url}|look> at <#{channel}>",
        pod="istiod",
        url="https://x",
        channel="C1",
    )
    assert say(text) == "⟦istiod ẃáíťś, ťýṕé `status` óŕ <https://x|ĺóóķ> áť <#C1>⟧"
    assert say(join("and", "a", Text("b"))) == "a áńď ⟦ƀ⟧"


def test_plain_words() -> None:
    """What is left in English is found, apart from what may stand there."""
    said = PseudoLocalizer()(
        Text("{why}: {it}", why="left over", it=Text("`code` is {name}", name="istiod"))
    )
    assert find_plain_words(said, "istiod") == ["left", "over"]
