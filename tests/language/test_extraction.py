"""What is promised of the script that keeps catalogues: it finds all messages and every fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.messages import LOCALES, check_messages, update_messages

SOURCE = """
from bot.text import Text, counted, in_context
# translators: how many are ready
GREETING = Text("{ready} of {total} "
                "are ready", ready=1, total=Text("nested"))
PODS = counted("{n} pod", "{n} pods", n=len("ab"))
OPEN = in_context("button", "Open")
"""
COMPLETE = """
msgid "{ready} of {total} are ready"
msgstr "{ready} de {total}"

msgid "nested"
msgstr "dentro"

msgid "{n} pod"
msgid_plural "{n} pods"
msgstr[0] "{n} pod"
msgstr[1] "{n} pods"

msgctxt "button"
msgid "Open"
msgstr "Abrir"
"""
HEADER = 'msgid ""\nmsgstr ""\n"Language: es\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one module and an empty Spanish catalogue."""
    for folder in ("bot", "handlers", LOCALES):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "handlers" / "step.py").write_text(SOURCE)
    return write_spanish(tmp_path, "")


def write_spanish(root: Path, messages: str) -> Path:
    """The project with another catalogue."""
    (root / LOCALES / "es.po").write_text(HEADER + messages)
    return root


def read_spanish(root: Path) -> str:
    """The catalogue as it stands."""
    return (root / LOCALES / "es.po").read_text()


def test_found(root: Path) -> None:
    """Every message gets into the catalogue, with plural, context and words for translators."""
    assert update_messages(root) == []
    po = read_spanish(root)
    for part in (
        'msgid "nested"',
        'msgid_plural "{n} pods"',
        'msgctxt "button"',
        "#. how many are ready",
    ):
        assert part in po
    assert "#: handlers/step.py\n" in po


def test_stable(root: Path) -> None:
    """The same messages give the same file, without dates or line numbers."""
    update_messages(root)
    first = read_spanish(root)
    (root / "handlers" / "step.py").write_text("\n\n\n" + SOURCE)
    update_messages(root)
    assert read_spanish(root) == first
    assert "Date" not in first


def test_kept(root: Path) -> None:
    """A translation stays through an update; what nobody says any more goes."""
    write_spanish(root, f'{COMPLETE}\nmsgid "gone"\nmsgstr "ido"\n')
    update_messages(root)
    assert 'msgstr "{ready} de {total}"' in read_spanish(root)
    assert "gone" not in read_spanish(root)
    assert check_messages(root) == []


def test_check(root: Path) -> None:
    """The check names what is missing, obsolete and wrong."""
    write_spanish(
        root,
        COMPLETE.replace('"dentro"', '""').replace("{ready} de", "de")
        + '\nmsgid "gone"\nmsgstr "ido"\n',
    )
    assert check_messages(root) == [
        "es.po: missing: “nested”",
        "es.po: obsolete: “gone”",
        "es.po: wrong: “de {total}” should have {ready} {total} "
        "as “{ready} of {total} are ready” has",
    ]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ('Text(f"{x} pods")', "Text has an f-string"),
        ("Text(x)", "1 literal"),
        ('Text("a" + x)', "1 literal"),
        ('counted("{n} pod", x, n=1)', "2 literal"),
        ('Text("{a} of {b}", a=1)', "lacks a value for `b`"),
        ('Text("{a}", a=1, b=2)', "no place for `b`"),
    ],
)
def test_code_faults(root: Path, call: str, fault: str) -> None:
    """A text that could not be translated, or not be filled, is found without running it."""
    (root / "bot" / "x.py").write_text(f"from bot.text import Text, counted\nx = 'x'\n{call}\n")
    faults = update_messages(root)
    assert len(faults) == 1
    assert faults[0].startswith("bot/x.py:3: ")
    assert fault in faults[0]


def test_other_functions(root: Path) -> None:
    """A function of the same name that makes no texts is left alone."""
    (root / "bot" / "x.py").write_text("def counted(a, b): ...\ncounted('no', 'message')\n")
    assert update_messages(root) == []
    assert 'msgid "no"' not in read_spanish(root)


def test_new_language(root: Path) -> None:
    """Another language is one file, with its plural forms."""
    update_messages(root, "ru")
    assert "nplurals=3" in (root / LOCALES / "ru.po").read_text()


def test_exit(root: Path) -> None:
    """The command fails when something is missing, and says what."""
    script = [sys.executable, "scripts/messages.py", "--check", "--root", str(root)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "es.po: missing: “nested”" in done.stdout


@pytest.mark.long
def test_this_project() -> None:
    """The bot's own messages are whole in every language."""
    assert check_messages(Path(__file__).parents[2]) == []
