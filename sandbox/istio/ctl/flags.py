"""Command lines as Go's cobra parses them.

There is a tree of commands, flags may stand anywhere, and errors have cobra's
messages and exit codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.istio.istioctl_errors import MISUSED, CtlError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Flag:
    """One flag of a command.

    `kind` is bool, string, int, list (repeatable), duration (seconds) or a tuple of allowed
    values.
    """

    name: str
    short: str = ""
    kind: str | tuple[str, ...] = "string"
    default: Any = ""
    help: str = ""

    def parse_value(self, text: str) -> Any:
        """Parse the flag's value.

        Raises CtlError with the message of Go's flag package.
        """
        if self.kind == "bool":
            return self._parse_bool(text)
        if self.kind == "duration":
            return self._parse_duration(text)
        if self.kind == "int":
            return self._parse_int(text)
        if isinstance(self.kind, tuple) and text not in self.kind:
            raise CtlError(
                f"{text} not a valid option for format. See istioctl analyze --help", MISUSED
            )
        return text

    def _parse_bool(self, text: str) -> bool:
        if text.lower() not in ("true", "false", "t", "f", "1", "0"):
            reason = f'strconv.ParseBool: parsing "{text}": invalid syntax'
            raise CtlError(
                f'invalid argument "{text}" for "{self.display_name}" flag: {reason}', MISUSED
            )
        return text.lower() in ("true", "t", "1")

    def _parse_int(self, text: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", text):
            reason = f'strconv.ParseInt: parsing "{text}": invalid syntax'
            raise CtlError(
                f'invalid argument "{text}" for "{self.display_name}" flag: {reason}', MISUSED
            )
        return int(text)

    def _parse_duration(self, text: str) -> float:
        parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
        reason = (
            "missing unit in duration" if re.fullmatch(r"\d+(\.\d+)?", text) else "invalid duration"
        )
        raise CtlError(
            f'invalid argument "{text}" for "{self.display_name}" flag: time: {reason} "{text}"',
            MISUSED,
        )

    @property
    def display_name(self) -> str:
        """The flag as error messages name it."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@dataclass
class CobraCommand:
    """One command of the tree.

    `run` is called with the invocation; a command without it prints its help. A `lenient` one takes
    whatever stands behind it, flags that nobody knows too.
    """

    name: str
    short: str
    run: Callable[[Any], int] | None = None
    aliases: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    commands: tuple[CobraCommand, ...] = ()
    arguments: int | None = None
    strict: bool = False
    lenient: bool = False

    def find_subcommand(self, name: str) -> CobraCommand | None:
        """Return the subcommand of that name or alias, None where there is none."""
        return next((c for c in self.commands if name == c.name or name in c.aliases), None)


@dataclass
class ParsedCommandLine:
    """A parsed command line: the command with its path of names, flag values and arguments."""

    command: CobraCommand
    path: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    help: bool = False

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def parse_command_line(root: CobraCommand, argv: Sequence[str]) -> ParsedCommandLine:
    """Find the command and parse its flags.

    Raises CtlError with exit code 64 for what cobra does not know.
    """
    known, parsed = _find_command(root, argv)
    by_name, by_short = {f.name: f for f in known}, {f.short: f for f in known if f.short}
    parsed.values = {f.name: [] if f.kind == "list" else f.default for f in known}
    rest = _strip_command_path(argv, parsed.path[1:])
    if parsed.command.lenient:
        parsed.arguments, parsed.help = rest, bool({"-h", "--help"} & set(rest))
        return parsed
    words = iter(rest)
    for word in words:
        if word == "--":
            parsed.arguments.extend(words)
        elif word in ("-h", "--help"):
            parsed.help = True
        elif word.startswith("--"):
            _parse_long_flag(parsed, by_name, word, words)
        elif word.startswith("-") and word != "-":
            _parse_short_flags(parsed, by_short, word, words)
        else:
            parsed.arguments.append(word)
    _check_arguments(parsed, root)
    return parsed


def _find_command(root: CobraCommand, argv: Sequence[str]) -> tuple[list[Flag], ParsedCommandLine]:
    command, path, flags = root, [root.name], list(root.flags)
    taking = {f"-{f.short}" for f in root.flags if f.short} | {f"--{f.name}" for f in root.flags}
    skip = False
    for word in argv:
        if skip or word.startswith("-"):
            skip = not skip and word in taking
            continue
        found = command.find_subcommand(word)
        if not found:
            break
        command = found
        path.append(word)
        flags.extend(command.flags)
        taking = {
            name
            for f in flags
            if f.kind != "bool"
            for name in (f"-{f.short}", f"--{f.name}")
            if name != "-"
        }
    return flags, ParsedCommandLine(command, tuple(path))


