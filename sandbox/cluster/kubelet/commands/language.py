"""The shell's language: words with quotes, pipes, lists, redirections, `for` and `while`.

It is the part of POSIX's that people type at a pod. What is not here raises ShellSyntaxError, which
says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPERATORS = re.compile(r"&&|\|\||2>&1|[12]?>>|[12]?>|<|\||;|&|\n")
_DUPLICATIONS = ("2>&1",)
_RESERVED = frozenset(("if", "then", "else", "fi", "case", "esac", "until", "function", "{", "}"))


class ShellSyntaxError(Exception):
    """A line that the shell cannot read, or does not play; the text says what."""


@dataclass(frozen=True)
class Word:
    """A word as typed: parts of text with their quote (`'`, `"` or none)."""

    parts: tuple[tuple[str, str], ...]

    @property
    def bare(self) -> str:
        """The text where nothing is quoted, else ""."""
        return self.parts[0][1] if len(self.parts) == 1 and not self.parts[0][0] else ""


@dataclass(frozen=True)
class SimpleCommand:
    """A program with its arguments, and where its streams go."""

    words: tuple[Word, ...]
    redirections: tuple[tuple[str, Word | None], ...] = ()


@dataclass(frozen=True)
class Loop:
    """`for NAME in WORDS; do BODY; done`, or with a condition `while CONDITION; do BODY; done`."""

    name: str
    words: tuple[Word, ...]
    condition: CommandList | None
    body: CommandList


@dataclass(frozen=True)
class Pipeline:
    """Commands, each reading what the one before wrote."""

    commands: tuple[SimpleCommand | Loop, ...]
    negated: bool = False


@dataclass(frozen=True)
class CommandList:
    """Pipelines, each with what must hold for it: "" nothing, `&&` the one before succeeded, `||`
    it failed."""

    items: tuple[tuple[str, Pipeline], ...]


Token = str | Word


def read_line(text: str) -> CommandList:
    """Parse a line, or several. Raises ShellSyntaxError."""
    parser = _Parser(_split_tokens(text))
    parsed = parser.read_list(())
    if parser.peek() is not None:
        raise ShellSyntaxError(f"Syntax error: {_show(parser.peek())} unexpected")
    return parsed


def _show(token: Token | None) -> str:
    if token is None:
        return "end of file"
    return f'"{token if isinstance(token, str) else "".join(t for _, t in token.parts)}"'


def _split_tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    parts: list[tuple[str, str]] = []
    at = 0

    def finish_word() -> None:
        if parts:
            tokens.append(Word(tuple(parts)))
            parts.clear()

    while at < len(text):
        found = _OPERATORS.match(text, at)
        # A digit is a stream's number only where a word begins.
        if found and (not parts or not found[0][0].isdigit()):
            finish_word()
            tokens.append(found[0])
            at = found.end()
        elif text[at] in " \t\r":
            finish_word()
            at += 1
        elif text[at] == "#" and not parts:
            at = (text + "\n").index("\n", at)
        else:
            at = _take_part(text, at, parts)
    finish_word()
    return tokens


def _take_part(text: str, at: int, parts: list[tuple[str, str]]) -> int:
    """Add the piece of a word that begins here; return where it ends."""
    if text[at] == "'":
        end = _find_end(text, at + 1, "'")
        parts.append(("'", text[at + 1 : end]))
        return end + 1
    if text[at] == '"':
        end = at + 1
        while text[end : end + 1] not in ('"', ""):
            end = _skip_piece(text, end)
        if end >= len(text):
            raise ShellSyntaxError("Syntax error: Unterminated quoted string")
        parts.append(('"', text[at + 1 : end]))
        return end + 1
    if text[at] == "\\" and at + 1 < len(text):
        parts.append(("'", text[at + 1]))
        return at + 2
    end = _skip_piece(text, at)
    if parts and not parts[-1][0]:
        parts[-1] = ("", parts[-1][1] + text[at:end])
    else:
        parts.append(("", text[at:end]))
    return end


def _skip_piece(text: str, at: int) -> int:
    """Return where a character, an escaped one, or a `$(…)` ends."""
    if text[at] == "\\":
        return at + 2
    if text.startswith("$(", at):
        return find_substitution_end(text, at + 2) + 1
    return at + 1


def find_substitution_end(text: str, at: int) -> int:
    """Return where the `)` of a `$(` stands whose inside begins at `at`."""
    depth = 1
    while at < len(text):
        if text[at] == "'":
            at = _find_end(text, at + 1, "'")
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 1
    raise ShellSyntaxError('Syntax error: end of file unexpected (expecting ")")')


def _find_end(text: str, at: int, quote: str) -> int:
    end = text.find(quote, at)
    if end < 0:
        raise ShellSyntaxError("Syntax error: Unterminated quoted string")
    return end


class _Parser:
    """Reads tokens into commands."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at = tokens, 0

    def peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> Token | None:
        token = self.peek()
        self._at += 1
        return token

    def _peek_bare(self) -> str:
        token = self.peek()
        return token.bare if isinstance(token, Word) else ""

    def _expect_bare(self, name: str) -> None:
        if self._peek_bare() != name:
            raise ShellSyntaxError(
                f'Syntax error: {_show(self.peek())} unexpected (expecting "{name}")'
            )
        self._take()

    def read_list(self, ends: tuple[str, ...]) -> CommandList:
        """Read up to one of the reserved words, or to the end."""
        items: list[tuple[str, Pipeline]] = []
        needs = ""
        while True:
            while self.peek() in (";", "\n"):
                self._take()
            if self.peek() is None or self._peek_bare() in ends:
                break
            items.append((needs, self._read_pipeline()))
            ahead = self.peek()
            if ahead == "&":
                raise ShellSyntaxError("this shell does not play background jobs (&)")
            needs = str(self._take()) if ahead in ("&&", "||") else ""
            if not needs and ahead not in (";", "\n", None) and self._peek_bare() not in ends:
                raise ShellSyntaxError(f"Syntax error: {_show(ahead)} unexpected")
        return CommandList(tuple(items))

    def _read_pipeline(self) -> Pipeline:
        negated = self._peek_bare() == "!"
        if negated:
            self._take()
        commands = [self._read_command()]
        while self.peek() == "|":
            self._take()
            commands.append(self._read_command())
        return Pipeline(tuple(commands), negated)

    def _read_command(self) -> SimpleCommand | Loop:
        name = self._peek_bare()
        if name in ("for", "while"):
            return self._read_loop(name)
        if name in _RESERVED or name.startswith("("):
            raise ShellSyntaxError(f"this shell does not play {name}")
        words: list[Word] = []
        redirections: list[tuple[str, Word | None]] = []
        while True:
            ahead = self.peek()
            if isinstance(ahead, Word):
                words.append(ahead)
                self._take()
            elif ahead is not None and (ahead in _DUPLICATIONS or ahead[-1] in "<>"):
                redirections.append(self._read_redirection())
            else:
                break
        if not words:
            raise ShellSyntaxError(f"Syntax error: {_show(self.peek())} unexpected")
        return SimpleCommand(tuple(words), tuple(redirections))

    def _read_redirection(self) -> tuple[str, Word | None]:
        operator = str(self._take())
        if operator in _DUPLICATIONS:
            return operator, None
        target = self._take()
        if not isinstance(target, Word):
            raise ShellSyntaxError(f"Syntax error: {_show(target)} unexpected")
        return operator, target

    def _read_loop(self, kind: str) -> Loop:
        self._take()
        name, condition = "", None
        words: list[Word] = []
        if kind == "while":
            condition = self.read_list(("do",))
        else:
            name = self._peek_bare()
            self._take()
            self._expect_bare("in")
            while isinstance(value := self.peek(), Word):
                words.append(value)
                self._take()
            while self.peek() in (";", "\n"):
                self._take()
        self._expect_bare("do")
        body = self.read_list(("done",))
        self._expect_bare("done")
        return Loop(name, tuple(words), condition, body)
