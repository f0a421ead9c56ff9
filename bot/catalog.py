"""The set of all steps, validated, and the parsing of commands into steps and options."""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bot import when
from bot.errors import CatalogError, UserError
from bot.steps import Options, Recurrence, Step
from bot.text import EMPTY, Listed, Text, counted, join
from bot.when import TimingSpec

LONGEST = 1000
"""Characters that a command may have; Slack itself lets through far longer texts."""

QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u00a0": " "})
"""What phones and word processors make of plain quotes and blanks."""

HELP = frozenset({"--help", "-h", "-help"})
"""What people type who expect a program's command line."""


@dataclass(frozen=True)
class Invocation:
    """A step with its validated options, as parsed from a command.

    `text` is the command as it can be typed again, without the slash command. `wish`
    says when to run it, for a schedule; `words` is then the command without that.
    """

    step: Step
    options: Options
    text: str
    words: str = ""
    wish: TimingSpec | None = None


class Catalog:
    """All steps, in the order of the workshop.

    Raises CatalogError that lists every clash at once.
    """

    def __init__(self, steps: Sequence[Step], *, command: str = "/mesh") -> None:
        self.steps = tuple(steps)
        self.command = command
        self._names: dict[str, Step] = {}
        faults = [fault for step in steps for fault in self._register_step(step)]
        if faults:
            raise CatalogError("; ".join(faults))

    def _register_step(self, step: Step) -> Iterator[str]:
        for name in (step.id, *step.aliases):
            if (other := self._names.get(name)) is not None:
                yield f"{name} is claimed by {other.id} and {step.id}"
            self._names[name] = step
        if step.regular is not None and step.changes:
            yield f"{step.id} changes the cluster and cannot be scheduled"
        for name in step.positional:
            if name not in step.options.model_fields:
                yield f"{step.id} has no option {name}"
        if step.about_runs and "step" not in step.positional:
            yield f"{step.id} is about runs and takes no step"

    def get(self, name: str) -> Step | None:
        """Return the step of that name or alias; None when there is none."""
        return self._names.get(name.lower())

    def get_recurrence(self, name: str) -> Recurrence | None:
        """Return how the step of that name is scheduled.

        None when it cannot be scheduled, or when there is no such step.
        """
        step = self.get(name)
        return step.regular if step is not None else None

    def find_nearest_name(self, word: str) -> str:
        """Return the step's name that is most like the word, or ""."""
        close = difflib.get_close_matches(word.lower(), self._names, n=1, cutoff=0.6)
        return close[0] if close else ""

    def parse(self, text: str) -> Invocation:
        """Parse what was typed after the slash command.

        Raises UserError that says what to type instead.
        """
        words = split_command(text)
        if not words:
            return self.parse("help")
        step = self.get("help" if words[0] in HELP else words[0])
        if step is None:
            raise self._build_unknown_step_error(words[0])
        if HELP & set(words[1:]) and self.get("help") is not None:
            return self.parse(f"help {step.id}")
        rest, wish = self._split_schedule(step, words[1:])
        typed, plain_words = (
            " ".join([step.id, *map(quote_word, some)]) for some in (words[1:], rest)
        )
        return Invocation(step, self._validate_options(step, rest), typed, plain_words, wish)

    def _split_schedule(self, step: Step, words: list[str]) -> tuple[list[str], TimingSpec | None]:
        """Return the words of the step's options, and the schedule when one was typed too."""
        if step.regular is None:
            self._refuse_schedule(step, words)
            return words, None
        if step.regular.once & {word.lower() for word in words}:
            return words, None
        rest, wish, _ = when.split_timing(words)
        return rest, wish

    def _refuse_schedule(self, step: Step, words: list[str]) -> None:
        """Raise UserError for times after a step that cannot be scheduled.

        A word that only looks like a time is let through.
        """
        try:
            _, wish, said = when.split_timing(words)
        except UserError:
            return
        if wish is not None and len(said) > 1:
            able = [
                f"`{self.command} {other.id}`" for other in self.steps if other.regular is not None
            ]
            hint = Text("These can: {able}.", able=Listed(able, "comma")) if able else EMPTY
            raise UserError(
                Text("{id} is done once, when it is typed; it cannot be scheduled.", id=step.id),
                hint,
            )

    def _build_unknown_step_error(self, word: str) -> UserError:
        near = self.find_nearest_name(word)
        hint = (
            Text("Did you mean `{command} {near}`?", command=self.command, near=near)
            if near
            else Text("`{command} help` lists what there is.", command=self.command)
        )
        return UserError(Text("There is no step called “{word}”.", word=shorten_word(word)), hint)

    def _validate_options(self, step: Step, words: Sequence[str]) -> Options:
        help_line = Text(
            "`{command} help {id}` shows its options.", command=self.command, id=step.id
        )
        try:
            values = collect_options(step, words)
        except UserError as problem:
            raise UserError(problem.message, problem.hint or help_line) from None
        try:
            return step.options.model_validate(values)
        except ValidationError as problem:
            faults = [
                Text(
                    "{option}: {fault}",
                    option=".".join(map(str, e["loc"][:1])) or step.id,
                    fault=explain_validation_error(e),
                )
                for e in problem.errors()
            ]
            raise UserError(join("semicolon", *faults), help_line) from problem


WORDS = {
    "bool_parsing": Text("should be yes or no; the word alone means yes"),
    "string_pattern_mismatch": Text("has characters that do not belong in it"),
    "int_parsing": Text("should be a whole number"),
    "int_from_float": Text("should be a whole number"),
    "float_parsing": Text("should be a number"),
    "extra_forbidden": Text("is not an option of this step"),
    "missing": Text("is needed"),
}
"""Errors of pydantic 2 without values, by their type."""

