"""Problems that a check finds, and the small checks that every block shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

INVALID = "invalid_blocks"


@dataclass(frozen=True)
class Problem:
    """One thing that Slack would refuse: its error code, a JSON pointer to the place, and a
    sentence for people."""

    code: str
    pointer: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.sentence} [json-pointer:{self.pointer}]"


@dataclass
class Findings:
    """The problems of one payload, in the order of the payload; `code` is Slack's code for a plain
    one."""

    code: str = INVALID
    problems: list[Problem] = field(default_factory=list)

    def add(self, pointer: str, sentence: str, code: str | None = None) -> None:
        """Record one problem."""
        self.problems.append(Problem(code or self.code, pointer, sentence))

    def check_mapping(self, value: Any, pointer: str, what: str) -> Mapping[str, Any] | None:
        """Return the value if it is a JSON object; otherwise record a problem and return None."""
        if isinstance(value, dict):
            return value
        self.add(pointer, f"{what} must be an object")
        return None

    def check_string(
        self,
        holder: Mapping[str, Any],
        key: str,
        pointer: str,
        *,
        limit: int,
        required: bool = False,
    ) -> None:
        """Check a string member: present if required, not empty, at most `limit` characters."""
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

    def check_text(self, holder: Mapping[str, Any], key: str, pointer: str, rule: TextRule) -> None:
        """Check a text object member by its rule."""
        where = f"{pointer}/{key}"
        if key not in holder:
            if rule.required:
                self.add(pointer, f"missing required field: {key}")
            return
        self.check_text_object(holder[key], where, rule)

    def check_text_object(self, value: Any, pointer: str, rule: TextRule) -> None:
        """Check a text object by its rule."""
        found = self.check_mapping(value, pointer, "text")
        if found is None:
            return
        if found.get("type") not in rule.kinds:
            self.add(f"{pointer}/type", f"text must be {' or '.join(rule.kinds)}")
        self.check_string(found, "text", pointer, limit=rule.limit, required=True)

    def check_list_member(
        self, holder: Mapping[str, Any], key: str, pointer: str, *, least: int, most: int
    ) -> list[tuple[str, Any]]:
        """Return the entries of a list member, each with its pointer.

        Records a problem when there are too few or too many.
        """
        if key not in holder:
            self.add(pointer, f"missing required field: {key}")
            return []
        return self.check_list(holder[key], f"{pointer}/{key}", least=least, most=most)

    def check_list(
        self, value: Any, pointer: str, *, least: int, most: int
    ) -> list[tuple[str, Any]]:
        """Return the entries of this list, each with its pointer.

        Records a problem when there are too few or too many.
        """
        if not isinstance(value, list):
            self.add(pointer, "must be a list")
            return []
        if len(value) < least:
            self.add(pointer, f"no fewer than {least} items allowed")
        if len(value) > most:
            self.add(pointer, f"no more than {most} items allowed")
        return [(f"{pointer}/{index}", item) for index, item in enumerate(value)]

    def check_unique_names(self, names: Iterable[tuple[str, Any]], what: str) -> None:
        """Check that no name comes twice among (pointer, name) pairs.

        Names that are absent do not count.
        """
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
    """Limits of a text object: its length in characters, its kinds, and if it is required."""

    limit: int
    kinds: tuple[str, ...] = BOTH
    required: bool = True