def _strip_command_path(argv: Sequence[str], names: Sequence[str]) -> list[str]:
    words, left = [], list(names)
    for word in argv:
        if left and word == left[0]:
            left.pop(0)
        else:
            words.append(word)
    return words


def _parse_long_flag(
    parsed: ParsedCommandLine, known: dict[str, Flag], word: str, words: Iterator[str]
) -> None:
    name, given, text = word[2:].partition("=")
    flag = known.get(name)
    if not flag:
        raise CtlError(f"unknown flag: --{name}", MISUSED)
    if not given:
        text = (
            "true"
            if flag.kind == "bool"
            else _take_argument(words, f"flag needs an argument: --{name}")
        )
    _store_value(parsed, flag, text)


def _parse_short_flags(
    parsed: ParsedCommandLine, known: dict[str, Flag], word: str, words: Iterator[str]
) -> None:
    rest = word[1:]
    while rest:
        letter, rest = rest[0], rest[1:]
        flag = known.get(letter)
        if not flag:
            raise CtlError(f"unknown shorthand flag: '{letter}' in {word}", MISUSED)
        if flag.kind == "bool":
            _store_value(parsed, flag, "true")
            continue
        text = rest.removeprefix("=") or _take_argument(
            words, f"flag needs an argument: '{letter}' in {word}"
        )
        _store_value(parsed, flag, text)
        return


def _take_argument(words: Iterator[str], missing: str) -> str:
    for word in words:
        return word
    raise CtlError(missing, MISUSED)


def _store_value(parsed: ParsedCommandLine, flag: Flag, text: str) -> None:
    if flag.kind == "list":
        parsed.values[flag.name].append(text)
    else:
        parsed.values[flag.name] = flag.parse_value(text)


def _check_arguments(parsed: ParsedCommandLine, root: CobraCommand) -> None:
    command, given = parsed.command, parsed.arguments
    if parsed.help or not given:
        return
    if command is root:
        near = [c.name for c in root.commands if _is_similar(given[0], c.name)]
        hint = "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in near) if near else ""
        raise CtlError(
            f'unknown command "{given[0]}" for "{root.name}"{hint}\nRun \'{root.name} --help\' for '
            f"usage.",
            MISUSED,
        )
    if command.strict:
        raise CtlError(f'unknown subcommand "{given[0]}"')
    if command.arguments is not None and len(given) != command.arguments:
        raise CtlError(f"accepts {command.arguments} arg(s), received {len(given)}")


def _is_similar(typed: str, name: str) -> bool:
    """Tell whether cobra would suggest the name.

    It does so for names at most two edits away, and for those that start with what was
    typed.
    """
    return (
        name.lower().startswith(typed.lower())
        or _compute_edit_distance(typed.lower(), name.lower()) <= 2
    )


def _compute_edit_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def format_usage(root: CobraCommand, parsed: ParsedCommandLine) -> str:
    """Return the help text of a command."""
    command, name = parsed.command, " ".join([root.name, *_resolve_aliases(root, parsed.path[1:])])
    lines = [command.short, "", "Usage:"]
    lines += [f"  {name} [flags]"] if command.run else []
    lines += [f"  {name} [command]"] if command.commands else []
    if command.aliases:
        lines += ["", "Aliases:", "  " + ", ".join((command.name, *command.aliases))]
    if command.commands:
        width = max(len(c.name) for c in command.commands)
        lines += [
            "",
            "Available Commands:",
            *(f"  {c.name:<{width}}   {c.short}" for c in command.commands),
        ]
    own = (
        *([] if command is root else command.flags),
        Flag("help", "h", "bool", False, f"help for {command.name}"),
    )
    lines += ["", "Flags:", *_format_flag_lines(own)]
    lines += [
        "",
        "Global Flags:" if command is not root else "Everywhere:",
        *_format_flag_lines(root.flags),
    ]
    if command.commands:
        lines += ["", f'Use "{name} [command] --help" for more information about a command.']
    return "\n".join(lines)


def _resolve_aliases(root: CobraCommand, path: Sequence[str]) -> list[str]:
    names, here = [], root
    for word in path:
        found = here.find_subcommand(word)
        if found:
            here = found
            names.append(found.name)
    return names


def _format_flag_lines(flags: Sequence[Flag]) -> list[str]:
    shown = []
    for flag in sorted(flags, key=lambda f: f.name):
        kind = (
            ""
            if flag.kind == "bool"
            else " stringArray"
            if flag.kind == "list"
            else f" {flag.kind}"
        )
        kind = " string" if isinstance(flag.kind, tuple) else kind
        shown.append(
            (f"{'-' + flag.short + ', ' if flag.short else '    '}--{flag.name}{kind}", flag.help)
        )
    width = max(len(left) for left, _ in shown)
    return [f"  {left:<{width}}   {right}".rstrip() for left, right in shown]