CHOICES = ("literal_error", "enum")
"""Errors of pydantic 2 about a value that is none of those allowed."""

UNFIT = Text("does not fit here")
"""What is said of an error that has no words of its own."""

LIMITS = ("ge", "le", "gt", "lt", "min_length", "max_length")
"""Names under which pydantic 2 gives the limit that a value does not keep."""

BOUNDS: dict[str, Callable[[Any], Text]] = {
    "greater_than_equal": lambda limit: Text("should be {limit} or more", limit=limit),
    "less_than_equal": lambda limit: Text("should be {limit} or less", limit=limit),
    "greater_than": lambda limit: Text("should be more than {limit}", limit=limit),
    "less_than": lambda limit: Text("should be less than {limit}", limit=limit),
    "string_too_short": lambda limit: counted(
        "should have at least {n} character", "should have at least {n} characters", n=limit
    ),
    "string_too_long": lambda limit: counted(
        "should have at most {n} character", "should have at most {n} characters", n=limit
    ),
    "too_long": lambda limit: counted("takes at most {n} word", "takes at most {n} words", n=limit),
    "too_short": lambda limit: counted(
        "takes at least {n} word", "takes at least {n} words", n=limit
    ),
}
"""Errors of pydantic 2 about a limit, by their type."""


def explain_validation_error(error: Any) -> Text:
    """Return a pydantic error in words for a person."""
    kind, values = error["type"], error.get("ctx") or {}
    if kind == "value_error":
        said = next(iter(values["error"].args), None)
        return said if isinstance(said, Text) else UNFIT
    if kind in WORDS:
        return WORDS[kind]
    if kind in BOUNDS:
        limit = next(values[name] for name in LIMITS if name in values)
        return BOUNDS[kind](limit)
    if kind in CHOICES:
        # pydantic gives them as `'', 'here' or 'off'`; an empty one cannot be typed.
        allowed = [word for word in re.findall(r"'([^']*)'", str(values["expected"])) if word]
        return Text("should be one of {allowed}", allowed=Listed(allowed, "or"))
    return UNFIT


def shorten_word(text: str, limit: int = 40) -> str:
    """Return a word that someone typed, cut to `limit` characters so that it can be repeated."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quote_word(word: str) -> str:
    """Return a word as it must be typed to be parsed as that word again."""
    if set("\"'") & set(word):
        return shlex.quote(word)
    return f'"{word}"' if " " in word or not word else word


def split_command(text: str) -> list[str]:
    """Split a command into words; quotes hold words together, backslashes mean themselves.

    Raises UserError for a text that is too long, has control characters or an open
    quote.
    """
    if len(text) > LONGEST:
        raise UserError(
            Text(
                "That is {length:,} characters; a command has at most {most:,}.",
                length=len(text),
                most=LONGEST,
            ),
            Text("Type it shorter."),
        )
    text = text.translate(QUOTES).strip()
    odd = {
        c
        for c in text
        if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} and c not in "\t\n\u200d"
    }
    if odd:
        names = ", ".join(sorted(f"U+{ord(c):04X}" for c in odd)[:3])
        raise UserError(
            Text("There are invisible control characters in that ({names}).", names=names),
            Text("Type it again without them; they often come with a copied text."),
        )
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise UserError(
            Text("A quote is opened and not closed."), Text("Close it, or leave the quotes out.")
        ) from None


def collect_options(step: Step, words: Sequence[str]) -> dict[str, Any]:
    """Sort words into the step's options, as values by option.

    Takes `key=value`, `--key value`, bare flags, and positionals in their order. Raises
    UserError for a word that is none of these.
    """
    fields = {
        (field.alias or name).replace("_", "-"): (name, field)
        for name, field in step.options.model_fields.items()
    }
    values: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        bare = word.lstrip("-") if word.startswith("--") else word
        key, equals, value = bare.partition("=")
        known = fields.get(key.replace("_", "-").lower())
        if known is None:
            set_option(values, *find_positional_option(values, step, word), word)
        elif equals:
            set_option(values, *known, value)
        elif known[1].annotation is bool:
            set_option(values, *known, "true")
        elif rest:
            set_option(values, *known, rest.pop(0))
        else:
            raise UserError(Text("{key} needs a value.", key=key), Text("Type `{key}=…`.", key=key))
    return values


def find_positional_option(values: dict[str, Any], step: Step, word: str) -> tuple[str, FieldInfo]:
    """Return the positional option that a bare word belongs to, as name and field.

    `a=b` only fits an option that takes several values. Raises UserError when no option
    fits.
    """
    fields = step.options.model_fields
    for name in step.positional:
        several = get_origin(fields[name].annotation) is tuple
        if several or (name not in values and "=" not in word):
            return name, fields[name]
    key, equals, _ = word.partition("=")
    known = [(f.alias or n) for n, f in fields.items()] + list(
        when.KEYWORDS if step.regular else ()
    )
    near = difflib.get_close_matches(key.lstrip("-").lower(), known, n=1)
    zone = when.find_city_zone(word) if step.regular and not equals else ""
    hint = (
        Text("Did you mean `{word}`?", word=(zone or near[0]) + ("=…" if equals else ""))
        if zone or near
        else EMPTY
    )
    raise UserError(
        Text("{id} does not know “{word}”.", id=step.id, word=shorten_word(word)),
        hint,
    )


def set_option(values: dict[str, Any], name: str, field: FieldInfo, value: str) -> None:
    """Set an option once, or add to it when it takes several values.

    Raises UserError when it is given twice.
    """
    key = field.alias or name
    if get_origin(field.annotation) is tuple:
        values.setdefault(key, []).append(value)
    elif key in values:
        raise UserError(Text("{key} is given twice.", key=key), Text("Give it once."))
    else:
        values[key] = value
