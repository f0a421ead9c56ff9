"""The catalog: all steps by their names, and what a command says."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from bot import when
from bot.catalog.options import WordError, validate_options
from bot.catalog.words import join_words, shorten_word, split_command
from bot.errors import CatalogError, UserError
from bot.steps import Options, Recurrence, Step
from bot.text import EMPTY, Listed, Text, join
from bot.typed_text import read_question
from bot.when import TimingSpec

MISTAKES = 3
"""Mistakes in one command that are corrected together."""

SHARE = ("share", "--share")
"""The option of an answer that is no word of a question."""
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

    def get_bare_step(self, text: str) -> Step | None:
        """Return the step whose name is all that was typed, None for anything else."""
        try:
            words = self._split(text)
        except UserError:
            return None
        return self.get(words[0]) if len(words) == 1 else None

    def parse(self, text: str) -> Invocation:
        """Parse what was typed after the slash command.

        Raises UserError that says what to type instead.
        """
        try:
            words = self._split(text)
        except UserError as mistake:
            raise self._complete_fixes(mistake) from None
        try:
            return self._parse_words(words)
        except WordError as mistake:
            raise self._offer_correction(words, mistake) from mistake.__cause__

    def _split(self, text: str) -> list[str]:
        """Return the words of a command, without the slash command's name before them."""
        words = split_command(text)
        names = {self.command, self.command.lstrip("/")} - self._names.keys()
        while words and words[0].lower() in names:
            words = words[1:]
        return words

    def _parse_words(self, words: Sequence[str]) -> Invocation:
        """Return what the words mean. Raises WordError where one can be exchanged for another."""
        if not words:
            return self._parse_words(["help"])
        words = fold_question(words, self.get(words[0]), self.get("help"))
        step = self.get("help" if words[0].lower() in HELP else words[0])
        if step is None:
            raise self._build_unknown_step_error(words[0])
        if HELP & set(words[1:]) and self.get("help") is not None:
            return self._parse_words(["help", step.id])
        rest, wish = self._split_schedule(step, list(words[1:]))
        typed, plain_words = (join_words([step.id, *some]) for some in (words[1:], rest))
        return Invocation(step, validate_options(step, rest), typed, plain_words, wish)

    def _offer_correction(self, words: Sequence[str], mistake: WordError) -> UserError:
        """Return the mistake with the command that may have been meant, or else an example."""
        step = self.get(words[0])
        fixed = self._correct(words, mistake, MISTAKES)
        near = Text("Did you mean `{command} {near}`?", command=self.command, near=fixed)
        more = mistake.hint
        if step is None and not fixed:
            more = Text("`{command} help` lists what there is.", command=self.command)
        elif step is not None and not more:
            more = Text(
                "`{command} help {id}` shows its options.", command=self.command, id=step.id
            )
        # An example says how a value is written, not what was meant by a word that nothing takes.
        valued = isinstance(mistake.__cause__, ValidationError)
        example = self._show_example(step, words) if valued and not fixed else EMPTY
        hint = join("sentences", near if fixed else example, more)
        return UserError(mistake.message, hint, (fixed,) if fixed else ())

    def _correct(self, words: Sequence[str], mistake: WordError, most: int) -> str:
        """Return the command in which up to `most` mistakes are corrected, "" when none is."""
        for candidate in mistake.list_corrections(words) if most else ():
            try:
                return self._parse_words(candidate).text
            except WordError as further:
                if found := self._correct(candidate, further, most - 1):
                    return found
            except UserError:
                continue
        return ""

    def _complete_fixes(self, mistake: UserError) -> UserError:
        """Return a mistake with only those of its fixes that can be typed."""
        kept = []
        for typed in mistake.fixes:
            try:
                kept.append(self.parse(typed).text)
            except UserError as further:
                kept += further.fixes
        return UserError(mistake.message, mistake.hint, tuple(kept[:1]))

    def _show_example(self, step: Step | None, words: Sequence[str]) -> Text:
        """Return the step's example that is most like what was typed; EMPTY without examples."""
        examples = step.examples if step is not None else ()
        like = difflib.get_close_matches(" ".join(words), examples, n=1, cutoff=0.0)
        if not like:
            return EMPTY
        return Text("For example: `{command} {typed}`.", command=self.command, typed=like[0])

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

    def _build_unknown_step_error(self, word: str) -> WordError:
        near = "" if "=" in word else self.find_nearest_name(word)
        return WordError(
            Text("There is no step called “{word}”.", word=shorten_word(word)),
            word=word,
            instead=[near] if near else [],
        )


def fold_question(
    words: Sequence[str], first: Step | None, help_step: Step | None
) -> Sequence[str]:
    """Return the words of a question, and of help on several words, as help on one word.

    `what is a waypoint` and `help traffic shifting` are such; options stay as they are. `first` is
    the step of the first word, if there is one.
    """
    if help_step is None or first not in (None, help_step):
        return words
    typed = words if first is None else words[1:]
    given = [word for word in typed if "=" not in word and word not in SHARE]
    asked = " ".join(given)
    if not (read_question(asked) if first is None else len(given) > 1):
        return words
    return [help_step.id, asked, *(word for word in typed if word not in given)]
