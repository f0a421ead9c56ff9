"""Play scripts: one line per thing that someone types or presses, with the end that is expected of
it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

ENDS = ("done", "not yet", "normal", "error")
DEFAULT_USER = "host"

_END = re.compile(r"\s*->\s*([^>]*)$")
_USER = re.compile(r"@([\w.-]+):\s*(.*)", re.DOTALL)
_CLICK = re.compile(r'click\s+"([^"]+)"')


class ScriptError(ValueError):
    """A script that cannot be played; the text names the line."""


@dataclass(frozen=True)
class ScriptLine:
    """One line: who does what, and how it is to end (one of ENDS)."""

    number: int
    user: str
    kind: Literal["command", "mention", "click"]
    text: str
    expects: str = "done"

    def __str__(self) -> str:
        return f'click "{self.text}"' if self.kind == "click" else self.text


def parse_script(text: str) -> list[ScriptLine]:
    """Return the lines of a script, without blank lines and # comments.

    Raises ScriptError for the first bad line.
    """
    lines = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            lines.append(parse_line(line, number))
    return lines


def parse_line(line: str, number: int = 1) -> ScriptLine:
    """Parse one line of a script.

    Raises ScriptError when it is no command, mention or click, or its end is unknown.
    """
    action, expects = _split_end(line, number)
    user = DEFAULT_USER
    if match := _USER.fullmatch(action):
        user, action = match[1], match[2].strip()
    if match := _CLICK.fullmatch(action):
        return ScriptLine(number, user, "click", match[1], expects)
    if re.fullmatch(r"/\w\S*(\s.*)?", action, re.DOTALL):
        return ScriptLine(number, user, "command", action, expects)
    if re.fullmatch(r"@meshbot(\s.*)?", action, re.DOTALL):
        return ScriptLine(number, user, "mention", action, expects)
    raise ScriptError(
        f'line {number}: expected a /command, @meshbot words or click "Button", found: {line}'
    )


def _split_end(line: str, number: int) -> tuple[str, str]:
    match = _END.search(line)
    if match is None:
        return line, "done"
    end = " ".join(match[1].split())
    if end not in ENDS:
        raise ScriptError(f'line {number}: unknown end "{end}"; it is one of: {", ".join(ENDS)}')
    return line[: match.start()].strip(), end


def list_built_in_scripts() -> list[str]:
    """Return the names of the scripts that come with the sandbox, sorted."""
    return sorted(
        entry.name.removesuffix(".mesh")
        for entry in _get_scripts_folder().iterdir()
        if entry.name.endswith(".mesh")
    )


def load_script(name: str) -> list[ScriptLine]:
    """Return the script of this built-in name, or else the one in this file.

    Raises ScriptError if there is neither.
    """
    if name in list_built_in_scripts():
        return parse_script((_get_scripts_folder() / f"{name}.mesh").read_text(encoding="utf-8"))
    path = Path(name)
    if not path.is_file():
        raise ScriptError(
            f"no script {name}: neither a file nor one of the built-in "
            f"{', '.join(list_built_in_scripts())}"
        )
    return parse_script(path.read_text(encoding="utf-8"))


def _get_scripts_folder() -> Path:
    return Path(str(files("sandbox"))) / "scripts"
