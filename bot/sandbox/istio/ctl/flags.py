"""Command lines as Go's cobra reads them: a tree of commands, flags anywhere, its words and codes for mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.istio.errors import MISUSED, CtlError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Flag:
    """One flag. `kind` is bool, string, list (repeatable), duration (seconds) or a tuple of the allowed words."""

    name: str
    short: str = ""
    kind: str | tuple[str, ...] = "string"
    default: Any = ""
    help: str = ""

    def read(self, text: str) -> Any:
        """The flag's value from its text. Raises CtlError in the words of Go's flag package."""
        if self.kind == "bool":
            return self._boolean(text)
        if self.kind == "duration":
            return self._duration(text)
        if isinstance(self.kind, tuple) and text not in self.kind:
            raise CtlError(f"{text} not a valid option for format. See istioctl analyze --help", MISUSED)
        return text

    def _boolean(self, text: str) -> bool:
        if text.lower() not in ("true", "false", "t", "f", "1", "0"):
            reason = f'strconv.ParseBool: parsing "{text}": invalid syntax'
            raise CtlError(f'invalid argument "{text}" for "{self.shown}" flag: {reason}', MISUSED)
        return text.lower() in ("true", "t", "1")

    def _duration(self, text: str) -> float:
        parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
        reason = "missing unit in duration" if re.fullmatch(r"\d+(\.\d+)?", text) else "invalid duration"
        raise CtlError(f'invalid argument "{text}" for "{self.shown}" flag: time: {reason} "{text}"', MISUSED)

    @property
    def shown(self) -> str:
        """The flag as error messages name it."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@dataclass
class Command:
    """One command of the tree. `run` gets the invocation; a command without it prints its help."""

    name: str
    short: str
    run: Callable[[Any], int] | None = None
    aliases: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    commands: tuple[Command, ...] = ()
    arguments: int | None = None
    strict: bool = False

    def child(self, name: str) -> Command | None:
        """The subcommand of that name or alias."""
        return next((c for c in self.commands if name == c.name or name in c.aliases), None)


@dataclass
class Parsed:
    """A command line, read: the command with its path of names, its flags' values and its arguments."""

    command: Command
    path: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    help: bool = False

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def parse(root: Command, argv: Sequence[str]) -> Parsed:
    """Finds the command and reads its flags. Raises CtlError with exit code 64 for what cobra does not know."""
    known, parsed = _descend(root, argv)
    by_name, by_short = {f.name: f for f in known}, {f.short: f for f in known if f.short}
    parsed.values = {f.name: [] if f.kind == "list" else f.default for f in known}
    words = iter(_after(argv, parsed.path[1:]))
    for word in words:
        if word == "--":
            parsed.arguments.extend(words)
        elif word in ("-h", "--help"):
            parsed.help = True
        elif word.startswith("--"):
            _long(parsed, by_name, word, words)
        elif word.startswith("-") and word != "-":
            _short(parsed, by_short, word, words)
        else:
            parsed.arguments.append(word)
    _check_arguments(parsed, root)
    return parsed


def _descend(root: Command, argv: Sequence[str]) -> tuple[list[Flag], Parsed]:
    command, path, flags = root, [root.name], list(root.flags)
    taking = {f"-{f.short}" for f in root.flags if f.short} | {f"--{f.name}" for f in root.flags}
    skip = False
    for word in argv:
        if skip or word.startswith("-"):
            skip = not skip and word in taking
            continue
        found = command.child(word)
        if not found:
            break
        command = found
        path.append(word)
        flags.extend(command.flags)
        taking = {name for f in flags if f.kind != "bool" for name in (f"-{f.short}", f"--{f.name}") if name != "-"}
    return flags, Parsed(command, tuple(path))


def _after(argv: Sequence[str], names: Sequence[str]) -> list[str]:
    words, left = [], list(names)
    for word in argv:
        if left and word == left[0]:
            left.pop(0)
        else:
            words.append(word)
    return words


