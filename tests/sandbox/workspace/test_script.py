"""Play scripts as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.script import (
    ScriptError,
    ScriptLine,
    find_script_folder,
    list_built_in_scripts,
    load_script,
    parse_script,
)


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
        ('@bob: shortcut "Why?"', ScriptLine(1, "bob", "shortcut", "Why?")),
        (
            'shortcut  "Why?" -> cause mtls',
            ScriptLine(1, "host", "shortcut", "Why?", "no error", ("mtls",)),
        ),
        ("# a remark\n\n/mesh links", ScriptLine(3, "host", "command", "/mesh links")),
        ("$ kubectl get ns", ScriptLine(1, "", "shell", "kubectl get ns")),
        ("$ ls 2>&1 | tail -3 -> error", ScriptLine(1, "", "shell", "ls 2>&1 | tail -3", "error")),
        ("$ echo 'a -> b' -> done", ScriptLine(1, "", "shell", "echo 'a -> b'")),
        (
            "/mesh why -> cause port-name",
            ScriptLine(1, "host", "command", "/mesh why", "no error", ("port-name",)),
        ),
        (
            "/mesh why -> not yet, cause port-name ,  cause mtls-2",
            ScriptLine(1, "host", "command", "/mesh why", "not yet", ("port-name", "mtls-2")),
        ),
    ],
)
def test_a_line_says_who_does_what_and_how_it_ends(text: str, line: ScriptLine) -> None:
    """Every form of a line is read, remarks and blank lines are passed over, and numbers stay those
    of the file."""
    assert parse_script(text) == [line]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("/mesh install\nhello", r"line 2: expected a /command, @meshbot words, click"),
        (
            "/mesh install -> fine",
            r'line 1: unknown end "fine"; it is one of: done, not yet, normal, error, cause ID$',
        ),
        ("/mesh why -> no error", r'unknown end "no error"'),
        ("/mesh why -> cause", r'unknown end "cause"'),
        ("/mesh why -> cause Port_Name", r'line 1: expected "cause ID", .*found: cause Port_Name'),
        ("/mesh why -> cause a, not yet", r'line 1: expected "cause ID", .*found: not yet'),
        ("/mesh why -> done,", r'line 1: expected "cause ID"'),
        ("$", r"line 1: expected"),
        ("@jason: $ ls", r"line 1: the shell is nobody in the channel: leave out @jason: before"),
        ("$ ls -> normal", r"line 1: a shell command ends done or error"),
        ("$ ls -> error, cause a", r"line 1: a shell command ends done or error, without a cause"),
        ("$ echo 'a -> b'", r"unknown end \"b'\"; .*write -> done after it"),
        ("@alice:", r"line 1: expected"),
        ("click Confirm", r"line 1: expected"),
        ("shortcut Why?", r'line 1: expected .* shortcut "Name"'),
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


def test_shell_commands_run_beside_their_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of the file, from wherever it is played; built-in ones where one stands."""
    monkeypatch.chdir(tmp_path)
    assert find_script_folder("plays/mine.mesh") == tmp_path / "plays"
    assert find_script_folder("install") == tmp_path


def test_an_unknown_script_names_those_there_are() -> None:
    """A misspelt name is answered with the names that exist."""
    with pytest.raises(ScriptError, match="install"):
        load_script("instal")
    assert "install" in list_built_in_scripts()
