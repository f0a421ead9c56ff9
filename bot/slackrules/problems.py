"""What a check found, and the small checks that every block shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

INVALID = "invalid_blocks"


@dataclass(frozen=True)
class Problem:
    """One thing that Slack would refuse: its error code, a JSON pointer to the place, and a sentence for people."""

    code: str
    pointer: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.sentence} [json-pointer:{self.pointer}]"


@dataclass
class Findings:
    """The problems of one payload, in the order of the payload; `code` is Slack's code for a plain one."""

    code: str = INVALID
    problems: list[Problem] = field(default_factory=list)

    def add(self, pointer: str, sentence: str, code: str | None = None) -> None:
        """Notes one problem."""
        self.problems.append(Problem(code or self.code, pointer, sentence))

    def mapping(self, value: Any, pointer: str, what: str) -> Mapping[str, Any] | None:
        """The value if it is a JSON object."""
        if isinstance(value, dict):
            return value
        self.add(pointer, f"{what} must be an object")
        return None

    def string(self, holder: Mapping[str, Any], key: str, pointer: str, *, limit: int, required: bool = False) -> None:
        """A string member: present if required, not empty, at most `limit` characters."""
        if key not in holder:
            if required:
                self.add(pointer, f"missing required field: {key}")
            return
        value = holder[key]
        if not isinstance(value, str):
            self.add(f"{pointer}/{key}", f"{key} must be a string")
        elif required and not value:
            self.add(f"{pointer}/{key}", f"{key} must be more than 0 characters")
        elif len(value) > limit:
            self.add(f"{pointer}/{key}", f"{key} must be less than {limit + 1} characters")

    def text(self, holder: Mapping[str, Any], key: str, pointer: str, rule: TextRule) -> None:
        """A text object member, by its rule."""
        where = f"{pointer}/{key}"
        if key not in holder:
            if rule.required:
                self.add(pointer, f"missing required field: {key}")
            return
        self.text_object(holder[key], where, rule)

    def text_object(self, value: Any, pointer: str, rule: TextRule) -> None:
        """A text object, by its rule."""
        found = self.mapping(value, pointer, "text")
        if found is None:
            return
        if found.get("type") not in rule.kinds:
            self.add(f"{pointer}/type", f"text must be {' or '.join(rule.kinds)}")
        self.string(found, "text", pointer, limit=rule.limit, required=True)

    def items(
        self, holder: Mapping[str, Any], key: str, pointer: str, *, least: int, most: int
    ) -> list[tuple[str, Any]]:
        """The members of a list with the pointer of each; says when there are too few or too many."""
        if key not in holder:
            self.add(pointer, f"missing required field: {key}")
            return []
        return self.members(holder[key], f"{pointer}/{key}", least=least, most=most)

    def members(self, value: Any, pointer: str, *, least: int, most: int) -> list[tuple[str, Any]]:
        """The members of this list with the pointer of each; says when there are too few or too many."""
        if not isinstance(value, list):
            self.add(pointer, "must be a list")
            return []
        if len(value) < least:
            self.add(pointer, f"no fewer than {least} items allowed")
        if len(value) > most:
            self.add(pointer, f"no more than {most} items allowed")
        return [(f"{pointer}/{index}", item) for index, item in enumerate(value)]

    def unique(self, names: Iterable[tuple[str, Any]], what: str) -> None:
        """No name twice among (pointer, name) pairs; names that are absent do not count."""
        seen: set[str] = set()
        for pointer, name in names:
            if not isinstance(name, str) or not name:
                continue
            if name in seen:
                self.add(f"{pointer}/{what}", f'{what} "{name}" already exists')
            seen.add(name)


BOTH = ("plain_text", "mrkdwn")
PLAIN = ("plain_text",)


@dataclass(frozen=True)
class TextRule:
    """How long a text object may be, which kinds it may be, and whether it must be there."""

    limit: int
    kinds: tuple[str, ...] = BOTH
    required: bool = True
