"""Play scripts: one line per thing that someone types or presses, or that the shell runs, with the
end and the causes that are expected of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

ENDS = ("done", "not yet", "normal", "error")
SHELL_ENDS = ("done", "error")
NO_ERROR = "no error"
"""Any end but error: what a line expects that names only causes."""
DEFAULT_USER = "host"
BOT = "meshbot"
"""The bot's name in the workspace, which a line that mentions it begins with."""

_END = re.compile(r"\s*->\s*([^>]*)$")
_USER = re.compile(r"@([\w.-]+):\s*(.*)", re.DOTALL)
_CLICK = re.compile(r'click\s+"([^"]+)"')
_SHORTCUT = re.compile(r'shortcut\s+"([^"]+)"')
_SHELL = re.compile(r"\$\s+(\S.*)", re.DOTALL)
_CAUSE = re.compile(r"cause ([a-z0-9-]+)")


class ScriptError(ValueError):
    """A script that cannot be played; the text names the line."""


@dataclass(frozen=True)
class ScriptLine:
    """One line: who does what, and how it is to end (one of ENDS, or NO_ERROR) with which causes.

    The shell is nobody in the channel: its lines have no user.
    """

    number: int
    user: str
    kind: Literal["command", "mention", "click", "shortcut", "shell"]
    text: str
    expects: str = "done"
    causes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind in ("click", "shortcut"):
            return f'{self.kind} "{self.text}"'
        return f"$ {self.text}" if self.kind == "shell" else self.text

    def describe_expectation(self) -> str:
        """Return the expected end and causes in words: `not yet, cause no-endpoints`."""
        return ", ".join([self.expects, *(f"cause {cause}" for cause in self.causes)])


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

    Raises ScriptError when it is no command, mention, click, shortcut or shell command, or
    what it expects is unknown.
    """
    action, expects, causes = _split_expectation(line, number)
    user = DEFAULT_USER
    if match := _SHELL.fullmatch(action):
        _check_shell_expectation(expects, causes, number)
        return ScriptLine(number, "", "shell", match[1], expects)
    if (match := _USER.fullmatch(action)) and match[1] != BOT:
        user, action = match[1], match[2].strip()
    if _SHELL.fullmatch(action):
        raise ScriptError(
            f"line {number}: the shell is nobody in the channel: leave out @{user}: before the $"
        )
    if match := _CLICK.fullmatch(action):
        return ScriptLine(number, user, "click", match[1], expects, causes)
    if match := _SHORTCUT.fullmatch(action):
        return ScriptLine(number, user, "shortcut", match[1], expects, causes)
    if re.fullmatch(r"/\w\S*(\s.*)?", action, re.DOTALL):
        return ScriptLine(number, user, "command", action, expects, causes)
    if re.fullmatch(rf"@{BOT}(\W.*)?", action, re.DOTALL):
        return ScriptLine(number, user, "mention", action, expects, causes)
    raise ScriptError(
        f'line {number}: expected a /command, @meshbot words, click "Button", shortcut "Name" or '
        f"$ shell command, found: {line}"
    )


def _split_expectation(line: str, number: int) -> tuple[str, str, tuple[str, ...]]:
    """Return what a line does, its end, and its causes."""
    match = _END.search(line)
    if match is None:
        return line, "done", ()
    parts = [" ".join(part.split()) for part in match[1].split(",")]
    if parts[0].startswith("cause "):
        end = NO_ERROR
    elif parts[0] in ENDS:
        end = parts.pop(0)
    else:
        raise ScriptError(_describe_unknown_end(line, parts[0], number))
    return line[: match.start()].strip(), end, tuple(_parse_cause(part, number) for part in parts)


def _describe_unknown_end(line: str, end: str, number: int) -> str:
    own = ' (where "->" is part of the command, write -> done after it)' if line[0] == "$" else ""
    known = ", ".join((*ENDS, "cause ID"))
    return f'line {number}: unknown end "{end}"; it is one of: {known}{own}'


def _parse_cause(part: str, number: int) -> str:
    match = _CAUSE.fullmatch(part)
    if match is None:
        raise ScriptError(
            f'line {number}: expected "cause ID", the id in small letters, digits and hyphens, '
            f"found: {part}"
        )
    return match[1]


def _check_shell_expectation(expects: str, causes: tuple[str, ...], number: int) -> None:
    if expects not in SHELL_ENDS or causes:
        raise ScriptError(
            f"line {number}: a shell command ends {' or '.join(SHELL_ENDS)}, without a cause"
        )


def list_built_in_scripts() -> list[str]:
    """Return the names of the scripts that come with the sandbox, sorted."""
    return sorted(
        entry.name.removesuffix(".mesh")
        for entry in _get_scripts_folder().iterdir()
        if entry.name.endswith(".mesh")
    )


def find_script_folder(name: str) -> Path:
    """Return the folder in which a script's shell commands run: that of its file, or the current
    one for a built-in script."""
    return Path.cwd() if name in list_built_in_scripts() else Path(name).absolute().parent


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