def _long(parsed: Parsed, known: dict[str, Flag], word: str, words: Iterator[str]) -> None:
    name, given, text = word[2:].partition("=")
    flag = known.get(name)
    if not flag:
        raise CtlError(f"unknown flag: --{name}", MISUSED)
    if not given:
        text = "true" if flag.kind == "bool" else _argument(words, f"flag needs an argument: --{name}")
    _store(parsed, flag, text)


def _short(parsed: Parsed, known: dict[str, Flag], word: str, words: Iterator[str]) -> None:
    rest = word[1:]
    while rest:
        letter, rest = rest[0], rest[1:]
        flag = known.get(letter)
        if not flag:
            raise CtlError(f"unknown shorthand flag: '{letter}' in {word}", MISUSED)
        if flag.kind == "bool":
            _store(parsed, flag, "true")
            continue
        text = rest.removeprefix("=") or _argument(words, f"flag needs an argument: '{letter}' in {word}")
        _store(parsed, flag, text)
        return


def _argument(words: Iterator[str], missing: str) -> str:
    for word in words:
        return word
    raise CtlError(missing, MISUSED)


def _store(parsed: Parsed, flag: Flag, text: str) -> None:
    if flag.kind == "list":
        parsed.values[flag.name].append(text)
    else:
        parsed.values[flag.name] = flag.read(text)


def _check_arguments(parsed: Parsed, root: Command) -> None:
    command, given = parsed.command, parsed.arguments
    if parsed.help or not given:
        return
    if command is root:
        near = [c.name for c in root.commands if _near(given[0], c.name)]
        hint = "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in near) if near else ""
        raise CtlError(
            f'unknown command "{given[0]}" for "{root.name}"{hint}\nRun \'{root.name} --help\' for usage.', MISUSED
        )
    if command.strict:
        raise CtlError(f'unknown subcommand "{given[0]}"')
    if command.arguments is not None and len(given) != command.arguments:
        raise CtlError(f"accepts {command.arguments} arg(s), received {len(given)}")


def _near(typed: str, name: str) -> bool:
    """Whether cobra would suggest the name: at most two edits away, or begun by what was typed."""
    return name.lower().startswith(typed.lower()) or _distance(typed.lower(), name.lower()) <= 2


def _distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def usage(root: Command, parsed: Parsed) -> str:
    """The help text of a command."""
    command, name = parsed.command, " ".join([root.name, *_canonical(root, parsed.path[1:])])
    lines = [command.short, "", "Usage:"]
    lines += [f"  {name} [flags]"] if command.run else []
    lines += [f"  {name} [command]"] if command.commands else []
    if command.aliases:
        lines += ["", "Aliases:", "  " + ", ".join((command.name, *command.aliases))]
    if command.commands:
        width = max(len(c.name) for c in command.commands)
        lines += ["", "Available Commands:", *(f"  {c.name:<{width}}   {c.short}" for c in command.commands)]
    own = (*([] if command is root else command.flags), Flag("help", "h", "bool", False, f"help for {command.name}"))
    lines += ["", "Flags:", *_flag_lines(own)]
    lines += ["", "Global Flags:" if command is not root else "Everywhere:", *_flag_lines(root.flags)]
    if command.commands:
        lines += ["", f'Use "{name} [command] --help" for more information about a command.']
    return "\n".join(lines)


def _canonical(root: Command, path: Sequence[str]) -> list[str]:
    names, here = [], root
    for word in path:
        found = here.child(word)
        if found:
            here = found
            names.append(found.name)
    return names


def _flag_lines(flags: Sequence[Flag]) -> list[str]:
    shown = []
    for flag in sorted(flags, key=lambda f: f.name):
        kind = "" if flag.kind == "bool" else " stringArray" if flag.kind == "list" else f" {flag.kind}"
        kind = " string" if isinstance(flag.kind, tuple) else kind
        shown.append((f"{'-' + flag.short + ', ' if flag.short else '    '}--{flag.name}{kind}", flag.help))
    width = max(len(left) for left, _ in shown)
    return [f"  {left:<{width}}   {right}".rstrip() for left, right in shown]
