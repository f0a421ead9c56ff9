"""Play scripts as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.script import ScriptError, ScriptLine, list_built_in_scripts, load_script, parse_script


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/mesh install", ScriptLine(1, "host", "command", "/mesh install")),
        (
            "  /mesh install   -> not yet ",
            ScriptLine(1, "host", "command", "/mesh install", "not yet"),
        ),
        ("@alice: /mesh status", ScriptLine(1, "alice", "command", "/mesh status")),
        ("@bob: @meshbot status", ScriptLine(1, "bob", "mention", "@meshbot status")),
        ('click "Confirm"', ScriptLine(1, "host", "click", "Confirm")),
        ('@bob: click "Remove it"->error', ScriptLine(1, "bob", "click", "Remove it", "error")),
        ("# a remark\n\n/mesh links", ScriptLine(3, "host", "command", "/mesh links")),
    ],
)
def test_a_line_says_who_does_what_and_how_it_ends(text: str, line: ScriptLine) -> None:
    """Every form of a line is read, remarks and blank lines are passed over, and numbers stay those
    of the file."""
    assert parse_script(text) == [line]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("/mesh install\nhello", r"line 2: expected a /command, @meshbot words or click"),
        (
            "/mesh install -> fine",
            r'line 1: unknown end "fine"; it is one of: done, not yet, normal, error',
        ),
        ("@alice:", r"line 1: expected"),
        ("click Confirm", r"line 1: expected"),
        ("/", r"line 1: expected"),
    ],
)
def test_a_bad_line_is_named(text: str, complaint: str) -> None:
    """A script that cannot be played is refused with the number of its line."""
    with pytest.raises(ScriptError, match=complaint):
        parse_script(text)


def test_a_script_is_found_by_name_or_path(tmp_path: Path) -> None:
    """Built-in scripts go by their name, others by their path."""
    (tmp_path / "mine.mesh").write_text("/mesh help")
    assert [line.text for line in load_script("install")][:2] == [
        "/mesh preflight",
        "/mesh install",
    ]
    assert load_script(str(tmp_path / "mine.mesh"))[0].text == "/mesh help"


def test_an_unknown_script_names_those_there_are() -> None:
    """A misspelt name is answered with the names that exist."""
    with pytest.raises(ScriptError, match="install"):
        load_script("instal")
    assert "install" in list_built_in_scripts()
